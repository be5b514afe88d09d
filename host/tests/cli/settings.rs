//! Limits, zero and re-opening.

use expect_test::expect;

use crate::{check, check_at, fake};

#[test]
fn limits_are_shown_with_who_has_set_them_and_narrowed() {
    check(
        &["limits", "stage"],
        expect![[r#"
        stage.position 0.000 mm to 45.000 mm (lower: driver, upper: config at lab.toml:12:14)
    "#]],
    );
    check(
        &["limits", "stage.position", "1 cm", "none"],
        expect![[r#"
        stage.position 10.000 mm to 45.000 mm (user ann@lab2)
    "#]],
    );
    check(
        &["limits", "stage", "-5", "20", "--json"],
        expect![[r#"
        {"schema":1,"path":"stage.position","lower":0.0,"upper":20.0,"unit":"mm","origin":{"lower":"user ann@lab2","upper":"user ann@lab2"},"warnings":["the lower limit of the driver, 0 mm, is narrower"]}
        ! warning: the lower limit of the driver, 0 mm, is narrower
    "#]],
    );
    check(
        &["limits", "stage", "--clear"],
        expect![[r#"
        stage.position 0.000 mm to 45.000 mm (user ann@lab2)
    "#]],
    );
    check(
        &["limits", "stage", "30", "20"],
        expect![[r#"
        ! error: stage.position: 30 mm to 20 mm are reversed (RangeError)
        [exit 1]
    "#]],
    );
    check(
        &["limits", "stage", "far", "20"],
        expect![[r#"
        ! error: stage.position: "far" is not a number in mm
        [exit 1]
    "#]],
    );
    check(
        &["limits", "stage", "1"],
        expect![[r#"
        ! error: the following required arguments were not provided:
        !   <UPPER>
        ! 
        ! Usage: baton limits --host <ADDRESS> <PATH> <LOWER> <UPPER>
        ! 
        ! For more information, try '--help'.
        [exit 2]
    "#]],
    );
    check(
        &["limits", "shutter"],
        expect![[r#"
        ! error: shutter.state has no limits: it is no number
        [exit 1]
    "#]],
    );
    check(
        &["limits", "pump"],
        expect![[r#"
        ! error: pump.flow is read-only
        [exit 1]
    "#]],
    );
}

#[test]
fn zero_says_what_the_place_is_called() {
    check(
        &["zero", "stage"],
        expect![[r#"
        stage.position 0.000 mm
    "#]],
    );
    check(
        &["zero", "stage.position", "-3 mm"],
        expect![[r#"
        stage.position -3.000 mm
    "#]],
    );
    check(
        &["zero", "stage", "1", "--json"],
        expect![[r#"
        {"schema":1,"path":"stage.position","zero":1.0,"reading":{"path":"stage.position","value":1.0,"text":"1.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}}
    "#]],
    );
    check(
        &["zero", "stage", "here"],
        expect![[r#"
        ! error: stage.position: "here" is not a number in mm
        [exit 1]
    "#]],
    );
    check(
        &["zero", "pump"],
        expect![[r#"
        ! error: pump.flow cannot be given a zero (ReadOnly)
        [exit 1]
    "#]],
    );
    check_at(
        &fake::start_foreign().address,
        &["zero", "stage"],
        expect![[r#"
            ! error: ADDRESS is no Baton host, and gives no zeros
            [exit 1]
        "#]],
    );
}

#[test]
fn reopen_says_when_the_device_is_open() {
    check(
        &["reopen", "stage"],
        expect![[r#"
        ! stage is open
    "#]],
    );
    check(
        &["reopen", "stage", "--json"],
        expect![[r#"
        {"schema":1,"device":"stage"}
    "#]],
    );
    check(&["reopen", "stage", "-q"], expect![[r#""#]]);
    check(
        &["reopen", "gauge"],
        expect![[r#"
        ! error: gauge is not connected: no reply within 2 s (CommunicationFailed)
        [exit 1]
    "#]],
    );
    check_at(
        &fake::start_foreign().address,
        &["reopen", "stage"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, and opens nothing again
        [exit 1]
    "#]],
    );
    check(
        &["reopen", "stgae"],
        expect![[r#"
        ! error: no device "stgae"; did you mean "stage"?
        [exit 1]
    "#]],
    );
}

#[test]
fn s6_reopen_says_what_was_left_behind_or_killed_whether_or_not_the_device_is_open_then() {
    check(
        &["reopen", "--abandon", "stage"],
        expect![[r#"
        ! stage is open
    "#]],
    );
    check(
        &["reopen", "--abandon", "pump"],
        expect![[r#"
        ! pump: left behind in the read of pump.flow, where it has been since 2023-11-14 22:13
        ! pump is open
    "#]],
    );
    check(
        &["reopen", "--abandon", "pump", "--json"],
        expect![[r#"
        {"schema":1,"left_behind":{"worker":"pump","since":1700000000.25,"inside":"read of pump.flow"},"killed":false,"device":"pump"}
    "#]],
    );
    check(
        &["reopen", "--abandon", "gauge"],
        expect![[r#"
        ! its process was killed
        ! error: gauge is not connected: no reply within 2 s (CommunicationFailed)
        [exit 1]
    "#]],
    );
}
