//! Labs with instruments from files, against the real driver.

use std::path::Path;

use baton_host::config::{Files, System, render, resolve};
use baton_tests::lab::drivers;
use expect_test::{Expect, expect};

/// What there is to say about a lab: what is wrong with it, or its devices with their parameters and limits.
#[track_caller]
fn check(file: &Path, expected: Expect) {
    let files = Files::read(file).unwrap_or_else(|found| panic!("{}", render::text(&found, false)));
    let resolution = resolve(&files, &drivers(), &System, None);
    let mut told = render::text(&resolution.diagnostics, false);
    for device in resolution.config.iter().flat_map(|lab| &lab.devices) {
        let table = &device.table;
        told.push_str(&format!("{} {:?} of {:?}\n", device.name, table.class(), table.main));
        for parameter in table.parameters.iter().filter(|parameter| parameter.writable) {
            let limits = device.limits(&parameter.name);
            let limits = [limits.lower, limits.upper].map(|at| at.map_or("-".to_owned(), |at| at.value.to_string()));
            told.push_str(&format!("  {} {}\n", parameter.name, limits.join(" to ")));
        }
    }
    // Whatever the folder of the test is called.
    let folder = file.parent().expect("a file is in a folder").display().to_string();
    expected.assert_eq(&told.replace(&format!("{folder}/"), ""));
}

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config/examples")
        .join(name)
}

#[test]
fn the_examples_are_sound() {
    check(
        &example("julabo.toml"),
        expect![[r#"
        bath Readable of Some("temperature")
          setpoint 5 to 80
          circulation - to -
          proportional_band 0.1 to 99.9
          reset_time 3 to 9999
          derivative_time 0 to 999
    "#]],
    );
    check(
        &example("motor.toml"),
        expect![[r#"
        stage Drivable of Some("position")
          position 0 to 250
    "#]],
    );
}

#[test]
fn mistakes_in_an_instrument_file_are_told_with_those_of_the_lab() {
    let folder = tempfile::tempdir().unwrap();
    let instrument = r#"[instrument]
name = "Box"

[line]
terminator = "\r\n"

[parameters.level]
read = { send = "L?", expect = "{:q}" }
write = { send = "L=" }
"#;
    let lab = r#"[lab]
name = "broken"

[devices.box]
driver = "stream"
type = "instrument"
options = { file = "box.toml", address = "127.0.0.1:1" }

[devices.bax]
driver = "stream"
type = "instrument"
options = { file = "bax.toml", adress = "127.0.0.1:1" }
"#;
    std::fs::write(folder.path().join("box.toml"), instrument).unwrap();
    let file = folder.path().join("lab.toml");
    std::fs::write(&file, lab).unwrap();
    check(
        &file,
        expect![[r#"
            error: there is no file `bax.toml`
              --> lab.toml:12:20
               |
            12 | options = { file = "bax.toml", adress = "127.0.0.1:1" }
               |                    ^^^^^^^^^^
               |
               = help: the path is relative to the folder of the config

            error: unknown key `adress`
              --> lab.toml:12:32
               |
            12 | options = { file = "bax.toml", adress = "127.0.0.1:1" }
               |                                ^^^^^^
               |
               = help: did you mean `address`?

            error: the placeholder is for text, and this is a number
             --> box.toml:8:33
              |
            8 | read = { send = "L?", expect = "{:q}" }
              |                                 ^^^^
              |
              = help: write `{:f}`, or `type = "text"`

            error: the value is not in what is sent
             --> box.toml:9:18
              |
            9 | write = { send = "L=" }
              |                  ^^^^
              |
              = help: put `{}`, or `{:.2f}`, in its place

            4 errors
        "#]],
    );
}
