//! What a driver says of its build before any of its code has run.
//!
//! `export_driver!` leaves a static of fixed size in the library. The loader reads it from the bytes of the file, so that a
//! driver of another epoch is refused in words instead of being mapped and executed.

use baton_plugin_api::{abi::BuildInfo, description::LibraryDescription};

use super::row::Rejection;

/// The exported static.
pub(super) const SYMBOL: &str = "BATON_DRIVER_INFO";

/// Reads the static's content.
pub(super) fn parse(content: &[u8]) -> Result<BuildInfo, Rejection> {
    BuildInfo::parse(content)
        .ok_or_else(|| Rejection::refused(format!("its {SYMBOL} makes no sense: a damaged library, or no driver")))
}

/// How this host was built.
pub(super) fn host() -> BuildInfo {
    parse(&BuildInfo::bytes("unwind")).expect("a build can read what it writes itself")
}

/// Refuses a driver of another epoch than the host's.
pub(super) fn check_epoch(driver: &BuildInfo, host: &BuildInfo) -> Result<(), Rejection> {
    if driver.epoch == host.epoch {
        return Ok(());
    }
    let remedy = if driver.epoch < host.epoch {
        format!("build the driver again with baton-plugin-api {}", host.plugin_api)
    } else {
        format!(
            "update the host, or build the driver with baton-plugin-api {}",
            host.plugin_api
        )
    };
    Err(Rejection::refused(format!(
        "built for ABI epoch {} (baton-plugin-api {}), this host has epoch {} (baton-plugin-api {}): {remedy}",
        driver.epoch, driver.plugin_api, host.epoch, host.plugin_api
    )))
}

/// What somebody should know of a driver's build.
pub(super) fn warning(driver: &BuildInfo) -> Option<String> {
    (driver.panic == "abort").then(|| {
        "built with panic = \"abort\": a panic of this driver ends the whole host; build it with panic = \"unwind\""
            .to_owned()
    })
}

/// What somebody should know of a driver's types: options that take any key hide every slip in a config.
pub(super) fn lenient(driver: &LibraryDescription) -> Vec<String> {
    let controllers = &driver.controllers;
    let parts = controllers.iter().flat_map(|controller| &controller.devices);
    let types = driver
        .devices
        .iter()
        .chain(parts)
        .map(|kind| (&kind.name, &kind.options));
    let all = types.chain(controllers.iter().map(|kind| (&kind.name, &kind.options)));
    let is_lenient = |schema: &schemars::Schema| {
        schema.get("type").is_some_and(|name| name == "object") && schema.get("additionalProperties").is_none()
    };
    all.filter(|(_, schema)| is_lenient(schema))
        .map(|(name, _)| format!("the options of `{name}` take any key: add #[serde(deny_unknown_fields)]"))
        .collect()
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::description::TableDescription;

    use super::*;

    fn info(epoch: u32, plugin_api: &str) -> BuildInfo {
        BuildInfo {
            epoch,
            plugin_api: plugin_api.into(),
            ..BuildInfo::default()
        }
    }

    #[test]
    fn another_epoch_is_refused_in_one_line_that_says_what_to_do() {
        let host = info(2, "0.3.0");
        assert_eq!(
            check_epoch(&info(1, "0.1.0"), &host).unwrap_err().reason,
            "built for ABI epoch 1 (baton-plugin-api 0.1.0), this host has epoch 2 (baton-plugin-api 0.3.0): \
             build the driver again with baton-plugin-api 0.3.0"
        );
        let newer = check_epoch(&info(3, "0.4.0"), &host).unwrap_err().reason;
        assert!(newer.ends_with("update the host, or build the driver with baton-plugin-api 0.3.0"));
        assert_eq!(check_epoch(&info(2, "0.3.9"), &host), Ok(()));
    }

    #[test]
    fn nonsense_in_the_static_is_refused() {
        for content in [&b""[..], b"\0\0", b"epoch=one\nplugin-api=0.1.0", b"\xff\xfe=1"] {
            assert!(parse(content).unwrap_err().reason.contains("makes no sense"));
        }
    }

    #[test]
    fn options_that_take_any_key_are_warned_of() {
        let kind = |name: &str, options: serde_json::Value| serde_json::json!({ "name": name, "options": options, "table": TableDescription::default() });
        let devices = [
            kind(
                "strict",
                serde_json::json!({ "type": "object", "additionalProperties": false }),
            ),
            kind("loose", serde_json::json!({ "type": "object", "properties": {} })),
            kind("none", serde_json::json!({ "type": "null" })),
        ];
        let driver = serde_json::json!({
            "name": "psu", "version": "1.0.0", "plugin_api": "", "rustc": "", "panic": "unwind",
            "devices": devices, "controllers": [], "mistakes": [],
        });
        let driver: LibraryDescription = serde_json::from_value(driver).unwrap();
        assert_eq!(
            lenient(&driver),
            ["the options of `loose` take any key: add #[serde(deny_unknown_fields)]"]
        );
    }

    #[test]
    fn a_driver_whose_panics_abort_is_warned_of() {
        assert_eq!(warning(&host()), None);
        let aborts = BuildInfo {
            panic: "abort".into(),
            ..host()
        };
        assert!(warning(&aborts).unwrap().contains("ends the whole host"));
    }
}
