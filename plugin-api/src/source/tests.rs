use expect_test::{Expect, expect};
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Instrument {
    /// What the instrument is called.
    name: String,
    #[schemars(range(max = 9))]
    retries: Option<u8>,
    #[schemars(extend("unit" = "s"))]
    timeout: Option<f64>,
    #[schemars(extend("unit" = "mm"))]
    travel: Option<(f64, f64)>,
    line: Option<Line>,
    parity: Option<Parity>,
    transport: Option<Transport>,
    format: Option<Format>,
    framing: Option<Framing>,
    #[serde(default)]
    commands: std::collections::BTreeMap<String, Command>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Command {
    send: String,
    reply: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only the schema is of interest")]
enum Line {
    Text(String),
    Both { read: String, write: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only the schema is of interest")]
enum Framing {
    Word(Parity),
    Table { parity: Parity },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Parity {
    /// No bit.
    None,
    /// An even number of ones.
    Even,
    /// An odd number of ones.
    Odd,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
enum Transport {
    Tcp { host: String, port: u16 },
    Serial { path: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only the schema is of interest")]
enum Format {
    Plain,
    Number { digits: u8 },
    Choice { names: Vec<String> },
}

fn tell(diagnostics: &[Diagnostic], out: &mut String) {
    for diagnostic in diagnostics {
        out.push_str(&format!("{diagnostic}\n"));
        if let Some(place) = &diagnostic.place {
            let start = place.span.start - place.excerpt_start;
            let end = (place.span.end - place.excerpt_start).min(place.excerpt.len());
            out.push_str(&format!("    |{}|\n", &place.excerpt[start..end]));
        }
        if let Some(help) = &diagnostic.help {
            out.push_str(&format!("    help: {help}\n"));
        }
    }
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    let mut out = String::new();
    match Source::new("x.toml", text).parse() {
        Err(errors) => tell(&errors, &mut out),
        Ok(tree) => {
            let checked = tree.check(&schemars::schema_for!(Instrument));
            for mark in &checked.marks {
                out.push_str(&format!(
                    "mark {} {:?} {:?}\n",
                    mark.path.join("."),
                    mark.text,
                    mark.kind
                ));
            }
            tell(&checked.into_diagnostics(), &mut out);
        }
    }
    expected.assert_eq(&out);
}

#[test]
fn a_table_may_be_meant_for_one_that_is_there() {
    check(
        "name = 'x'\n[commands.go]\nsend = 'GO'\n[command.stop]\nsend = 'H'\n",
        expect![[r#"
            x.toml:4:2: error: unknown key `command`
                |command|
                help: did you mean `commands`?
        "#]],
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    check(
        "nam = 'x'\nretries = 10\nparity = 'evn'\n[commands.go]\nsend = 5\nreplay = 'ok'\n[commands.stop]\n",
        expect![[r#"
            x.toml:1:1: error: unknown key `nam`
                |nam|
                help: did you mean `name`?
            x.toml:2:11: error: `retries` must be at most 9
                |10|
            x.toml:3:10: error: `parity` cannot be `evn`
                |'evn'|
                help: did you mean `even`? (choices: `none`, `even`, `odd`)
            x.toml:5:8: error: `send` must be a string, not an integer
                |5|
                help: put it in quotes: `"5"`
            x.toml:6:1: error: unknown key `replay`
                |replay|
                help: did you mean `reply`?
            x.toml:7:1: error: `send` is missing in `stop`
                |[commands.stop]|
        "#]],
    );
}

#[test]
fn a_number_with_a_unit_is_a_string() {
    check(
        "name = 'x'\ntimeout = 5\ntravel = ['0 mm', 12.5]",
        expect![[r#"
            mark travel.0 "0 mm" Quantity { unit: "mm", is_difference: false, minimum: None, maximum: None }
            x.toml:2:11: error: `timeout` has no unit
                |5|
                help: write `"5 s"`
            x.toml:3:19: error: `travel[1]` has no unit
                |12.5|
                help: write `"12.5 mm"`
        "#]],
    );
    check(
        "name = 'x'\ntimeout = '200 ms'\ntravel = ['0 mm', '1 cm']",
        expect![[r#"
        mark timeout "200 ms" Quantity { unit: "s", is_difference: false, minimum: None, maximum: None }
        mark travel.0 "0 mm" Quantity { unit: "mm", is_difference: false, minimum: None, maximum: None }
        mark travel.1 "1 cm" Quantity { unit: "mm", is_difference: false, minimum: None, maximum: None }
    "#]],
    );
    check(
        "name = 'x'\ntimeout = true\ntravel = ['0 mm']",
        expect![[r#"
            x.toml:2:11: error: `timeout` must be a quantity, not a bool
                |true|
                help: write a number with its unit in quotes, such as `"5 s"`
            x.toml:3:10: error: `travel` must have 2 items, not 1
                |['0 mm']|
        "#]],
    );
}

#[test]
fn of_alternatives_the_one_that_was_meant_is_explained() {
    check(
        "name = 'x'\ntransport = { kind = 'tpc', host = 'a' }",
        expect![[r#"
            x.toml:2:22: error: `kind` cannot be `tpc`
                |'tpc'|
                help: did you mean `tcp`? (choices: `tcp`, `serial`)
        "#]],
    );
    check(
        "name = 'x'\ntransport = { kind = 'tcp', host = 'a' }",
        expect![[r#"
            x.toml:2:13: error: `port` is missing in `transport`
                |{ kind = 'tcp', host = 'a' }|
        "#]],
    );
    check(
        "name = 'x'\ntransport = { host = 'a' }",
        expect![[r#"
            x.toml:2:13: error: `kind` is missing in `transport`
                |{ host = 'a' }|
            x.toml:2:13: error: `port` is missing in `transport`
                |{ host = 'a' }|
        "#]],
    );
    check(
        "name = 'x'\nline = 5",
        expect![[r#"
            x.toml:2:8: error: `line` must be a string or a table, not an integer
                |5|
                help: put it in quotes: `"5"`
        "#]],
    );
    check(
        "name = 'x'\nline = { read = 'a' }",
        expect![[r#"
            x.toml:2:8: error: `write` is missing in `line`
                |{ read = 'a' }|
        "#]],
    );
    check(
        "name = 'x'\nformat = { number = { digits = 'a' } }",
        expect![[r#"
            x.toml:2:32: error: `digits` must be an integer, not a string
                |'a'|
        "#]],
    );
    check(
        "name = 'x'\nframing = 'evn'",
        expect![[r#"
            x.toml:2:11: error: `framing` cannot be `evn`
                |'evn'|
                help: did you mean `even`? (choices: `none`, `even`, `odd`)
        "#]],
    );
    check(
        "name = 'x'\nformat = 'plan'",
        expect![[r#"
            x.toml:2:10: error: `format` cannot be `plan`
                |'plan'|
                help: did you mean `plain`?
        "#]],
    );
}

#[test]
fn kinds_that_json_lacks_are_refused() {
    check(
        "name = 2026-01-01\ncommands = { go = { send = 'x', reply = nan } }",
        expect![[r#"
            x.toml:1:8: error: `name` must be a string, not a date or time
                |2026-01-01|
                help: put it in quotes: `"2026-01-01"`
            x.toml:2:41: error: `reply` must be a string, not `nan` or `inf`
                |nan|
        "#]],
    );
    let tree = Source::new("x.toml", "a = [1, nan]\nb = 07:32:00\nc = -inf")
        .parse()
        .unwrap();
    let anything = schemars::Schema::from(true);
    let mut out = String::new();
    tell(&tree.check(&anything).into_diagnostics(), &mut out);
    expect![[r#"
        x.toml:1:9: error: `a[1]` cannot be `nan` or `inf`
            |nan|
        x.toml:2:5: error: `b` cannot be a date or time
            |07:32:00|
        x.toml:3:5: error: `c` cannot be `nan` or `inf`
            |-inf|
    "#]]
    .assert_eq(&out);
}

#[test]
fn mistakes_against_the_grammar_have_a_place() {
    check(
        "name = 'x\nretries = \n[commands\n",
        expect![[r#"
            x.toml:1:10: error: invalid literal string, expected `'`
                ||
            x.toml:2:11: error: string values must be quoted, expected literal string
                ||
            x.toml:3:10: error: unclosed table, expected `]`
                ||
        "#]],
    );
    check(
        "name = 'x'\nname = 'y'\nretries = 99999999999999999999",
        expect![[r#"
            x.toml:2:1: error: `name` is defined twice
                |name|
            x.toml:3:11: error: the integer does not fit into 64 bits
                |99999999999999999999|
        "#]],
    );
}

#[test]
fn places_count_characters_and_survive_windows_line_ends() {
    check(
        "# Å\r\nname = 'Å' # \r\nretries = 'Å'",
        expect![[r#"
            x.toml:3:11: error: `retries` must be an integer, not a string
                |'Å'|
        "#]],
    );
}

#[test]
fn loose_text_takes_the_kind_that_is_due_and_is_not_quoted() {
    let source = Source::new("x.toml", "name = 1\nretries = 1\nparity = 1");
    let mut tree = source.parse().unwrap().root().clone();
    let NodeValue::Table(entries) = &mut tree.value else {
        unreachable!()
    };
    for (entry, text) in entries.iter_mut().zip(["5025", " 3", "secret"]) {
        entry.node.value = NodeValue::Loose(text.into());
    }
    let schema = schemars::schema_for!(Instrument);
    let checked = source.parse().unwrap().check_node(&tree, &[], &schema);
    assert_eq!(checked.value["name"], "5025");
    assert_eq!(checked.value["retries"], 3);
    assert!(checked.is_ok_at(&["retries"]) && !checked.is_ok_at(&["parity"]));
    let mut out = String::new();
    tell(&checked.into_diagnostics(), &mut out);
    expect![[r#"
        x.toml:3:10: error: `parity` cannot be the text that was looked up for it
            |1|
            help: choices: `none`, `even`, `odd`
    "#]]
    .assert_eq(&out);
}

#[test]
fn paths_lead_to_keys_and_values() {
    let source = Source::new("x.toml", "[commands.go]\nsend = ['a', 'bc']\n");
    let tree = source.parse().unwrap();
    assert_eq!(tree.span_of(&["commands", "go", "send", "1"]), Some(27..31));
    assert_eq!(tree.key_span_of(&["commands", "go"]), Some(10..12));
    assert_eq!(tree.place_of(&["commands", "go", "reply", "x"]).line, 1);
    assert_eq!(tree.key_place_of(&["commands", "go", "reply"]).column, 11);
    assert_eq!(tree.span_of(&["nothing"]), None);
}
