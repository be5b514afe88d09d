//! Libraries that take their process along are tried in another one first (P, X).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use baton_host::{
    config::{Catalogue, Files},
    plugin::{Drivers, Loader, Probe, Row, SearchPath, State},
};
use baton_tests::{driver, lab::WATCHDOG};
use tempfile::TempDir;

/// The program that tries libraries, and `baton`.
const BATON: &str = env!("CARGO_BIN_EXE_baton-under-test");

/// A folder of drivers, and one for what is known of them.
struct Place {
    drivers: TempDir,
    verdicts: TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            drivers: tempfile::tempdir().unwrap(),
            verdicts: tempfile::tempdir().unwrap(),
        }
    }

    /// A copy of the hostile driver with this conduct.
    fn put(&self, file: &str, conduct: &str) -> PathBuf {
        const MARK: &[u8] = b"CONDUCT:";
        let mut library = fs::read(driver("hostile")).unwrap();
        let places: Vec<_> = library
            .windows(MARK.len())
            .enumerate()
            .filter(|(_, w)| *w == MARK)
            .map(|(at, _)| at)
            .collect();
        let blank = places
            .iter()
            .find(|at| library[**at + MARK.len()..].starts_with(b"       "))
            .unwrap();
        let start = blank + MARK.len();
        library[start..start + conduct.len()].copy_from_slice(conduct.as_bytes());
        let path = self.drivers.path().join(file);
        fs::write(&path, library).unwrap();
        path
    }

    fn loader(&self) -> Loader {
        self.loader_with_limit(WATCHDOG)
    }

    fn loader_with_limit(&self, limit: Duration) -> Loader {
        let verdicts = self.verdicts.path().join("baton/drivers");
        let probe = Probe::default()
            .with_runner(BATON)
            .with_limit(limit)
            .with_verdicts_in(Some(verdicts));
        Loader::new().unwrap().probing(probe)
    }

    fn scan(&self) -> Drivers {
        self.loader().scan(&SearchPath::named([self.drivers.path()]))
    }

    /// What `baton` with these words writes, to either stream.
    fn baton(&self, words: &[&str]) -> String {
        let output = Command::new(BATON)
            .args(words)
            .env("XDG_STATE_HOME", self.verdicts.path())
            .env_remove("STATE_DIRECTORY")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }
}

fn states(drivers: &Drivers) -> String {
    let line = |row: &Row| {
        let name = row.file.file_name().unwrap().to_string_lossy().into_owned();
        let reason = row.reason.clone().unwrap_or_default();
        format!("{name} {}: {}\n", row.state.name(), reason.split(';').next().unwrap())
    };
    drivers.rows().iter().map(line).collect()
}

#[test]
fn p4_whatever_ends_its_process_is_quarantined_with_the_reason_and_the_others_work() {
    let place = Place::new();
    for conduct in [
        "open=segv",
        "open=abort",
        "open=exit",
        "open=kill",
        "ask=segv",
        "ask=abort",
        "ask=exit",
        "open=panic",
    ] {
        place.put(&format!("{conduct}.so"), conduct);
    }
    // A panic that does not leave the driver is none of the process's business: it could be told in words.
    place.put("ask=panic.so", "ask=panic");
    place.put("good.so", "");
    let drivers = place.scan();
    let rows = states(&drivers);
    let expected = [
        (
            "ask=abort",
            "quarantined: it was killed by SIGABRT when it was asked what it offers, in a process of its own",
        ),
        (
            "ask=exit",
            "quarantined: it ended its process with exit(0) when it was asked what it offers",
        ),
        ("ask=panic", "refused: it could not describe itself"),
        (
            "ask=segv",
            "quarantined: it was killed by SIGSEGV when it was asked what it offers",
        ),
        (
            "open=abort",
            "quarantined: it was killed by SIGABRT while it was opened",
        ),
        (
            "open=exit",
            "quarantined: it ended its process with exit(0) while it was opened",
        ),
        ("open=kill", "quarantined: it was killed by SIGKILL while it was opened"),
        (
            "open=panic",
            "quarantined: it was killed by SIGABRT while it was opened, in a process of its own (its last words: ",
        ),
        ("open=segv", "quarantined: it was killed by SIGSEGV while it was opened"),
    ];
    for (conduct, state) in expected {
        assert!(rows.contains(&format!("{conduct}.so {state}")), "{conduct}: {rows}");
    }
    assert!(rows.contains("good.so ok: \n"), "{rows}");
    assert_eq!(drivers.libraries().len(), 1);
}

#[test]
fn p4_what_hangs_is_ended_and_holds_nobody_up_for_longer_than_its_limit() {
    let place = Place::new();
    for n in 0..3 {
        place.put(
            &format!("hang{n}.so"),
            &format!("{}=hang{n}", ["open", "ask"][n % 2]).replace(char::is_numeric, ""),
        );
    }
    place.put("good.so", "");
    let limit = Duration::from_secs(2);
    let drivers = place
        .loader_with_limit(limit)
        .scan(&SearchPath::named([place.drivers.path()]));
    let rows = states(&drivers);
    assert!(
        rows.contains("hang0.so quarantined: it did not come back within 2 s while it was opened"),
        "{rows}"
    );
    assert!(
        rows.contains("hang1.so quarantined: it did not come back within 2 s when it was asked"),
        "{rows}"
    );
    assert_eq!(
        drivers.rows().iter().filter(|row| row.state == State::Ok).count(),
        1,
        "{rows}"
    );
}

