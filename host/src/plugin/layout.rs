//! Whether host and driver mean the same by the ABI's types.
//!
//! abi_stable compares everything that is reachable from the root module. It demands that the library has at least the
//! fields of the host, which would refuse every older driver; so the check is made both ways round, and one of them has to
//! hold. Each check gets globals of its own: those of abi_stable keep what was loaded before, and then refuse the host's
//! own generation after an older one.

use abi_stable::abi_stability::abi_checking::{
    AbiInstabilityError, AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::type_layout::{TLFieldOrFunction, TypeLayout};

/// Why a layout does not fit.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// The first difference, in one line.
    pub(super) summary: String,
    /// Everything, some thousand lines.
    pub(super) report: String,
}

/// Compares the layout of a driver with the host's.
pub(super) fn check(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<(), Mismatch> {
    let newer = check_layout_compatibility_with_globals(ours, theirs, &CheckingGlobals::new());
    let Err(errors) = newer else { return Ok(()) };
    if check_layout_compatibility_with_globals(theirs, ours, &CheckingGlobals::new()).is_ok() {
        return Ok(());
    }
    Err(Mismatch {
        summary: summary(&errors),
        report: errors.to_string(),
    })
}

/// The difference that lies deepest: what surrounds it differs only because of it.
fn summary(errors: &AbiInstabilityErrors) -> String {
    let Some(deepest) = errors.errors.iter().max_by_key(|error| error.stack_trace.len()) else {
        return "unknown".to_owned();
    };
    format!("{}: {}", place(deepest), difference(deepest))
}

/// `RawError.kind`: where the difference is, as far as people need it.
fn place(error: &AbiInstabilityError) -> String {
    match error.stack_trace.as_slice() {
        [] => "the root module".to_owned(),
        [only] => format!("`{}`", name(&only.found)),
        [.., owner, last] => format!("`{}.{}`", owner_name(&owner.found), name(&last.found)),
    }
}

fn name(step: &TLFieldOrFunction) -> &str {
    match step {
        TLFieldOrFunction::Field(field) => field.name(),
        TLFieldOrFunction::Function(function) => function.name.as_str(),
    }
}

fn owner_name(step: &TLFieldOrFunction) -> &str {
    match step {
        TLFieldOrFunction::Field(field) => field.full_type().name(),
        TLFieldOrFunction::Function(function) => function.name.as_str(),
    }
}

/// The last "Error: … Expected: … Found: …" of the report, in one line.
fn difference(error: &AbiInstabilityError) -> String {
    let report = error.to_string();
    let last = report.rsplit("\nError:").next().unwrap_or_default();
    let words = |text: &str| shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let split = last
        .split_once("\nExpected:")
        .and_then(|(what, rest)| Some((what, rest.split_once("\nFound:")?)));
    match split {
        Some((what, (ours, theirs))) => format!("{}, host {}, driver {}", words(what), words(ours), words(theirs)),
        None => words(last),
    }
}

/// Some differences are whole types.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use abi_stable::StableAbi;

    use super::*;

    /// A root module of one generation, with the error that its functions return.
    macro_rules! generation {
        ($name:ident, $kind:ty, { $($field:tt)* }) => {
            #[allow(dead_code, missing_docs, unreachable_pub, reason = "only the layouts are looked at")]
            mod $name {
                use abi_stable::StableAbi;
                use abi_stable::std_types::{RResult, RString};

                #[repr(C)]
                #[derive(StableAbi)]
                pub struct RawError {
                    pub kind: $kind,
                    pub message: RString,
                }

                #[repr(C)]
                #[derive(StableAbi)]
                #[sabi(kind(Prefix(prefix_ref = DriverModRef)))]
                #[sabi(missing_field(panic))]
                pub struct DriverMod {
                    #[sabi(last_prefix_field)]
                    pub describe: extern "C" fn() -> RResult<RString, RawError>,
                    $($field)*
                }

                pub(super) const LAYOUT: &abi_stable::type_layout::TypeLayout = <DriverModRef as StableAbi>::LAYOUT;
            }
        };
    }

    generation!(first, u32, {});
    generation!(second, u32, {
        #[sabi(missing_field(option))]
        pub test: extern "C" fn(),
    });
    generation!(third, u32, {
        #[sabi(missing_field(option))]
        pub test: extern "C" fn(),
        #[sabi(missing_field(option))]
        pub close: extern "C" fn(),
    });
    generation!(careless, u64, {});

    #[test]
    fn generations_mix_in_either_direction_and_any_order() {
        let generations = [first::LAYOUT, second::LAYOUT, third::LAYOUT];
        for host in generations {
            // abi_stable's own check refuses the host's own generation once it has seen an older one.
            for driver in generations.iter().chain(generations.iter().rev()) {
                assert!(check(host, driver).is_ok());
                assert!(check(host, careless::LAYOUT).is_err());
            }
        }
    }

    #[test]
    fn a_difference_is_summed_up_in_one_line() {
        let mismatch = check(second::LAYOUT, careless::LAYOUT).unwrap_err();
        assert_eq!(
            mismatch.summary,
            "`RawError.kind`: mismatched type, host u32, driver u64"
        );
        assert!(mismatch.report.lines().count() > 50);
    }

    #[test]
    fn a_type_that_has_nothing_in_common_is_refused() {
        let mismatch = check(first::LAYOUT, <u32 as StableAbi>::LAYOUT).unwrap_err();
        assert_eq!(
            mismatch.summary,
            "the root module: mismatched type, host PrefixRef<'a, DriverMod>, driver u32"
        );
    }
}
