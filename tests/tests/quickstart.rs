//! The lab that the README starts with, against the real driver.

use std::path::Path;

use baton_host::{
    config::{Catalogue, Files, System, render, resolve},
    plugin::{Drivers, Loader, SearchPath},
};
use baton_plugin_api::{
    Error,
    description::{LibraryDescription, TableDescription},
};
use baton_tests::driver;
use expect_test::expect;

struct Loaded(Drivers);

impl Catalogue for Loaded {
    fn driver(&self, name: &str) -> Option<&LibraryDescription> {
        Some(self.0.library(name)?.description())
    }

    fn drivers(&self) -> Vec<&LibraryDescription> {
        self.0.libraries().iter().map(|library| library.description()).collect()
    }

    fn describe_device(
        &self,
        _: &str,
        _: Option<&str>,
        _: &str,
        _: &serde_json::Value,
    ) -> Result<TableDescription, Error> {
        unreachable!("no table of the simulated devices depends on their options")
    }
}

#[test]
fn the_quickstart_is_sound_and_has_its_six_devices() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/quickstart.toml");
    let files = Files::read(&file).unwrap_or_else(|found| panic!("{}", render::text(&found, false)));
    let mut loader = Loader::new().expect("a private folder");
    let drivers = Loaded(loader.scan(&SearchPath::named([driver("sim")])));
    let resolution = resolve(&files, &drivers, &System, None);
    assert!(
        resolution.diagnostics.is_empty(),
        "{}",
        render::text(&resolution.diagnostics, false)
    );

    let lab = resolution.config.expect("there was no error");
    let lines = lab.devices.iter().map(|device| {
        let members: Vec<&str> = device.members.iter().map(|member| member.device.as_str()).collect();
        let main = device.table.main.as_deref().unwrap_or("-");
        let limits = device.limits(main);
        let limits = [limits.lower, limits.upper].map(|bound| bound.map_or("-".to_owned(), |at| at.value.to_string()));
        let limits = limits.join(" to ");
        format!(
            "{} {}/{} {main} {limits} {members:?}\n",
            device.name, device.driver, device.device_type
        )
    });
    expect![[r#"
        stage sim/motor position 0 to 50 []
        shutter sim/shutter position - to - []
        pump sim/pump flow 0 to 10 []
        oven sim/oven temperature 0 to 120 []
        supply sim/supply voltage 0 to 12 []
        detector sim/detector counts 0 to 4294967295 ["stage"]
    "#]]
    .assert_eq(&lines.collect::<String>());
}
