//! `baton drivers --pin`: writes the hashes of the drivers that a config uses into it.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::json;
use toml_edit::{DocumentMut, Item, Table, value};

use crate::{
    cli::{
        failure::Failure,
        lab_file::{self, Against},
        output::Output,
    },
    config::{Files, LabConfig},
    plugin::Drivers,
};

/// Writes what the drivers that `config` uses are now, whatever it allowed before.
pub(in crate::cli::commands) fn run(config: &Path, folders: &[PathBuf], output: Output) -> Result<(), Failure> {
    let file = lab_file::read(config, folders, None, Against::AllDrivers)?;
    output.diagnostics(&file.resolution.diagnostics);
    let Some(lab) = file.resolution.config else {
        return Err(Failure::Told(super::super::check::BAD_CONFIG));
    };
    if let Some(missing) = lab.missing_drivers.first() {
        let text = format!("the driver `{missing}` was not found, so nothing was written");
        return Err(Failure::Request(text));
    }
    let hashes = used(&lab, &file.drivers);
    let path = place(config)?;
    let failed = |error: &dyn std::fmt::Display| Failure::Request(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let text = with_hashes(&text, &hashes).map_err(|error| failed(&error))?;
    replace(&path, &text).map_err(|error| failed(&error))?;
    if output.json {
        return output.object(json!({ "file": path, "allow": hashes }));
    }
    for (name, hash) in &hashes {
        output.line(&format!("{name} = \"{hash}\""))?;
    }
    output.note(&format!("written to [drivers] allow in {}", path.display()));
    Ok(())
}

/// The drivers that devices and controllers are of.
fn used(lab: &LabConfig, drivers: &Drivers) -> BTreeMap<String, String> {
    let of_devices = lab.devices.iter().map(|device| &device.driver);
    let names = lab
        .controllers
        .iter()
        .map(|controller| &controller.driver)
        .chain(of_devices);
    let hash = |name: &String| Some((name.clone(), format!("sha256:{}", drivers.library(name)?.hash())));
    names.filter_map(hash).collect()
}

/// The file that has such a list, or else the first of the config.
fn place(config: &Path) -> Result<PathBuf, Failure> {
    let unread = |_| Failure::Request(format!("{}: it cannot be read", config.display()));
    let files = Files::read(config).map_err(unread)?;
    let has_list =
        |(_, source): &(_, &baton_plugin_api::source::Source)| source.parse_recoverable().0.get(&["drivers"]).is_some();
    let paths = || files.paths().zip(files.sources());
    let found = paths().find(has_list).or_else(|| paths().next());
    let found = found.map(|(path, _)| path.to_owned());
    found.ok_or_else(|| Failure::Request(format!("{}: there is no file in it", config.display())))
}

/// The text with the hashes in `[drivers] allow`, and all else as it was.
fn with_hashes(text: &str, hashes: &BTreeMap<String, String>) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("it is no TOML: {error}"))?;
    let drivers = document.entry("drivers").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let drivers = drivers.as_table_like_mut().ok_or("`drivers` is no table")?;
    let allow = drivers.entry("allow").or_insert_with(|| Item::Table(Table::new()));
    let allow = allow.as_table_like_mut().ok_or("`drivers.allow` is no table")?;
    for (name, hash) in hashes {
        match allow.get_mut(name).and_then(Item::as_value_mut) {
            // What stands around the old one, such as a comment, stays.
            Some(old) => {
                let decor = old.decor().clone();
                *old = hash.into();
                *old.decor_mut() = decor;
            }
            None => drop(allow.insert(name, value(hash))),
        }
    }
    if let Some(inline) = drivers.get_mut("allow").and_then(Item::as_inline_table_mut) {
        inline.fmt();
    }
    Ok(document.to_string())
}

/// Writes a file whole or not at all, with the rights that it had.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let real = path.canonicalize()?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&real)?.permissions())?;
    file.persist(&real).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn hashes() -> BTreeMap<String, String> {
        [("sim", "sha256:aa"), ("psu-2", "sha256:bb")]
            .map(|(name, hash)| (name.into(), hash.into()))
            .into()
    }

    #[test]
    fn x2_hashes_are_written_and_all_else_stays() {
        let text = "# our lab\n[lab]\nname = \"x\" # short\n\n[devices.stage]\ndriver = \"sim\"\n";
        let written = with_hashes(text, &hashes()).unwrap();
        expect![[r#"
            # our lab
            [lab]
            name = "x" # short

            [devices.stage]
            driver = "sim"

            [drivers.allow]
            psu-2 = "sha256:bb"
            sim = "sha256:aa"
        "#]]
        .assert_eq(&written);
        assert_eq!(with_hashes(&written, &hashes()).unwrap(), written);
        let inline = with_hashes("[drivers]\nallow = { sim = \"old\" } # ask Ana\n", &hashes()).unwrap();
        assert_eq!(
            inline,
            "[drivers]\nallow = { sim = \"sha256:aa\", psu-2 = \"sha256:bb\" } # ask Ana\n"
        );
    }
}
