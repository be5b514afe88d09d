//! The parts that all instrument files share, with the smallest of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::schemars::{self, JsonSchema};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by the schema alone")]
struct File {
    instrument: About,
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 60.0))]
    patience: Option<f64>,
    #[serde(default)]
    parameters: BTreeMap<String, f64>,
    #[serde(default)]
    commands: BTreeMap<String, Meaning>,
}

fn understand(reader: &mut Reader<'_>) -> Option<(String, f64)> {
    reader.names();
    let about: Option<About> = reader.part(&["instrument"]);
    let patience: Option<f64> = reader.part(&["patience"]);
    Some((about?.sentence(), patience.unwrap_or(1.0)))
}

fn told(text: &str) -> Vec<String> {
    let outcome = read::<File, _>(&Source::new("box.toml", text), understand);
    outcome.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_file_is_understood() {
    let text = "patience = \"500 ms\"\n[instrument]\nname = \"Box\"\ndoc = \"a box\"\n[parameters]\nlevel = 1.0\n";
    let understood = read::<File, _>(&Source::new("box.toml", text), understand);
    assert_eq!(understood.unwrap(), ("Box: a box".to_owned(), 0.5));
}

#[test]
fn everything_wrong_is_told_in_the_order_of_the_file() {
    let text = "patience = \"2 h\"\n[instrument]\nnme = \"Box\"\n[parameters]\nstatus = 1.0\nlevel = 1\n[commands]\nLevel = \"idel\"\n";
    assert_eq!(
        told(text),
        [
            "box.toml:1:12: error: `2 h` is not between 0.001 s and 60 s",
            "box.toml:3:1: error: unknown key `nme`",
            "box.toml:5:1: error: `status` is a name that the host needs itself",
            "box.toml:8:1: error: `Level` is the name of something else already",
            "box.toml:8:9: error: `Level` cannot be `idel`",
        ]
    );
}
