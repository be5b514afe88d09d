//! Who has a serial port, and which there are: what a message needs so that its reader knows what to do next.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// " by `minicom` (pid 123)", as far as this user may know; or nothing.
pub(super) fn of(path: &Path) -> String {
    let Ok(port) = path.canonicalize() else {
        return String::new();
    };
    let holders: Vec<u32> = processes().filter(|pid| has_open(*pid, &port)).collect();
    match holders.as_slice() {
        [] => " by another user's program; `sudo fuser -v` with the port tells which".to_owned(),
        [pid] if *pid == std::process::id() => {
            " by another device of this host; devices that share a line belong to a controller".to_owned()
        }
        pids => {
            let told: Vec<String> = pids.iter().map(|pid| format!("`{}` (pid {pid})", name(*pid))).collect();
            format!(" by {}", told.join(" and "))
        }
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn has_open(pid: u32, port: &Path) -> bool {
    let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    fds.flatten()
        .any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == port))
}

fn name(pid: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim_end().to_owned(),
        Err(_) => "a program".to_owned(),
    }
}

/// "; those here are …", or that there are none.
pub(super) fn ports() -> String {
    let by_id = links("/dev/serial/by-id");
    let ports = match by_id.is_empty() {
        false => by_id,
        true => terminals(),
    };
    match ports.as_slice() {
        [] => "; no serial adapter is plugged in".to_owned(),
        ports => {
            let told: Vec<String> = ports.iter().take(6).map(|port| port.display().to_string()).collect();
            format!("; those here are {}", told.join(", "))
        }
    }
}

fn links(folder: &str) -> Vec<PathBuf> {
    let mut links: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    links.sort();
    links
}

fn terminals() -> Vec<PathBuf> {
    let is_adapter = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ttyUSB") || name.starts_with("ttyACM") || name.starts_with("ttyAMA")
    };
    links("/dev").into_iter().filter(is_adapter).collect()
}

/// "; members of the group `dialout` may", if the port lets its group.
pub(super) fn group(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else {
        return String::new();
    };
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let id = metadata.gid().to_string();
    let name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    match name {
        Some(name) if metadata.mode() & 0o060 == 0o060 => {
            format!("; members of the group `{name}` may: `sudo usermod -aG {name} $USER`, then log in anew")
        }
        _ => String::new(),
    }
}
