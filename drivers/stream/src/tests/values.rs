//! What the values of exchanges become: readings of several parameters, bits, errors, results and messages.

use super::*;

const SUPPLY: &str = r#"
[instrument]
name = "Supply"
[line]
terminator = "\n"
reply_timeout = "3 s"
[settings.channel]
default = 1
limits = [1, 4]
[readings.all]
send = "MEAS? {$channel}"
expect = "{voltage:f},{current:d},{_}"
[readings.flags]
send = "STB?"
expect = "{:d}"
bits = { output = 0, mode = "1..2", fault = 7 }
[parameters.voltage]
unit = "V"
limits = [0, 30]
write = { send = "APPLY {:.2f},{current:d}" }
[parameters.current]
unit = "A"
scale = 0.001
write = { send = "CURR {:d}" }
[parameters.output]
type = "bool"
write = { send = "OUTP {}", values = { false = "OFF", true = "ON" } }
[parameters.mode]
values = { off = "0", cv = "1", cc = "2" }
[parameters.fault]
type = "bool"
[parameters.serial]
type = "integer"
read = { send = "SN?", expect = "{:d}" }
limits = [0, 9007199254740993]
write = { send = "SN {:d}" }
[commands.ramp]
send = "RAMP {:.1f}"
expect = "RAMP {:d} s"
argument = { unit = "V", limits = [0, 30] }
result = { unit = "s" }
long = true
[commands.clear]
send = "*CLS"
[status]
busy_while = { mode = "cc" }
[errors]
"ERR {:d}" = { kind = "HardwareError", codes = { 7 = { kind = "RangeError", text = "too much" }, 8 = "too hot" } }
"BUSY" = "IsBusy"
[error_query]
send = "SYST:ERR?"
expect = "{code:d},{text:q}"
codes = { -222 = { kind = "OutOfRange" } }
[unsolicited.tripped]
expect = "!TRIP {:d}"
[unsolicited.now]
expect = "!V {voltage:f}"
[[exit]]
send = "LOCAL"
"#;

fn supply(dialogue: Vec<(&'static str, &'static str)>) -> (Lab, thread::JoinHandle<()>) {
    let dialogue = dialogue
        .into_iter()
        .map(|(question, answer)| (question.to_owned(), answer.to_owned()))
        .collect();
    text_lab(SUPPLY, json!({}), dialogue)
}

/// A lab whose instrument ends its lines with a line feed alone.
fn text_lab(file: &str, settings: serde_json::Value, dialogue: Vec<(String, String)>) -> (Lab, thread::JoinHandle<()>) {
    let bytes = |(question, answer): (String, String)| {
        let end = if answer.is_empty() { "" } else { "\n" };
        (
            format!("{question}\n").into_bytes(),
            format!("{answer}{end}").into_bytes(),
        )
    };
    raw_lab(file, settings, dialogue.into_iter().map(bytes).collect())
}

/// A lab with an instrument that hears and says certain bytes, and an end of the connection after them.
pub(super) fn raw_lab(
    file: &str,
    settings: serde_json::Value,
    dialogue: Vec<(Vec<u8>, Vec<u8>)>,
) -> (Lab, thread::JoinHandle<()>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("box.toml");
    std::fs::write(&path, file).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let mut served = Served::accept(&listener);
        for (question, answer) in dialogue {
            let heard = served.hear_bytes(question.len());
            let (heard, question) = (crate::text::show(&heard), crate::text::show(&question));
            assert_eq!(heard, question);
            served.say(answer);
        }
    });
    let bench = Bench::open::<Instrument>(json!({ "file": path, "address": address, "settings": settings })).unwrap();
    (Lab { bench, _folder: folder }, thread)
}

fn published(lab: &Lab) -> Vec<String> {
    lab.bench
        .published()
        .into_iter()
        .map(|(name, value, _)| format!("{name} {value:?}"))
        .collect()
}

