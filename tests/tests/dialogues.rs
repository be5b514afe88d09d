//! The instruments that come with Baton, each against the dialogues beside its file.
//!
//! `julabo.dialogue` and `julabo.bath.dialogue` belong to `julabo.toml`.

use std::path::{Path, PathBuf};

use baton_host::{
    instrument::{InstrumentFile, ReplayError},
    plugin::{Drivers, Loader, SearchPath},
};
use expect_test::{Expect, expect};

fn drivers() -> Drivers {
    let files = ["stream", "modbus"].map(baton_tests::driver);
    Loader::new()
        .expect("a private folder for drivers")
        .scan(&SearchPath::named(files))
}

fn instruments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/instruments")
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(instruments()).expect("there are instruments");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry of the folder").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn find(file: &Path) -> InstrumentFile {
    InstrumentFile::find(file, drivers(), None).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays dialogues to an instrument file, both in a folder of their own.
#[track_caller]
fn check(file: &str, dialogue: &str, expected: Expect) {
    let folder = tempfile::tempdir().expect("a folder");
    let (file_path, dialogue_path) = (folder.path().join("a.toml"), folder.path().join("a.dialogue"));
    std::fs::write(&file_path, file).expect("it can be written");
    std::fs::write(&dialogue_path, dialogue).expect("it can be written");
    let told = match find(&file_path).replay(&dialogue_path, &[]) {
        Ok(replayed) => format!("{} actions, {} sent", replayed.actions, replayed.sent),
        Err(ReplayError::Differs(found)) => found.to_string() + &labels(&found),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&told.replace(&format!("{}/", folder.path().display()), ""));
}

fn labels(found: &baton_plugin_api::diagnostic::Diagnostic) -> String {
    let label = found.place.as_ref().map_or("", |place| place.label.as_str());
    let help = found.help.as_deref().unwrap_or_default();
    format!("\n{label}\n{help}").trim_end().to_owned()
}

#[test]
fn every_instrument_has_a_dialogue_that_it_passes() {
    let dialogues = files("dialogue");
    for file in files("toml") {
        let stem = file
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let belongs = |dialogue: &&PathBuf| {
            let name = dialogue.file_name().expect("a file has a name").to_string_lossy();
            name.strip_prefix(&stem).is_some_and(|rest| rest.starts_with('.'))
        };
        let own: Vec<_> = dialogues.iter().filter(belongs).collect();
        assert!(!own.is_empty(), "{} has no dialogue", file.display());
        let instrument = find(&file);
        for dialogue in own {
            if let Err(error) = instrument.replay(dialogue, &[]) {
                panic!("{error}");
            }
        }
    }
}

