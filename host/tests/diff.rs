//! What lies between two configs (R2, R4): an edit of a small lab each, and what it comes to.

mod fake_drivers;

use baton_host::config::{
    self, Files, LabConfig, System,
    diff::{Difference, Fate, Way},
};
use baton_plugin_api::source::Source;
use expect_test::{Expect, expect};
use fake_drivers::FakeDrivers;
use proptest::prelude::*;

const LAB: &str = r#"
[lab]
name = "small"

[host]
poll = "2 s"

[controllers.rack]
driver = "sim"
type = "rack"
options = { address = "10.0.0.7" }

[devices.stage]
driver = "sim"
type = "motor"
options = { velocity = "2 mm/s", label = "left" }
[devices.stage.parameters.position]
limits = ["0 mm", "50 mm"]
[devices.stage.parameters.velocity]
initial = "2 mm/s"

[devices.axis]
controller = "rack"
type = "axis"
options = { number = 1 }

[devices.psu]
driver = "sim"
type = "supply"
options = { line = { kind = "tcp", host = "psu1", port = 5025 }, password = { file = "password.txt" } }

[devices.bath]
driver = "stream"
type = "instrument"
options = { instrument = "thermostat.instrument", address = "10.0.0.9:4001" }
"#;

/// A folder with what the lab needs, and the lab after an edit.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let case = Folder(folder);
        case.write("password.txt", "hunter2");
        case.write("thermostat.instrument", "name = \"FP50\"\n");
        case
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("a file in the test's folder");
    }

    #[track_caller]
    fn resolve(&self, text: String) -> LabConfig {
        let files = Files::from_sources(self.0.path(), [Source::new("lab.toml", text)]);
        let resolution = config::resolve(&files, &FakeDrivers::new(), &System, None);
        let drawn = config::render::text(&resolution.diagnostics, false);
        resolution
            .config
            .unwrap_or_else(|| panic!("the edited lab is sound:\n{drawn}"))
    }
}

/// What `old` → `new` in the text of the lab comes to.
#[track_caller]
fn edit(old: &str, new: &str) -> Difference {
    assert!(LAB.contains(old), "`{old}` is in the lab");
    let folder = Folder::new();
    Difference::between(&folder.resolve(LAB.into()), &folder.resolve(LAB.replacen(old, new, 1)))
}

#[track_caller]
fn comes_to(old: &str, new: &str, expected: Expect) {
    expected.assert_eq(&edit(old, new).to_string());
}

/// R2: what was not touched is not in the plan.
#[test]
fn r2_lines_that_only_move_and_other_spellings_are_no_change() {
    comes_to("[devices.stage]", "# A comment.\n\n\n[devices.stage]", expect![[""]]);
    comes_to("\"50 mm\"", "\"5 cm\"", expect![[""]]);
    comes_to("\"2 s\"", "\"2000 ms\"", expect![[""]]);
}