#[test]
fn one_answer_gives_readings_of_several_parameters() {
    let (mut lab, instrument) = supply(vec![
        ("MEAS? 1", "12.5,250,ok"),
        ("MEAS? 1", "12.6,251,ok"),
        ("STB?", "133"),
        ("STB?", "6"),
        ("LOCAL", ""),
    ]);
    let bench = &mut lab.bench;
    assert_eq!(bench.read("voltage").unwrap(), Value::Float(12.5));
    assert_eq!(bench.read("current").unwrap(), Value::Float(0.251));
    assert_eq!(bench.read("output").unwrap(), Value::Bool(true));
    assert_eq!(
        told(bench.read("mode")),
        "ReadFailed: sent `STB?`, expected `{:d}`, got `6` (bits 1..2 are 3, which is no value of mode)"
    );
    expect![[r#"
        current Float(0.25)
        voltage Float(12.6)
        mode Text("cc")
        fault Bool(true)"#]]
    .assert_eq(&published(&lab).join("\n"));
    lab.bench.close().unwrap();
    instrument.join().unwrap();
}

#[test]
fn a_setting_is_part_of_what_is_sent() {
    let question = ("MEAS? 3".to_owned(), "1,2,".to_owned());
    let (mut lab, instrument) = text_lab(SUPPLY, json!({ "channel": 3 }), vec![question]);
    assert_eq!(lab.bench.read("voltage").unwrap(), Value::Float(1.0));
    drop(lab);
    instrument.join().unwrap();
    let wrong = |settings: serde_json::Value| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.toml");
        std::fs::write(&path, SUPPLY).unwrap();
        let options = json!({ "file": path, "address": "127.0.0.1:1", "settings": settings });
        let message = told(Bench::open::<Instrument>(options).map(drop));
        message.replace(&folder.path().display().to_string(), "DIR")
    };
    expect![[r#"
        WrongType: the instrument file has no setting `chanel`; did you mean `channel`?
        WrongType: DIR/box.toml:7:1: error: the setting `channel`: 5 is outside of 1 to 4
        WrongType: DIR/box.toml:7:1: error: the setting `channel`: expected an integer, found text"#]]
    .assert_eq(
        &[
            json!({ "chanel": 1 }),
            json!({ "channel": 5 }),
            json!({ "channel": "two" }),
        ]
        .map(wrong)
        .join("\n"),
    );
}

#[test]
fn a_write_that_needs_another_value_asks_for_it() {
    let (mut lab, instrument) = supply(vec![
        ("MEAS? 1", "12.5,250,ok"),
        ("APPLY 5.00,250", ""),
        ("SYST:ERR?", "0,\"No error\""),
        ("OUTP ON", ""),
        ("SYST:ERR?", "0,\"No error\""),
    ]);
    lab.bench.write("voltage", 5.0).unwrap();
    lab.bench.write("output", true).unwrap();
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn the_error_queue_is_emptied_after_a_write_and_its_first_error_told() {
    let (mut lab, instrument) = supply(vec![
        ("CURR 1500", ""),
        ("SYST:ERR?", "-222,\"Data \"\"out\"\" of range\""),
        ("SYST:ERR?", "-113,\"Undefined header\""),
        ("SYST:ERR?", "+0,\"No error\""),
        ("*CLS", ""),
        ("SYST:ERR?", "-350,\"Queue overflow\""),
        ("SYST:ERR?", "0,\"No error\""),
    ]);
    assert_eq!(
        told(lab.bench.write("current", 1.5)),
        "OutOfRange: error -222 after `CURR 1500`: Data \"out\" of range (and 1 more)"
    );
    assert_eq!(
        told(lab.bench.run("clear", Value::Unit)),
        "HardwareError: error -350 after `*CLS`: Queue overflow"
    );
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn error_replies_have_their_kind_and_text() {
    let (mut lab, instrument) = supply(vec![
        ("MEAS? 1", "ERR 7"),
        ("MEAS? 1", "ERR 8"),
        ("MEAS? 1", "ERR 9"),
        ("SN?", "BUSY"),
        ("SN?", "12 34"),
    ]);
    let bench = &mut lab.bench;
    let outcomes = [
        told(bench.read("voltage")),
        told(bench.read("voltage")),
        told(bench.read("current")),
        told(bench.read("serial")),
        told(bench.read("serial")),
    ];
    expect![[r#"
        RangeError: too much (sent `MEAS? 1`, got the error `ERR 7`)
        HardwareError: too hot (sent `MEAS? 1`, got the error `ERR 8`)
        HardwareError: sent `MEAS? 1`, got the error `ERR 9`
        IsBusy: sent `SN?`, got the error `BUSY`
        ReadFailed: sent `SN?`, expected `{:d}`, got `12 34` (` 34` is too much)"#]]
    .assert_eq(&outcomes.join("\n"));
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn integers_are_exact_to_the_last_digit() {
    let (mut lab, instrument) = supply(vec![
        ("SN?", "9223372036854775807"),
        ("SN?", "9223372036854775808"),
        ("SN 9007199254740993", ""),
        ("SYST:ERR?", "0,\"\""),
    ]);
    let bench = &mut lab.bench;
    assert_eq!(bench.read("serial").unwrap(), Value::Int(i64::MAX));
    assert_eq!(
        told(bench.read("serial")),
        "ReadFailed: sent `SN?`, expected `{:d}`, got `9223372036854775808` (`9223372036854775808` is too great)"
    );
    bench.write("serial", 9_007_199_254_740_993_i64).unwrap();
    let refused = told(bench.write("serial", 9_007_199_254_740_994_i64));
    assert!(refused.starts_with("RangeError: "), "{refused}");
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn a_command_has_an_argument_and_a_result_and_may_take_long() {
    let (mut lab, instrument) = supply(vec![
        ("RAMP 12.5", "RAMP 40 s"),
        ("SYST:ERR?", "0,\"\""),
        ("STB?", "5"),
        ("STB?", "3"),
    ]);
    let bench = &mut lab.bench;
    let ramp = bench
        .table()
        .commands
        .iter()
        .find(|command| command.name == "ramp")
        .unwrap();
    assert_eq!(
        (ramp.argument_unit.as_str(), ramp.result_unit.as_str(), ramp.long),
        ("V", "s", true)
    );
    assert_eq!((&ramp.argument, &ramp.result), (&Datatype::Float, &Datatype::ANY_INT));
    assert_eq!(
        told(bench.run("ramp", 99.0)),
        "RangeError: 99 is outside the limits 0 to 30"
    );
    assert_eq!(bench.run("ramp", 12.5).unwrap(), Value::Int(40));
    let status = bench.status().unwrap();
    assert_eq!((status.code, status.text.as_str()), (StatusCode::Busy, "mode is cc"));
    assert_eq!(bench.status().unwrap().code, StatusCode::Idle);
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn lines_that_come_unasked_are_readings_and_messages_and_never_answers() {
    let (mut lab, instrument) = supply(vec![("SN?", "!TRIP 3\n!V 29.5\n17"), ("SN?", "!V 29\n18")]);
    let bench = &mut lab.bench;
    assert_eq!(bench.read("serial").unwrap(), Value::Int(17));
    assert_eq!(bench.read("serial").unwrap(), Value::Int(18));
    bench.listen().ok();
    assert_eq!(bench.sent(), [("tripped".to_owned(), Value::Int(3))]);
    assert_eq!(published(&lab), ["voltage Float(29.5)", "voltage Float(29.0)"]);
    drop(lab);
    instrument.join().unwrap();
}
