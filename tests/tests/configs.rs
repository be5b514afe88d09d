//! The configs that come with Baton, held against the real drivers.

use std::path::{Path, PathBuf};

use baton_host::{
    config::{Files, System, render, resolve, schema},
    plugin::{Drivers, Loader, SearchPath},
};
use expect_test::expect_file;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

/// The drivers that come with Baton, without those for tests.
fn drivers() -> Drivers {
    let files = ["sim", "stream", "modbus"].map(baton_tests::driver);
    Loader::new()
        .expect("a private folder for drivers")
        .scan(&SearchPath::named(files))
}

fn labs() -> Vec<PathBuf> {
    let mut labs = vec![folder().join("quickstart.toml")];
    let examples = std::fs::read_dir(folder().join("examples")).expect("there are examples");
    labs.extend(examples.map(|entry| entry.expect("an entry of the folder").path()));
    labs.sort();
    labs
}

#[test]
fn every_example_is_sound() {
    let drivers = drivers();
    for lab in labs() {
        let files = Files::read(&lab).unwrap_or_else(|wrong| panic!("{}", render::text(&wrong, false)));
        let resolution = resolve(&files, &drivers, &System, None);
        let wrong = render::text(&resolution.diagnostics, false);
        assert_eq!(wrong, "", "{}", lab.display());
    }
}

#[test]
fn every_example_names_its_schema_for_editors() {
    for lab in labs() {
        let text = std::fs::read_to_string(&lab).expect("an example is text");
        let first = text.lines().next().unwrap_or_default();
        let schema = first
            .strip_prefix("#:schema ")
            .unwrap_or_else(|| panic!("{}: no #:schema", lab.display()));
        let schema = lab.parent().expect("a file lies in a folder").join(schema);
        assert_eq!(
            schema.canonicalize().unwrap(),
            folder().join("lab.schema.json").canonicalize().unwrap()
        );
    }
}

/// `UPDATE_EXPECT=1 cargo test -p baton-tests --test configs` writes it anew; so does `baton schema`.
#[test]
fn the_schema_beside_the_examples_is_that_of_the_code_and_the_drivers() {
    let schema = schema::schema(&drivers());
    expect_file!["../../config/lab.schema.json"].assert_eq(&format!("{:#}\n", schema.as_value()));
}

/// So does `baton schema --instrument` that of instrument files.
#[test]
fn the_schema_of_instrument_files_is_that_of_the_driver() {
    let drivers = drivers();
    let schema = schema::of_files(&drivers, "stream").expect("its devices are described in files");
    expect_file!["../../config/instruments/instrument.schema.json"].assert_eq(&format!("{schema:#}\n"));
}