#[test]
fn a_quarantine_is_kept_until_it_is_cleared_or_the_file_is_another() {
    let place = Place::new();
    let file = place.put("libbaton_driver_hostile.so", "open=segv");
    assert!(states(&place.scan()).contains("quarantined"));
    // A host that could not try anything knows it from the one before.
    let blind = |place: &Place| {
        let verdicts = place.verdicts.path().join("baton/drivers");
        let probe = Probe::default()
            .with_runner("/no/such/program")
            .with_verdicts_in(Some(verdicts));
        let mut loader = Loader::new().unwrap().probing(probe);
        states(&loader.scan(&SearchPath::named([place.drivers.path()])))
    };
    assert!(blind(&place).contains("killed by SIGSEGV"));
    let shown = place.baton(&["drivers", "--drivers", place.drivers.path().to_str().unwrap(), "--json"]);
    assert!(
        shown.contains("\"quarantined\"") && shown.contains("--clear"),
        "{shown}"
    );

    let refused = place.baton(&["drivers", "--clear", "psu"]);
    assert!(
        refused.contains("no driver `psu` is quarantined here; these are: ") && refused.contains("hostile.so"),
        "{refused}"
    );
    let cleared = place.baton(&["drivers", "--clear", "hostile"]);
    assert!(cleared.contains("is tried again"), "{cleared}");
    assert!(place.baton(&["drivers", "--clear", "hostile"]).contains("nothing is"));

    // A better build is another content.
    assert!(states(&place.scan()).contains("quarantined"));
    place.put(file.file_name().unwrap().to_str().unwrap(), "");
    assert_eq!(states(&place.scan()), "libbaton_driver_hostile.so ok: \n");
    // A content that is known to be good is not tried again.
    assert_eq!(blind(&place), "libbaton_driver_hostile.so ok: \n");
}

#[test]
fn a_library_in_memory_is_tried_as_well() {
    let place = Place::new();
    place.put("bad.so", "open=abort");
    place.put("good.so", "");
    let probe = Probe::default().with_runner(BATON).with_verdicts_in(None);
    let mut loader = Loader::in_memory().unwrap().probing(probe);
    let rows = states(&loader.scan(&SearchPath::named([place.drivers.path()])));
    assert!(
        rows.contains("bad.so quarantined: it was killed by SIGABRT") && rows.contains("good.so ok"),
        "{rows}"
    );
}

#[test]
fn without_a_program_that_tries_them_drivers_are_opened_all_the_same() {
    let place = Place::new();
    place.put("good.so", "");
    for runner in ["/no/such/program", "/bin/true", "/bin/false"] {
        let probe = Probe::default().with_runner(Path::new(runner)).with_verdicts_in(None);
        let mut loader = Loader::new().unwrap().probing(probe);
        let rows = states(&loader.scan(&SearchPath::named([place.drivers.path()])));
        assert_eq!(rows, "good.so ok: \n", "{runner}");
    }
}

#[test]
fn a_config_that_names_a_quarantined_driver_hears_why() {
    let place = Place::new();
    place.put("libbaton_driver_hostile.so", "open=exit");
    let why = place.scan().rejected("hostile").expect("the reason");
    assert!(
        why.contains("is quarantined: it ended its process with exit(0)"),
        "{why}"
    );
}

#[test]
fn x2_a_config_opens_what_it_allows_and_nothing_else() {
    let place = Place::new();
    let file = place.put("libbaton_driver_hostile.so", "");
    let config = place.verdicts.path().join("lab.toml");
    fs::write(
        &config,
        "# ours\n[devices.lamb]\ndriver = \"hostile\"\ntype = \"lamb\"\n",
    )
    .unwrap();
    let (config_path, folder) = (config.to_str().unwrap(), place.drivers.path().to_str().unwrap());
    let pinned = place.baton(&["drivers", "--pin", config_path, "--drivers", folder]);
    assert!(pinned.contains("hostile = \"sha256:"), "{pinned}");
    let text = fs::read_to_string(&config).unwrap();
    assert!(
        text.starts_with("# ours\n[devices.lamb]") && text.contains("[drivers.allow]\nhostile = \"sha256:"),
        "{text}"
    );
    let check = || place.baton(&["check", config_path, "--drivers", folder, "--deny-warnings"]);
    assert!(
        check().contains("is sound: 1 device, checked against 1 driver"),
        "{}",
        check()
    );

    // Another content of that name is not even tried.
    place.put(file.file_name().unwrap().to_str().unwrap(), "open=exit");
    let files = Files::read(&config).unwrap();
    let mut loader = place.loader().allowing(files.allowed_drivers());
    let rows = states(&loader.scan(&SearchPath::named([place.drivers.path()])));
    assert!(
        rows.contains("refused: its content is sha256:") && rows.contains("is allowed for `hostile` is sha256:"),
        "{rows}"
    );
    assert!(rows.contains("lab.toml:7:11"), "{rows}");
    // Written anew it is allowed, and quarantined by what it does.
    let again = place.baton(&["drivers", "--drivers", folder]);
    assert!(again.contains("quarantined"), "{again}");
}
