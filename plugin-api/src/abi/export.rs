//! What [`export_driver!`](crate::export_driver) expands to.

use abi_stable::{
    library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
};

use super::{DriverMod, DriverModRef, entries};
pub use super::{
    entries::{ControllerEntry, DeviceEntry, Library},
    info::BuildInfo,
};

pub use abi_stable::library::LibHeader as Header;

/// The header through which a host finds the root module of library `L`.
pub const fn header<L: Library>() -> LibHeader {
    // SAFETY: the constructor returns a `DriverModRef`, which is the type whose layout the header states.
    unsafe { LibHeader::from_constructor::<DriverModRef>(root_module::<L>, CheckTypeLayout::Yes) }
}

extern "C" fn root_module<L: Library>() -> RootModuleResult {
    fn load<L: Library>() -> DriverModRef {
        super::guard::install_hook(L::name());
        DriverMod {
            describe: entries::describe_library::<L>,
            describe_device: entries::describe_device::<L>,
            open_device: entries::open_device::<L>,
            open_controller: entries::open_controller_of::<L>,
        }
        .leak_into_prefix()
    }
    __call_root_module_loader(load::<L>)
}

/// Makes a driver library of a crate: names its types of devices, and after `controllers:` its types of controllers.
///
/// ```ignore
/// export_driver!(Supply, Stage; controllers: Rack);
/// ```
#[macro_export]
macro_rules! export_driver {
    ($($device:ty),* $(,)? $(; controllers: $($controller:ty),+ $(,)?)?) => {
        const _: () = {
            struct ThisLibrary;

            impl $crate::abi::export::Library for ThisLibrary {
                const PACKAGE: &'static str = env!("CARGO_PKG_NAME");
                const VERSION: &'static str = env!("CARGO_PKG_VERSION");
                const PANIC: &'static str = if cfg!(panic = "unwind") { "unwind" } else { "abort" };
                const DEVICES: &'static [$crate::abi::export::DeviceEntry] =
                    &[$($crate::abi::export::DeviceEntry::of::<$device>()),*];
                const CONTROLLERS: &'static [$crate::abi::export::ControllerEntry] =
                    &[$($($crate::abi::export::ControllerEntry::of::<$controller>()),+)?];
            }

            // The name that `abi_stable` derives for the header of a root module.
            #[unsafe(no_mangle)]
            static _1as_0lib_1header_0root_bmodule_bloader: $crate::abi::export::Header =
                $crate::abi::export::header::<ThisLibrary>();

            #[unsafe(no_mangle)]
            static BATON_DRIVER_INFO: [u8; $crate::abi::export::BuildInfo::SIZE] =
                $crate::abi::export::BuildInfo::bytes(if cfg!(panic = "unwind") { "unwind" } else { "abort" });
        };
    };
}
