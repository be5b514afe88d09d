//! Configs with what is said of them: `tests/config/bad/*` with all diagnostics, `tests/config/good/*` with the lab that
//! they come to. A new case is a new file; `UPDATE_EXPECT=1 cargo test` writes what is expected of it.

mod config_property;
mod fake_drivers;

use std::path::{Path, PathBuf};

use baton_host::config::{self, Catalogue, Files, LabConfig, NoDrivers, Resolution, Surroundings, System, render};
use expect_test::{expect, expect_file};
use fake_drivers::FakeDrivers;

/// This machine, with a fixed environment.
struct FixedEnvironment;

impl Surroundings for FixedEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "SUPPLY_PORT" => Some("5025".into()),
            "SUPPLY_PASSWORD" => Some("hunter2".into()),
            _ => None,
        }
    }

    fn read(&self, path: &Path) -> std::io::Result<String> {
        System.read(path)
    }

    fn content_hash(&self, path: &Path) -> Option<String> {
        System.content_hash(path)
    }
}

/// Every case of a folder: a TOML file, or a folder of them.
fn cases(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new("tests/config").join(folder)).expect("the folder of the cases is there");
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let mut cases: Vec<PathBuf> = paths
        .filter(|path| path.is_dir() || path.extension().is_some_and(|e| e == "toml"))
        .collect();
    cases.sort();
    cases
}

fn resolve(path: &Path, catalogue: &dyn Catalogue) -> Resolution {
    match Files::read(path) {
        Ok(files) => config::resolve(&files, catalogue, &FixedEnvironment, Some("cellar")),
        Err(diagnostics) => Resolution {
            config: None,
            diagnostics,
        },
    }
}

fn without_folder(text: &str) -> String {
    text.replace(&format!("{}/", env!("CARGO_MANIFEST_DIR")), "")
}

#[track_caller]
fn expect_beside(case: &Path, actual: &str) {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(case.with_extension("expected"));
    expect_file![beside].assert_eq(&without_folder(actual));
}

#[test]
fn of_a_broken_config_everything_is_told() {
    let cases = cases("bad");
    assert!(cases.len() >= 20, "there are {} broken configs", cases.len());
    for case in cases {
        let Resolution { config, diagnostics } = resolve(&case, &FakeDrivers::new());
        assert!(config.is_none(), "{} has a result", case.display());
        expect_beside(&case, &render::text(&diagnostics, false));
    }
}

#[test]
fn a_good_config_comes_to_a_lab() {
    for case in cases("good") {
        let Resolution { config, diagnostics } = resolve(&case, &FakeDrivers::new());
        let drawn = render::text(&diagnostics, false);
        let config = config.unwrap_or_else(|| panic!("{} is good:\n{drawn}", case.display()));
        expect_beside(&case, &format!("{drawn}{}", tell(&config)));
    }
}

/// A lab in few words.
fn tell(lab: &LabConfig) -> String {
    let mut out = format!("lab {:?} {:?}\n{:?}\n", lab.name, lab.description, lab.host);
    for c in &lab.controllers {
        out += &format!(
            "controller {} {}/{} {} exclusive={} ",
            c.name, c.driver, c.controller_type, c.options, c.exclusive
        );
        out += &format!("({})\n", c.origin);
    }
    for d in &lab.devices {
        let controller = d
            .controller
            .as_ref()
            .map(|name| format!(" on {name}"))
            .unwrap_or_default();
        out += &format!(
            "device {} {}/{}{controller} {:?} ({})\n",
            d.name, d.driver, d.device_type, d.on_exit, d.origin
        );
        out += &format!("    options {}\n", d.options);
        for member in &d.members {
            out += &format!("    member {} {:?}\n", member.device, member.parameter);
        }
        for (name, p) in &d.parameters {
            out += &format!("    {name}: {p:?}\n        effective {:?}\n", d.limits(name));
        }
        for (name, timeout) in &d.commands {
            out += &format!("    {name}(): {timeout:?}\n");
        }
    }
    let files: Vec<_> = lab.files.iter().map(|path| path.display().to_string()).collect();
    out + &format!("files {}\n", files.join(", "))
}

#[test]
fn without_drivers_the_form_is_checked_and_each_driver_is_warned_of_once() {
    let Resolution { config, diagnostics } = resolve(Path::new("tests/config/good/lab.toml"), &NoDrivers);
    assert_eq!(config.expect("the form is good").missing_drivers, ["sim", "stream"]);
    expect_file!["config/offline.expected"].assert_eq(&render::text(&diagnostics, false));

    let broken = resolve(Path::new("tests/config/bad/unknown-key.toml"), &NoDrivers);
    assert!(broken.config.is_none());
}

