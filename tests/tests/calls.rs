//! Calls through a whole lab with real drivers (RULES.md C, D, S).

use baton_plugin_api::Value;
use baton_tests::lab::{WATCHDOG, lab};

const STAGE: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2", travel_min = "-5 mm", travel_max = "105 mm" }
    parameters.position.limits = ["0 mm", "50 mm"]
"#;

#[test]
fn c3_a_move_is_done_when_the_readback_has_arrived() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let reading = me.set("stage.position", "2 mm").unwrap().wait(WATCHDOG).unwrap();
    assert_eq!(reading.value, Value::Float(2.0));
    assert_eq!(
        me.get("stage").unwrap().wait(WATCHDOG).unwrap().value,
        Value::Float(2.0)
    );
    lab.close();
}
