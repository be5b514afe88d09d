//! Lets this package pass for `baton-plugin-api`: abi_stable compares the names of packages before anything else, and a
//! layout that really went astray would come from a package of that name.

fn main() {
    println!("cargo::rustc-env=CARGO_PKG_NAME=baton-plugin-api");
    println!("cargo::rerun-if-changed=build.rs");
}
