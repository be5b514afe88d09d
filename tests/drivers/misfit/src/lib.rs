//! A driver of the right epoch whose types are not laid out as the host's: an error's kind has grown to 64 bits.
//!
//! That is what a careless change of `baton-plugin-api` would look like, and what the loader has to notice before it calls
//! anything.

#![allow(missing_docs, reason = "expansions of abi_stable")]

use abi_stable::StableAbi;
use abi_stable::library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::package_version_strings;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RErr, RResult, RString};
use baton_plugin_api::abi::BuildInfo;

/// As in `baton-plugin-api`, but for `kind`, which is a `u32` there.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawError {
    pub kind: u64,
    pub message: RString,
    pub detail: RString,
}

/// The first field is enough: the check gets no further.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DriverModRef)))]
#[sabi(missing_field(panic))]
pub struct DriverMod {
    #[sabi(last_prefix_field)]
    pub describe: extern "C" fn() -> RResult<RString, RawError>,
}

impl RootModule for DriverModRef {
    abi_stable::declare_root_module_statics! {DriverModRef}
    const BASE_NAME: &'static str = "baton_driver";
    const NAME: &'static str = "baton_driver";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

extern "C" fn describe() -> RResult<RString, RawError> {
    RErr(RawError {
        kind: 1,
        message: "nobody calls this".into(),
        detail: RString::new(),
    })
}

extern "C" fn root_module() -> RootModuleResult {
    __call_root_module_loader(|| DriverMod { describe }.leak_into_prefix())
}

#[unsafe(no_mangle)]
// SAFETY: the constructor returns a `DriverModRef`, which is the type whose layout the header states.
static _1as_0lib_1header_0root_bmodule_bloader: LibHeader =
    unsafe { LibHeader::from_constructor::<DriverModRef>(root_module, CheckTypeLayout::Yes) };

#[unsafe(no_mangle)]
static BATON_DRIVER_INFO: [u8; BuildInfo::SIZE] = BuildInfo::bytes("unwind");
