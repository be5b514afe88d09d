use std::fs::File;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::super::row::State;
use super::*;

/// A small library that exports what a driver exports, built by the C compiler that links Rust programs as well.
fn library(folder: &Path, source: &str, flags: &[&str]) -> Vec<u8> {
    let (input, output) = (folder.join("driver.c"), folder.join("driver.so"));
    let exports = format!(
        "const char {}[256] = \"plugin-api=0.1.0\\nepoch=1\\nrustc=none\\npanic=unwind\\n\"; const char {ROOT_SYMBOL}[64] = \"\";",
        info::SYMBOL
    );
    std::fs::write(&input, source.replace("EXPORTS", &exports)).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-nostdlib", "-Wl,-z,noseparate-code", "-s"]);
    let done = cc
        .args(flags)
        .arg("-o")
        .arg(&output)
        .arg(&input)
        .output()
        .expect("a C compiler");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(output).unwrap()
}

fn small() -> Vec<u8> {
    library(tempfile::tempdir().unwrap().path(), "EXPORTS", &[])
}

fn outcome(bytes: &[u8]) -> String {
    match check(bytes) {
        Ok(_) => "ok".to_owned(),
        Err(Rejection { state, reason }) => format!("{}: {reason}", state.name()),
    }
}

#[test]
fn a_whole_library_passes_and_tells_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["-Wl,-rpath,$ORIGIN:/opt/lib", "-Wl,--no-as-needed", "-lc"];
    let bytes = library(folder.path(), "EXPORTS", &flags);
    let image = check(&bytes).unwrap();
    assert_eq!((image.info.epoch, image.info.plugin_api.as_str()), (1, "0.1.0"));
    assert_eq!(image.run_paths, ["$ORIGIN", "/opt/lib"]);
    assert_eq!(image.needed, ["libc.so.6"]);
    assert!(exports_driver(&File::open(folder.path().join("driver.so")).unwrap()));
}

#[test]
fn a_library_cut_at_any_length_is_refused() {
    let whole = small();
    for length in 0..whole.len() {
        let rejection = check(&whole[..length]).expect_err("a part is no library");
        assert_eq!(rejection.state, State::Refused, "cut at {length}: {}", rejection.reason);
    }
    assert!(outcome(&whole[..40]).starts_with("refused: cut off: 40 bytes"));
    assert!(outcome(&whole[..whole.len() / 2]).contains("it may still be on its way here"));
}

#[test]
fn other_elf_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let cc = |source, flags: &[&str]| outcome(&library(folder.path(), source, flags));
    assert_eq!(
        cc("int x;", &[]),
        "not a driver: a shared library, but not a Baton driver: it does not export BATON_DRIVER_INFO"
    );
    assert!(cc("EXPORTS", &["-fvisibility=hidden"]).contains("does not export"));
    let of_type = |number| {
        let mut bytes = small();
        bytes[16] = number;
        outcome(&bytes)
    };
    assert_eq!(of_type(1), "not a driver: an object file, not a shared library");
    assert_eq!(of_type(2), "not a driver: an executable, not a shared library");
    assert_eq!(of_type(4), "not a driver: a core dump, not a shared library");
    assert_eq!(of_type(9), "refused: a damaged library: ELF type 9");
    let this = std::fs::read("/proc/self/exe").unwrap();
    assert_eq!(outcome(&this), "not a driver: an executable, not a shared library");
}

#[test]
fn a_library_for_another_machine_says_for_which() {
    let mut bytes = small();
    bytes[18] = if MACHINE == elf::EM_AARCH64 { 62 } else { 183 };
    assert!(outcome(&bytes).starts_with("refused: built for "));
    bytes[4] = 1;
    assert!(outcome(&bytes).contains("not a 64-bit little-endian library"));
}

#[test]
fn tables_of_the_wrong_size_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = format!(
        "const char {}[7] = \"\"; const char {ROOT_SYMBOL}[64] = \"\";",
        info::SYMBOL
    );
    let bytes = library(folder.path(), &source, &[]);
    assert_eq!(
        outcome(&bytes),
        "refused: a damaged library: an exported table has the wrong size"
    );
}

proptest! {
    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = WHOLE.with(Clone::clone);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = check(&bytes);
    }

    #[test]
    fn flipped_bytes_of_the_headers_never_panic(at in 0..64_usize, value in any::<u8>(), second in 0..0x200_usize) {
        let mut bytes = WHOLE.with(Clone::clone);
        bytes[at] = value;
        bytes[second] ^= value;
        let _ = check(&bytes);
    }
}

thread_local! {
    static WHOLE: Vec<u8> = small();
}
