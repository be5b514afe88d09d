//! Notes the compiler's version, which a driver carries along.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").expect("cargo names the compiler");
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("the compiler tells its version");
    println!(
        "cargo::rustc-env=BATON_RUSTC={}",
        String::from_utf8_lossy(&version.stdout).trim()
    );
    println!("cargo::rerun-if-changed=build.rs");
}