/// R4: narrower limits apply at once, wider ones wait.
#[test]
fn r4_limits_that_only_forbid_come_at_once() {
    comes_to(
        "\"50 mm\"]",
        "\"40 mm\"]",
        expect![[r#"
            ~ device stage
                parameters.position.limits: [0, 50] mm → [0, 40] mm   at once   lab.toml:18:1
        "#]],
    );
    comes_to(
        "\"50 mm\"]",
        "\"60 mm\"]",
        expect![[r#"
            ~ device stage
                parameters.position.limits: [0, 50] mm → [0, 60] mm   when it is free   lab.toml:18:1
        "#]],
    );
    // Wider at one end and narrower at the other is wider.
    comes_to(
        "[\"0 mm\", \"50 mm\"]",
        "[\"10 mm\", \"60 mm\"]",
        expect![[r#"
            ~ device stage
                parameters.position.limits: [0, 50] mm → [10, 60] mm   when it is free   lab.toml:18:1
        "#]],
    );
    // Wider than what the driver allows changes nothing that counts, and removing them allows more.
    comes_to(
        "limits = [\"0 mm\", \"50 mm\"]\n",
        "",
        expect![[r#"
            ~ device stage
                parameters.position.limits: [0, 50] mm → nothing   when it is free   lab.toml:13:10
        "#]],
    );
}

#[test]
fn r2_what_only_the_host_needs_comes_while_the_device_runs() {
    comes_to(
        "poll = \"2 s\"",
        "poll = \"3 s\"",
        expect![[r#"
        ~ host.poll: 2 s → 3 s   at once
    "#]],
    );
    comes_to(
        "initial = \"2 mm/s\"",
        "initial = \"3 mm/s\"\npoll = \"1 s\"",
        expect![[r#"
            ~ device stage
                parameters.velocity.poll: → 1 s   at once   lab.toml:21:1
                parameters.velocity.initial: 2 mm/s → 3 mm/s   when it is free   lab.toml:20:1
        "#]],
    );
    comes_to(
        "initial = \"2 mm/s\"",
        "sign = -1\nzero = \"1 mm/s\"",
        expect![[r#"
        ~ device stage
            parameters.velocity.sign: → -1   when it is free   lab.toml:20:1
            parameters.velocity.zero: → 1 mm/s   when it is free   lab.toml:21:1
            parameters.velocity.initial: 2 mm/s → nothing   at once   lab.toml:13:10
    "#]],
    );
    comes_to(
        "limits = [\"0 mm\", \"50 mm\"]",
        "limits = [\"0 mm\", \"50 mm\"]\nrate = \"1 mm/s\"",
        expect![[r#"
            ~ device stage
                parameters.position.ramp: → rate 1 mm/s   when it is free   lab.toml:19:1
        "#]],
    );
    comes_to(
        "[devices.axis]",
        "[devices.axis]\ndescription = \"upper\"\non_exit = \"keep\"\non_disconnect = \"stop\"",
        expect![[r#"
            ~ device axis
                description: → "upper"   at once   lab.toml:22:10
                on_exit: stop → keep   at once   lab.toml:22:10
                on_disconnect: keep → stop   at once   lab.toml:22:10
        "#]],
    );
}

#[test]
fn r2_options_open_their_device_again_and_no_other() {
    comes_to(
        "psu1",
        "psu2",
        expect![[r#"
        ~ device psu
            options.line.host: "psu1" → "psu2"   opens it again   lab.toml:27:10
    "#]],
    );
    comes_to(
        "velocity = \"2 mm/s\", label = \"left\"",
        "velocity = \"4 mm/s\"",
        expect![[r#"
            ~ device stage
                options.label: "left" → nothing   opens it again   lab.toml:13:10
                options.velocity: 2.0 → 4.0   opens it again   lab.toml:13:10
        "#]],
    );
    comes_to(
        "number = 1",
        "number = 2",
        expect![[r#"
        ~ device axis
            options.number: 1 → 2   opens it again   lab.toml:22:10
    "#]],
    );
    comes_to(
        "10.0.0.7",
        "10.0.0.8",
        expect![[r#"
        ~ controller rack
            options.address: "10.0.0.7" → "10.0.0.8"   opens it again   lab.toml:8:14
    "#]],
    );
}

/// What was looked up may be a secret: a plan is printed, logged and sent to clients.
#[test]
fn what_was_looked_up_is_not_shown() {
    let folder = Folder::new();
    let old = folder.resolve(LAB.into());
    folder.write("password.txt", "correct horse");
    let difference = Difference::between(&old, &folder.resolve(LAB.into()));
    expect![[r#"
        ~ device psu
            options.password: (looked up) → (looked up)   opens it again   lab.toml:27:10
    "#]]
    .assert_eq(&difference.to_string());
    let json = serde_json::to_string(&difference).expect("it is JSON");
    assert!(!json.contains("hunter2") && !json.contains("correct horse"), "{json}");
}

/// R1: compared by content.
#[test]
fn r1_an_instrument_file_with_another_content_opens_its_device_again() {
    let folder = Folder::new();
    let old = folder.resolve(LAB.into());
    folder.write("thermostat.instrument", "name = \"FP50\"\nterminator = \"\\r\"\n");
    let difference = Difference::between(&old, &folder.resolve(LAB.into()));
    let text = difference
        .to_string()
        .replace(&folder.0.path().display().to_string(), "FOLDER");
    expect![[r#"
        ~ device bath
            options.instrument: "FOLDER/thermostat.instrument" → "FOLDER/thermostat.instrument", whose content is another   opens it again   lab.toml:32:10
    "#]].assert_eq(&text);
}

#[test]
fn what_is_new_or_gone_is_told_with_its_place() {
    let axis = &LAB[LAB.find("[devices.axis]").unwrap()..LAB.find("[devices.psu]").unwrap()];
    comes_to(
        axis,
        "",
        expect![[r#"
        - device axis   lab.toml:22:10
    "#]],
    );
    comes_to(
        axis,
        &format!("{axis}{}", axis.replace("axis]", "axis2]").replace("= 1", "= 2")),
        expect![[r#"
            + device axis2   lab.toml:27:10
        "#]],
    );
}

/// R5: a client goes on with what it knows, unless that is wrong.
#[test]
fn r5_another_type_or_unit_is_another_description() {
    let stage = "driver = \"sim\"\ntype = \"motor\"\noptions = { velocity = \"2 mm/s\", label = \"left\" }\n\
                 [devices.stage.parameters.position]\nlimits = [\"0 mm\", \"50 mm\"]\n\
                 [devices.stage.parameters.velocity]\ninitial = \"2 mm/s\"\n";
    comes_to(
        stage,
        "driver = \"sim\"\ntype = \"logger\"\n",
        expect![[r#"
        ~ device stage   is described anew
            type: "motor" → "logger"   opens it again   lab.toml:13:10
            options.label: "left" → nothing   opens it again   lab.toml:13:10
            options.velocity: 2.0 → nothing   opens it again   lab.toml:13:10
            on_exit: stop → keep   at once   lab.toml:13:10
            parameters.position.limits: [0, 50] → nothing   when it is free   lab.toml:13:10
            parameters.velocity.initial: 2 → nothing   at once   lab.toml:13:10
    "#]],
    );
    comes_to(
        "limits = [\"0 mm\", \"50 mm\"]",
        "scale = \"2 deg\"\nlimits = [\"0 deg\", \"50 deg\"]",
        expect![[r#"
            ~ device stage   is described anew
                parameters.position.scale: → 2 deg   when it is free   lab.toml:18:1
        "#]],
    );
}

#[test]
fn what_the_host_cannot_change_while_it_runs_is_named() {
    comes_to(
        "poll = \"2 s\"",
        "poll = \"2 s\"\nlisten = \"127.0.0.1:7777\"\nasync = false",
        expect![[r#"
            ~ host.listen: 127.0.0.1:10767 → 127.0.0.1:7777   needs a restart of the host
            ~ host.async: true → false   needs a restart of the host
        "#]],
    );
    let way = |old: &str, new: &str| match &edit(old, new).parts[0].fate {
        Fate::Changed { changes, .. } => changes[0].way,
        other => panic!("it is {other:?}"),
    };
    assert_eq!(way("psu1", "psu2"), Way::Reopen);
}

/// Pieces of the lab, each with others in its place.
const EDITS: &[(&str, &[&str])] = &[
    ("\"50 mm\"", &["\"40 mm\"", "\"5 cm\"", "\"60 mm\""]),
    ("initial = \"2 mm/s\"", &["initial = \"1 mm/s\"", "poll = \"1 s\"", ""]),
    ("label = \"left\"", &["label = \"right\""]),
    ("number = 1", &["number = 2"]),
    ("psu1", &["psu2", "psu3"]),
    ("poll = \"2 s\"", &["poll = \"1 s\"", ""]),
    ("name = \"small\"", &["name = \"large\""]),
    ("[devices.axis]", &["[devices.axle]"]),
];

fn edited(choice: &[usize]) -> String {
    let edits = EDITS.iter().zip(choice);
    edits.fold(LAB.to_owned(), |text, ((old, others), choice)| {
        match others.get(*choice) {
            Some(new) => text.replacen(old, new, 1),
            None => text,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// R2: a plan that was applied is empty, and there is one whenever the configs are not the same.
    #[test]
    fn r2_there_is_a_difference_exactly_if_the_configs_differ(
        one in prop::collection::vec(0..4usize, EDITS.len()),
        two in prop::collection::vec(0..4usize, EDITS.len()),
    ) {
        let folder = Folder::new();
        let (one, two) = (folder.resolve(edited(&one)), folder.resolve(edited(&two)));
        prop_assert_eq!(Difference::between(&one, &two).is_empty(), one == two);
        prop_assert!(Difference::between(&one, &one).is_empty());
        let (there, back) = (Difference::between(&one, &two), Difference::between(&two, &one));
        prop_assert_eq!(there.parts.len(), back.parts.len());
    }
}