const PLAIN: &str = "\
[instrument]
name = \"A\"
[line]
terminator = \"\\n\"
reply_timeout = \"10 s\"
[parameters.level]
unit = \"V\"
limits = [0, 10]
read = { send = \"L?\", expect = \"{:f}\" }
write = { send = \"L {:.1f}\" }
";

#[test]
fn a_dialogue_that_is_kept_is_passed() {
    check(
        PLAIN,
        "read level\n-> L?\\n\n<- 1.5\\n\n= 1500 mV\nwrite level 2\n-> L 2.0\\n\nwrite level 11 V\n! RangeError: limits\n",
        expect!["3 actions, 2 sent"],
    );
}

#[test]
fn the_first_difference_is_told() {
    check(
        PLAIN,
        "read level\n-> LEVEL?\\n\n<- 1.5\\n\n= 1.5 V\n",
        expect![[r#"
            a.dialogue:2:4: error: `read level`: something else was sent
            expected this, got `L?\n`"#]],
    );
    check(
        PLAIN,
        "read level\n-> L?\\n\n<- 1.5\\n\n= 1.6 V\n",
        expect![[r#"
            a.dialogue:4:3: error: `read level`: the value is another
            expected this, got 1.5 V"#]],
    );
    check(
        PLAIN,
        "write level 2 V\n-> L 2.0\\n\n-> ERR?\\n\n",
        expect![[r#"
            a.dialogue:3:4: error: `write level 2 V`: this was not sent
            expected this, got nothing"#]],
    );
    check(
        PLAIN,
        "write level 2 V\n",
        expect![[r#"
            a.dialogue:1:1: error: `write level 2 V`: more was sent
            nothing should be sent, got `L 2.0\n`"#]],
    );
    check(
        PLAIN,
        "read level\n-> L?\\n\n<- high\\n\n",
        expect![[r#"
            a.dialogue:1:1: error: `read level` failed: sent `L?`, expected `{:f}`, got `high` (a number is missing at its start) (ReadFailed)

            if it has to, write `! ReadFailed` below it"#]],
    );
    check(
        PLAIN,
        "read levle\n",
        expect![[r#"
            a.dialogue:1:6: error: there is no parameter `levle`

            did you mean `level`?"#]],
    );
}

#[test]
fn what_comes_late_is_not_taken_for_the_next_answer() {
    check(
        &PLAIN.replace("10 s", "500 ms"),
        "read level\n-> L?\\n\n! TimeoutError\n<- 1.5\\n\nread level\n-> L?\\n\n<- 2.5\\n\n= 2.5 V\n",
        expect!["2 actions, 2 sent"],
    );
}

#[test]
fn what_is_said_at_the_beginning_is_part_of_the_dialogue() {
    let file = format!("init = [{{ send = \"REMOTE\" }}]\n{PLAIN}");
    check(
        &file,
        "read level\n-> L?\\n\n<- 1\\n\n= 1 V\n",
        expect![[r#"
            a.dialogue:1:1: error: opening the device sends `REMOTE\n`, and the dialogue does not say so

            begin with `open`, below it `-> REMOTE\n` and what is answered"#]],
    );
    check(
        &file,
        "open\n-> REMOTE\\n\nread level\n-> L?\\n\n<- 1\\n\n= 1 V\n",
        expect!["2 actions, 2 sent"],
    );
}

#[test]
fn a_mistake_in_either_file_is_told_as_everywhere() {
    check(
        &PLAIN.replace("{:f}", "{:y}"),
        "read level\n",
        expect![[r#"
            error: unknown placeholder `{:y}`
             --> a.toml:9:33
              |
            9 | read = { send = "L?", expect = "{:y}" }
              |                                 ^^^^
              |
              = help: placeholders: `{}` the value, `{:.2f}` a number, `{:d}` `{:x}` a whole number, `{:u16be}` one as bytes, `{:s}` text, `{name}` the value of another parameter, `{_}` anything, `{!sum8}` a checksum

            1 error
        "#]],
    );
}

/// One of several on a line, which says in each question which one is meant.
const STATION: &str = r##"
[instrument]
name = "A"
[line]
terminator = "\r"
[settings.station]
type = "integer"
limits = [1, 31]
[parameters.level]
read = { send = "#{$station:02d}?", expect = "{$station:02d} {:f}" }
"##;

#[test]
fn a_station_is_an_option_of_the_dialogue() {
    check(
        STATION,
        "with settings.station = 3\nread level\n-> #03?\\r\n<- 03 1.5\\r\n= 1.5\n",
        expect!["1 actions, 1 sent"],
    );
    check(
        STATION,
        "with settings.station = 32\nread level\n",
        expect![[r#"
        error: the setting `station`: 32 is outside of 1 to 31
         --> a.toml:6:1
          |
        6 | [settings.station]
          | ^^^^^^^^^^^^^^^^^^
          |
          = help: the lab's config gives it this value, under `options.settings`

        1 error
    "#]],
    );
}

#[test]
fn a_line_that_is_shared_is_told_who_is_meant() {
    check(
        PLAIN,
        "with line.select = \"++addr {station}\"\nwith station = 5\n\
         read level\n-> ++addr 5\\n\n-> L?\\n\n<- 1\\n\n= 1 V\n",
        expect!["1 actions, 2 sent"],
    );
}

#[test]
fn a_file_can_be_checked_without_what_it_leaves_to_the_lab() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.toml");
    std::fs::write(&file, STATION).expect("it can be written");
    let found = find(&file).check(&[]);
    assert!(found.config.is_some(), "{:?}", found.diagnostics);
    assert_eq!(find(&file).station(&[]).as_deref(), Some("settings.station"));
    let on_line = [("line.select".to_owned(), "\"{station}\"".to_owned())];
    assert_eq!(find(&file).station(&on_line).as_deref(), Some("station"));
}

/// One that reports by itself.
const TALKATIVE: &str = r#"
[instrument]
name = "A"
[line]
terminator = "\r\n"
[parameters.level]
unit = "V"
read = { send = "L?", expect = "{:f}" }
[unsolicited.report]
expect = "!L {level:f}"
[unsolicited.alarm]
expect = "ALARM {:d}"
[readings.both]
send = "B?"
expect = "{left:f},{right:f}"
[parameters.left]
unit = "mm"
[parameters.right]
unit = "mm"
"#;

#[test]
fn what_is_said_unasked_is_part_of_a_dialogue() {
    check(
        TALKATIVE,
        "listen\n<- !L 1.5\\r\\n\n* level = 1500 mV\n<- ALARM 3\\r\\n\n* alarm = 3\n\n\
         read level\n-> L?\\r\\n\n<- !L 1.7\\r\\n\n<- 1.6\\r\\n\n= 1.6 V\n* level = 1.7 V\n\n\
         read left\n-> B?\\r\\n\n<- 1,2\\r\\n\n= 1 mm\n* right = 2 mm\n",
        expect!["3 actions, 2 sent"],
    );
    check(
        TALKATIVE,
        "read left\n-> B?\\r\\n\n<- 1,2\\r\\n\n= 1 mm\n* right = 3 mm\n",
        expect![[r#"
            a.dialogue:5:3: error: `read left`: the value is another
            expected this, got 2 mm"#]],
    );
    check(
        TALKATIVE,
        "read left\n-> B?\\r\\n\n<- 1,2\\r\\n\n= 1 mm\n* top = 3 mm\n",
        expect![[r#"
            a.dialogue:5:3: error: `read left`: the device has no such parameter or message
            there is no `top`"#]],
    );
}

#[test]
fn what_is_said_at_the_end_is_part_of_the_dialogue_if_it_says_so() {
    let file = format!("exit = [{{ send = \"LOCAL\" }}]\n{PLAIN}");
    check(
        &file,
        "read level\n-> L?\\n\n<- 1\\n\n= 1 V\nclose\n-> LOCAL\\n\n",
        expect!["2 actions, 2 sent"],
    );
    check(
        &file,
        "read level\n-> L?\\n\n<- 1\\n\n= 1 V\n",
        expect!["1 actions, 1 sent"],
    );
    check(
        &file,
        "close\n-> REMOTE\\n\n",
        expect![[r#"
        a.dialogue:2:4: error: `close`: something else was sent
        expected this, got `LOCAL\n`"#]],
    );
}
