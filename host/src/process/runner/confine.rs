//! What a child takes upon itself before it runs any code of a driver.

use rustix::process::{Resource, Rlimit, Signal, getppid, setrlimit};

use super::arguments::Arguments;

/// How much sooner than others it is picked when the system runs out of memory; the host's own is 0.
const OOM_SCORE: &str = "500";

/// # Errors
/// If its host is gone, or the system refuses.
pub(super) fn confine(arguments: &Arguments) -> Result<(), String> {
    close_inherited();
    if arguments.permanent {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| format!("it would outlive its host: {error}"))?;
    }
    // It may have been gone before it could be waited for.
    let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    if parent != arguments.parent {
        return Err(format!("it was started by process {}, which is gone", arguments.parent));
    }
    // Its death is to be noticed at once, not after a core was written.
    limit(Resource::Core, 0)?;
    if let Some(memory) = arguments.limits.memory {
        // Not the address space, of which vendors' libraries reserve more than they will ever use.
        limit(Resource::Data, memory)?;
    }
    // A container may forbid it; it is the preference of a bad day, no promise.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    Ok(())
}

fn limit(resource: Resource, most: u64) -> Result<(), String> {
    let hard = rustix::process::getrlimit(resource).maximum;
    let most = hard.map_or(most, |hard| hard.min(most));
    let limits = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(resource, limits).map_err(|error| format!("{resource:?} cannot be limited: {error}"))
}

/// Closes what came down from the host by accident: a vendor's library there may open files in ways that hand them on.
fn close_inherited() {
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let numbers: Vec<i32> = folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // That of the folder itself is not there any more.
        if std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok() {
            // SAFETY: it is open, and nobody here owns it: the process has just begun, has no other thread, and has opened
            // nothing but the folder above, which is closed again.
            unsafe { rustix::io::close(number) };
        }
    }
}
