//! The loader, with real libraries and with what is none.

mod crossing;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use baton_host::config::Catalogue;
use baton_host::plugin::{Drivers, Loader, Row, SearchPath, State};
use baton_plugin_api::Value;
use baton_tests::driver;
use expect_test::expect;

/// What the `supply` of the driver `panicky` shows, and no other.
const PANICKY_VOLTAGE: f64 = -4321.0;

/// A folder of drivers that the user would name.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a copy of a built driver there.
    fn put(&self, name: &str, driver_name: &str) {
        fs::copy(driver(driver_name), self.at(name)).expect("a copy of the driver");
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.at(name), content).unwrap();
    }

    fn scan(&self) -> Drivers {
        loader().scan(&SearchPath::named([self.0.path()]))
    }
}

fn loader() -> Loader {
    Loader::new().expect("a private folder")
}

/// One line for each file: name, state, reason.
fn table(drivers: &Drivers, folder: &Folder) -> String {
    let line = |row: &Row| {
        let file = row.file.file_name().unwrap().to_string_lossy();
        let reason = row.reason.clone().unwrap_or_else(|| "-".to_owned());
        let reason = reason.replace(&folder.0.path().display().to_string(), "FOLDER");
        format!("{file}: {}: {reason}\n", row.state.name())
    };
    drivers.rows().iter().map(line).collect()
}

fn read(drivers: &Drivers, name: &str, kind: &str) -> f64 {
    let library = drivers.library(name).expect("it is loaded");
    crossing::open(library, kind, "{}").unwrap().read_main().unwrap()
}

