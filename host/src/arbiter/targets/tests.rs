//! What covers what.

use super::*;

fn device(name: &str, parameters: &[&str], members: &[(&str, Option<&str>)]) -> DeviceTargets {
    DeviceTargets {
        name: name.to_owned(),
        parameters: parameters.iter().map(|&name| name.to_owned()).collect(),
        members: members
            .iter()
            .map(|&(name, parameter)| (name.to_owned(), parameter.map(str::to_owned)))
            .collect(),
        ..DeviceTargets::default()
    }
}

#[test]
fn l1_a_device_covers_its_parameters_and_a_composite_its_members() {
    let targets = Targets::new(vec![
        device("slit", &["gap"], &[("left", None), ("right", Some("position"))]),
        device("left", &["position", "velocity"], &[]),
        device("right", &["position", "velocity"], &[]),
        device("table", &["height"], &[("Slit", Some("GAP"))]),
    ]);
    let items = |named: &[Target]| format!("{:?}", targets.set(named.iter().copied()).items());
    assert_eq!(items(&[Target::device(0)]), "[0, 1, 2.0]");
    assert_eq!(items(&[Target::parameter(0, 0)]), "[0.0, 1, 2.0]");
    assert_eq!(items(&[Target::device(3)]), "[0.0, 1, 2.0, 3]");
    assert_eq!(items(&[Target::parameter(1, 1), Target::device(1)]), "[1]");
    assert_eq!(format!("{:?}", targets.write(0, 0).items()), "[0.0, 1, 2.0]");
    assert!(targets.write(0, 0).is_composite() && !targets.write(1, 0).is_composite());
    assert_eq!(targets.find("LEFT"), Some(1));
    assert_eq!(
        targets.names(&targets.set([Target::parameter(2, 1), Target::device(0)])),
        ["slit", "right.velocity"]
    );
}

#[test]
fn l5_a_command_targets_its_device_unless_it_touches_less_or_reaches_more() {
    let mut pump = device("pump", &["flow", "pressure"], &[]);
    pump.controller = Some("bus".to_owned());
    let command = |name: &str, touches: &[&str]| CommandTargets {
        name: name.to_owned(),
        touches: touches.iter().map(|&name| name.to_owned()).collect(),
    };
    pump.commands = vec![
        command("reset", &[]),
        command("zero", &["flow"]),
        command("communicate", &[]),
    ];
    let mut valve = device("valve", &["state"], &[]);
    valve.controller = Some("bus".to_owned());
    let targets = Targets::new(vec![pump, device("stage", &["position"], &[]), valve]);
    let items = |command| format!("{:?}", targets.command(0, command).items());
    assert_eq!([items(0), items(1), items(2)], ["[0]", "[0.0]", "[0, 2]"]);
}