#[test]
fn programs_get_json() {
    let Resolution { diagnostics, .. } =
        resolve(Path::new("tests/config/bad/unknown-driver.toml"), &FakeDrivers::new());
    let json = serde_json::to_string_pretty(&render::json(&diagnostics)).expect("it is JSON");
    expect_file!["config/diagnostics.json"].assert_eq(&(json + "\n"));
    expect![[r#"{"schema":1,"valid":true,"error_count":0,"warning_count":0,"diagnostics":[]}"#]]
        .assert_eq(&render::json(&[]).to_string());
}

#[test]
fn colours_come_only_when_asked_for() {
    let Resolution { diagnostics, .. } =
        resolve(Path::new("tests/config/bad/unknown-driver.toml"), &FakeDrivers::new());
    assert!(render::text(&diagnostics, true).contains("\u{1b}["));
    assert!(!render::text(&diagnostics, false).contains("\u{1b}["));
}

#[test]
fn the_schema_for_editors_is_pinned() {
    let schema = config::schema::schema(&FakeDrivers::new());
    let json = serde_json::to_string_pretty(schema.as_value()).expect("it is JSON");
    expect_file!["config/schema.json"].assert_eq(&(json + "\n"));
}

#[test]
fn a_config_whose_lines_only_moved_is_the_same() {
    let path = Path::new("tests/config/good/lab.toml");
    let text = std::fs::read_to_string(path).expect("the case is there");
    let folder = std::path::absolute("tests/config/good").expect("there is a current folder");
    let resolve = |text: String| {
        let source = baton_plugin_api::source::Source::new("lab.toml", text);
        let files = Files::from_sources(&folder, [source]);
        config::resolve(&files, &FakeDrivers::new(), &FixedEnvironment, None)
            .config
            .expect("the case is good")
    };
    let before = resolve(text.clone());
    assert_eq!(before, resolve(format!("# A comment.\n\n{text}")));
    assert_ne!(before, resolve(text.replace("\"50 mm\"", "\"49 mm\"")));
}

#[test]
fn what_cannot_be_read_is_told_of_without_a_place() {
    let told = |path: &str| render::text(&resolve(Path::new(path), &FakeDrivers::new()).diagnostics, false);
    expect![[r#"
        error: cannot read tests/config/none.toml: No such file or directory (os error 2)

        1 error
    "#]]
    .assert_eq(&told("tests/config/none.toml"));
    expect![[r#"
        error: there is no *.toml file in the folder tests/fake_drivers

        1 error
    "#]]
    .assert_eq(&told("tests/fake_drivers"));
}

/// `baton status` says what was given to `baton run`: of a folder, the folder and not one of its files.
#[test]
fn a_lab_knows_what_it_was_read_from() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (name, text) in [("a.toml", "[lab]\nname = \"two files\"\n"), ("b.toml", "[host]\n")] {
        std::fs::write(folder.path().join(name), text).expect("a file in it");
    }
    let read_from = |path: &Path| resolve(path, &NoDrivers).config.expect("it is good").path;
    assert_eq!(read_from(folder.path()), folder.path());
    let file = folder.path().join("a.toml");
    assert_eq!(read_from(&file), file);
}

#[test]
fn the_folders_of_drivers_are_known_before_the_drivers_are() {
    let files = Files::read(Path::new("tests/config/good/lab.toml")).expect("the case is there");
    let folders = |machine| without_folder(&format!("{:?}", files.driver_folders(machine)));
    expect![[r#"["tests/config/good/drivers"]"#]].assert_eq(&folders(None));
    expect![[r#"["tests/config/good/drivers", "/opt/baton"]"#]].assert_eq(&folders(Some("cellar")));
}

/// A text with a few pieces cut out, doubled, or put in.
fn damaged(text: &str, damages: &[(usize, usize, usize)]) -> String {
    const PIECES: [&str; 12] = [
        "[",
        "]",
        "{",
        "}",
        "=",
        "\"",
        "\n",
        ".",
        "'''",
        "nan",
        "Å",
        "\r\n[devices.stage]\ntype = 5\n",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for &(at, length, piece) in damages {
        let at = at % (chars.len() + 1);
        let end = (at + length).min(chars.len());
        let piece = PIECES.get(piece).map(|piece| piece.chars().collect());
        let piece: Vec<char> = piece.unwrap_or_else(|| chars[at..end].repeat(2));
        chars.splice(at..end, piece);
    }
    chars.into_iter().collect()
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(300))]

    #[test]
    fn no_text_upsets_the_resolver(
        damages in proptest::collection::vec((0..4000usize, 0..30usize, 0..14usize), 1..4),
    ) {
        let folder = std::path::absolute("tests/config/good")?;
        let text = damaged(include_str!("config/good/lab.toml"), &damages);
        let source = baton_plugin_api::source::Source::new("lab.toml", text);
        let files = Files::from_sources(&folder, [source]);
        let Resolution { config, diagnostics } = config::resolve(&files, &FakeDrivers::new(), &FixedEnvironment, Some("cellar"));
        proptest::prop_assert_eq!(config.is_none(), diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
        for diagnostic in &diagnostics {
            render::text(std::slice::from_ref(diagnostic), true);
        }
        files.driver_folders(Some("cellar"));
    }
}

#[test]
fn configs_that_came_once_are_still_borne() {
    let folder = Path::new("../tests/fuzz/corpus/config");
    let entries = std::fs::read_dir(folder).expect("there is a corpus");
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let count = paths
        // Only a test that fails shows it.
        .inspect(|path| eprintln!("{}", path.display()))
        .map(|path| config_property::config(&std::fs::read(path).expect("a file of the corpus can be read")))
        .count();
    assert!(count > 0, "there is nothing in it");
}