#[test]
fn a_folder_of_junk_gives_a_row_for_each_file_and_the_good_driver_works() {
    let folder = Folder::new();
    let library = fs::read(driver("panicky")).unwrap();
    folder.put("good.so", "panicky");
    folder.write("text.so", b"this is no library");
    folder.write("empty.so", b"");
    folder.write("cut-4k.so", &library[..4096]);
    folder.write("cut-half.so", &library[..library.len() / 2]);
    fs::copy(libm(), folder.at("libm.so.6")).unwrap();
    fs::copy("/proc/self/exe", folder.at("program")).unwrap();
    folder.put("misfit.so", "misfit");
    folder.put("unreadable.so", "panicky");
    fs::set_permissions(folder.at("unreadable.so"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink("nowhere.so", folder.at("dangling.so")).unwrap();
    fs::create_dir(folder.at("folder.so")).unwrap();

    let drivers = folder.scan();
    let rows = mask_numbers_after(&table(&drivers, &folder), "speak of ");
    let rows = mask_numbers_after(&rows, "the file has ");
    expect![[r#"
        cut-4k.so: refused: cut off: its headers speak of N bytes, the file has N; it may still be on its way here
        cut-half.so: refused: cut off: its headers speak of N bytes, the file has N; it may still be on its way here
        dangling.so: unreadable: a dangling link: nowhere.so does not exist
        empty.so: not a driver: an empty file
        folder.so: not a driver: a folder; folders within a folder are not searched
        good.so: ok: -
        libm.so.6: not a driver: a shared library, but not a Baton driver: it does not export BATON_DRIVER_INFO
        misfit.so: refused: built with baton-plugin-api 0.1.0, whose types are not laid out as those of this host (baton-plugin-api 0.1.0; `RawError.kind`: mismatched type, host u32, driver u64): build driver and host from the same sources
        program: not a driver: an executable, not a shared library
        text.so: not a driver: not a shared library: it begins with "this"
        unreadable.so: unreadable: no permission to read it, not even for its owner (mode 0000)
    "#]].assert_eq(&rows);
    assert_eq!(drivers.libraries().len(), 1);
    assert_eq!(read(&drivers, "panicky", "bomb"), 0.0);
}

/// Replaces the digits after `mark`, which depend on the build.
fn mask_numbers_after(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| {
        done + mark + "N" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

/// The C library's mathematics, as this process would find it.
fn libm() -> PathBuf {
    let cc = Command::new("cc").arg("-print-file-name=libm.so.6").output();
    let path = cc.expect("a C compiler").stdout;
    PathBuf::from(String::from_utf8(path).unwrap().trim())
}

#[test]
fn two_libraries_side_by_side_give_their_own_values() {
    let folder = Folder::new();
    folder.put("a.so", "sim");
    folder.put("b.so", "panicky");
    let drivers = folder.scan();
    // In either order, and again after the other one was used.
    assert_eq!(read(&drivers, "panicky", "supply"), PANICKY_VOLTAGE);
    assert_ne!(read(&drivers, "sim", "supply"), PANICKY_VOLTAGE);
    assert_eq!(read(&drivers, "panicky", "supply"), PANICKY_VOLTAGE);
}

#[test]
fn the_first_of_two_drivers_with_one_name_wins() {
    let (first, second) = (Folder::new(), Folder::new());
    first.put("b.so", "panicky");
    first.put("c.so", "panicky");
    symlink("b.so", first.at("d.so")).unwrap();
    // Another content of the same name: some bytes at the end belong to nothing.
    let mut other = fs::read(driver("panicky")).unwrap();
    other.extend([0; 8]);
    second.write("a.so", &other);
    let path = SearchPath::named([first.0.path(), second.0.path()]);
    let mut loader = loader();
    let drivers = loader.scan(&path);
    expect![[r#"
        b.so: ok: -
        c.so: shadowed: the same driver came first: FOLDER/b.so
        d.so: shadowed: the same driver came first: FOLDER/b.so
        a.so: shadowed: a driver of this name came first: FOLDER/b.so
    "#]]
    .assert_eq(&table(&drivers, &first));
    assert_eq!(drivers.library("panicky").unwrap().file(), first.at("b.so"));

    fs::remove_file(first.at("b.so")).unwrap();
    fs::remove_file(first.at("d.so")).unwrap();
    let again = loader.scan(&path);
    expect![[r#"
        c.so: ok: -
        a.so: shadowed: a driver of this name came first: FOLDER/c.so
    "#]]
    .assert_eq(&table(&again, &first));
}

#[test]
fn a_driver_that_is_overwritten_in_place_goes_on_working() {
    let folder = Folder::new();
    folder.put("driver.so", "panicky");
    let mut loader = loader();
    let path = SearchPath::named([folder.0.path()]);
    let before = loader.scan(&path);
    folder.write("driver.so", b"");
    assert_eq!(read(&before, "panicky", "supply"), PANICKY_VOLTAGE);
    assert_eq!(loader.scan(&path).rows()[0].state, State::NotADriver);
    folder.put("driver.so", "sim");
    assert_eq!(loader.scan(&path).rows()[0].name.as_deref(), Some("sim"));
    drop(loader);
    assert_eq!(read(&before, "panicky", "supply"), PANICKY_VOLTAGE);
}

#[test]
fn a_driver_of_another_epoch_is_refused_before_it_is_opened() {
    let folder = Folder::new();
    let mut library = fs::read(driver("panicky")).unwrap();
    for at in find_all(&library, b"\nepoch=1\n") {
        library[at + b"\nepoch=".len()] = b'9';
    }
    folder.write("later.so", &library);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        table(&folder.scan(), &folder),
        format!(
            "later.so: refused: built for ABI epoch 9 (baton-plugin-api {version}), this host has epoch 1 \
             (baton-plugin-api {version}): update the host, or build the driver with baton-plugin-api {version}\n"
        )
    );
}

#[test]
fn a_config_that_names_a_refused_driver_hears_why() {
    let folder = Folder::new();
    folder.write("libbaton_driver_cold_head.so", b"\x7fELF");
    let drivers = folder.scan();
    let why = drivers.rejected("cold-head").expect("the reason");
    assert!(why.contains("libbaton_driver_cold_head.so is "), "{why}");
    assert_eq!(drivers.rejected("sim"), None);
}

fn find_all(bytes: &[u8], pattern: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(pattern.len()).enumerate();
    windows
        .filter(|(_, window)| *window == pattern)
        .map(|(at, _)| at)
        .collect()
}

/// A library that passes for a driver until it is opened, and needs `libvendor.so` in `lib` beside it.
fn with_vendor_library(folder: &Folder) {
    fs::create_dir(folder.at("lib")).unwrap();
    let build = |output: &Path, source: &str, flags: &[&str]| {
        let input = folder.at("source.c");
        fs::write(&input, source).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).arg(output).arg(&input).args(flags);
        assert!(cc.status().expect("a C compiler").success());
        fs::remove_file(input).unwrap();
    };
    build(
        &folder.at("lib/libvendor.so"),
        "int vendor(void) { return 7; }",
        &["-Wl,-soname,libvendor.so"],
    );
    let source = "int vendor(void); int use(void) { return vendor(); }
        const char BATON_DRIVER_INFO[256] = \"plugin-api=0.1.0\\nepoch=1\\n\";
        const char _1as_0lib_1header_0root_bmodule_bloader[64] = \"none\";";
    let search = format!("-L{}", folder.at("lib").display());
    build(
        &folder.at("driver.so"),
        source,
        &[&search, "-lvendor", "-Wl,-rpath,$ORIGIN/lib"],
    );
}

#[test]
fn vendor_libraries_beside_a_driver_are_found_from_its_private_copy() {
    let folder = Folder::new();
    with_vendor_library(&folder);
    for mut loader in [loader(), Loader::in_memory().unwrap()] {
        let drivers = loader.scan(&SearchPath::named([folder.at("driver.so")]));
        // It gets as far as the root module, which it does not have: its vendor's library was found.
        let found = "it was built with another abi_stable than this host: build it again with `export_driver!`";
        assert_eq!(drivers.rows()[0].reason.as_deref(), Some(found));
    }
}

#[test]
fn a_vendor_library_that_is_missing_is_named() {
    let folder = Folder::new();
    with_vendor_library(&folder);
    fs::remove_file(folder.at("lib/libvendor.so")).unwrap();
    let drivers = loader().scan(&SearchPath::named([folder.at("driver.so")]));
    let reason = drivers.rows()[0].reason.clone().unwrap();
    assert_eq!(
        reason,
        "it could not be opened: libvendor.so: cannot open shared object file: No such file or directory"
    );
}

#[test]
fn a_driver_works_from_memory_as_well() {
    let mut loader = Loader::in_memory().unwrap();
    let drivers = loader.scan(&SearchPath::named([driver("panicky"), driver("sim")]));
    assert_eq!(read(&drivers, "panicky", "supply"), PANICKY_VOLTAGE);
    assert_ne!(read(&drivers, "sim", "supply"), PANICKY_VOLTAGE);
}

#[test]
fn an_array_outlives_its_device_its_library_and_its_loader() {
    let frame = {
        let mut loader = loader();
        let drivers = loader.scan(&SearchPath::named([driver("sim")]));
        let library = drivers.library("sim").unwrap();
        let options = r#"{"exposure": 0.001, "frame_size": 64}"#;
        let table = library.describe_device(None, "detector", options).unwrap();
        let mut detector = crossing::open(library, "detector", options).unwrap();
        let place = table.parameters.iter().position(|parameter| parameter.name == "frame");
        let Value::Array(frame) = detector.read(place.unwrap()).unwrap() else {
            panic!("a frame is an array")
        };
        frame
    };
    let copy = frame.clone();
    let counts = std::thread::spawn(move || copy.to_f64().iter().sum::<f64>());
    assert_eq!(frame.shape(), [64, 64]);
    assert_eq!(frame.to_f64().iter().sum::<f64>(), counts.join().unwrap());
    drop(frame);
}

#[test]
fn ten_labs_load_the_same_drivers_at_once() {
    let path = SearchPath::named([driver("panicky"), driver("sim")]);
    std::thread::scope(|scope| {
        let labs: Vec<_> = (0..10).map(|_| scope.spawn(|| loader().scan(&path))).collect();
        for lab in labs {
            let drivers = lab.join().unwrap();
            let names: Vec<_> = drivers.rows().iter().map(|row| row.name.as_deref()).collect();
            assert_eq!(names, [Some("panicky"), Some("sim")]);
        }
    });
}

#[test]
fn drivers_beside_the_executable_are_found_without_being_named() {
    let drivers = loader().scan(&SearchPath::default().with_executable());
    let rows: BTreeMap<_, _> = drivers.rows().iter().map(|row| (row.file.clone(), row.state)).collect();
    assert_eq!(rows.get(&driver("panicky").canonicalize().unwrap()), Some(&State::Ok));
    assert_eq!(
        rows.get(&driver("misfit").canonicalize().unwrap()),
        Some(&State::Refused)
    );
    // Everything else that Cargo keeps there is of no interest.
    let ours = |file: &PathBuf| file.to_string_lossy().contains("libbaton_driver_");
    assert!(rows.keys().all(ours), "{rows:?}");
}

#[test]
fn a_panic_in_open_is_an_error() {
    let drivers = loader().scan(&SearchPath::named([driver("panicky")]));
    let library = drivers.library("panicky").unwrap();
    let error = crossing::open(library, "bomb", r#"{"panic_in": "open"}"#)
        .err()
        .unwrap();
    assert!(
        error.starts_with("open panicked: the bomb went off in Open at "),
        "{error}"
    );
    let error = crossing::open(library, "bomb", r#"{"panic_on": "open"}"#)
        .err()
        .unwrap();
    assert!(error.contains("unknown field `panic_on`"), "{error}");
}

#[test]
fn a_panic_in_any_entry_is_an_error_that_names_it_and_the_others_go_on() {
    let drivers = loader().scan(&SearchPath::named([driver("panicky")]));
    let library = drivers.library("panicky").unwrap();
    let entries = ["read", "write", "command", "status", "stop", "stopper", "drop"];
    for bad in entries {
        let mut device = crossing::open(library, "bomb", &format!(r#"{{"panic_in": "{bad}"}}"#)).unwrap();
        for entry in entries {
            let outcome = device.enter(entry);
            let expected = format!("{entry} panicked: the bomb went off in ");
            let as_expected = match &outcome {
                Ok(()) => entry != bad,
                Err(error) => entry == bad && error.starts_with(&expected),
            };
            assert!(as_expected, "{bad} panics, {entry} gives {outcome:?}");
        }
    }
    // Dropped without having been closed: nobody hears of it, and the process goes on.
    drop(crossing::open(library, "bomb", r#"{"panic_in": "drop"}"#).unwrap());
}

#[test]
fn a_table_can_be_asked_for_without_opening_anything() {
    let drivers = loader().scan(&SearchPath::named([driver("panicky")]));
    let library = drivers.library("panicky").unwrap();
    let table = library
        .describe_device(None, "bomb", r#"{"panic_in": "open"}"#)
        .unwrap();
    assert_eq!(table.main.as_deref(), Some("level"));
    let table = library.describe_device(Some("crate"), "shell", "{}").unwrap();
    assert_eq!(table.commands[0].name, "poke");
    let error = library.describe_device(None, "motor", "{}").unwrap_err();
    assert!(error.message().contains("`motor`"), "{error}");
}
