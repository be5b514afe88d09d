//! What the tests of the whole host share.

pub mod lab;

use std::path::PathBuf;

/// The built library of the driver `name`: `sim`, `stream`, …
///
/// Cargo builds the drivers because this package names them as dependencies, and puts them beside the test's executable.
///
/// # Panics
/// If it is not there: the driver is missing among the dependencies of this package.
pub fn driver(name: &str) -> PathBuf {
    beside(&format!("libbaton_driver_{}.so", name.replace('-', "_")))
}

/// The built program that runs drivers in processes of their own.
///
/// # Panics
/// If it is not there.
pub fn runner() -> PathBuf {
    beside("baton-under-test")
}

fn beside(file: &str) -> PathBuf {
    let executable = std::env::current_exe().expect("a process knows its executable");
    // Benchmarks and tests lie in `deps`, the host itself one level above.
    let folders = executable
        .ancestors()
        .skip(1)
        .flat_map(|folder| [folder.to_owned(), folder.join("deps")]);
    let mut files = folders.take(4).map(|folder| folder.join(file));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("no {file} beside {}", executable.display()))
}
