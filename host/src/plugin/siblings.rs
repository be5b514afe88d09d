//! Vendor libraries beside a driver (X3).
//!
//! A driver with `$ORIGIN` in its run path looks for them relative to its own place, which is now a private folder. So the
//! neighbourhood is rebuilt there in links: the mirror has as many levels as the run paths climb, and in each folder that
//! they name, links to what the real one holds. What X2 does not trust is left out: its code would run as well.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::elf::Image;
use super::trust::{self, Rights};

/// Whether the driver looks for libraries relative to its own place.
pub(super) fn wanted(image: &Image) -> bool {
    run_paths(image).next().is_some()
}

/// Rebuilds the neighbourhood of `origin` within `mirror`. Returns the folder that stands for `origin` itself.
pub(super) fn link(mirror: &Path, origin: &Path, image: &Image, warnings: &mut Vec<String>) -> io::Result<PathBuf> {
    let mut real: Vec<PathBuf> = run_paths(image).map(|path| normal(&origin.join(path))).collect();
    // From the deepest up: a folder that is rebuilt is not covered by a link to the whole of it any more.
    real.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    real.dedup();
    let base = base(origin, &real);
    let within = |path: &Path| mirror.join(path.strip_prefix(base).expect("the base holds every folder"));
    let home = within(origin);
    make(&home)?;
    for folder in real.iter().filter(|folder| folder.is_dir()) {
        let copy = within(folder);
        make(&copy)?;
        link_entries(folder, &copy, warnings)?;
    }
    Ok(home)
}

/// The libraries that the driver needs and that lie where its run paths point to.
pub(super) fn needed(origin: &Path, image: &Image) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = run_paths(image).map(|path| normal(&origin.join(path))).collect();
    let find = |name: &String| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| trusted(path).is_ok())
    };
    image.needed.iter().filter_map(find).collect()
}

/// The run paths that begin at the driver's place, relative to it.
fn run_paths(image: &Image) -> impl Iterator<Item = &Path> {
    image.run_paths.iter().filter_map(|path| {
        let rest = path
            .strip_prefix("$ORIGIN")
            .or_else(|| path.strip_prefix("${ORIGIN}"))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| Path::new(rest.trim_start_matches('/')))
    })
}

/// The path without `.` and `..`, by its words alone. `origin` has its links resolved, so nothing is lost.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The nearest folder that holds `origin` and all of `others`.
fn base<'a>(origin: &'a Path, others: &[PathBuf]) -> &'a Path {
    let holds = |folder: &&Path| others.iter().all(|other| other.starts_with(folder));
    origin.ancestors().find(holds).unwrap_or(Path::new("/"))
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn link_entries(real: &Path, copy: &Path, warnings: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(real)? {
        let entry = entry?;
        let link = copy.join(entry.file_name());
        if link.symlink_metadata().is_ok() {
            continue;
        }
        match trusted(&entry.path()) {
            Ok(()) => symlink(entry.path(), link)?,
            Err(reason) => warnings.push(format!("{} is left out: {reason}", entry.path().display())),
        }
    }
    Ok(())
}

fn trusted(path: &Path) -> Result<(), String> {
    let rights = |path: &Path| fs::metadata(path).map(|metadata| Rights::from(&metadata));
    let look = || -> io::Result<(Rights, Rights)> {
        let real = path.canonicalize()?;
        Ok((rights(&real)?, rights(real.parent().unwrap_or(Path::new("/")))?))
    };
    let (file, folder) = look().map_err(|error| error.to_string())?;
    let me = rustix::process::geteuid().as_raw();
    trust::check(file, folder, me).map_err(|rejection| rejection.reason)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn image(run_paths: &[&str]) -> Image {
        Image {
            info: super::super::info::host(),
            needed: vec!["libvendor.so".into(), "libc.so.6".into()],
            run_paths: run_paths.iter().map(|path| path.to_string()).collect(),
        }
    }

    /// A vendor's tree: `opt/drivers/driver.so`, `opt/drivers/sub/libdeep.so`, `opt/lib/libvendor.so`.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let origin = root.path().canonicalize().unwrap().join("opt/drivers");
        for file in ["driver.so", "sub/libdeep.so", "../lib/libvendor.so"] {
            let file = normal(&origin.join(file));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        fs::create_dir(root.path().join("mirror")).unwrap();
        (root, origin)
    }

    fn reaches(home: &Path, path: &str) -> bool {
        fs::read(home.join(path)).is_ok_and(|content| content == b"x")
    }

    #[test]
    fn only_run_paths_relative_to_the_driver_need_anything() {
        assert!(!wanted(&image(&["/usr/lib/vendor", "lib", "$ORIGINAL/lib"])));
        assert!(wanted(&image(&["/usr/lib", "$ORIGIN"])));
        assert!(wanted(&image(&["${ORIGIN}/../lib"])));
    }

    #[test]
    fn siblings_are_found_from_the_mirror() {
        let (root, origin) = tree();
        let image = image(&["$ORIGIN", "$ORIGIN/sub", "$ORIGIN/../lib", "$ORIGIN/../absent"]);
        let mut warnings = Vec::new();
        let home = link(&root.path().join("mirror"), &origin, &image, &mut warnings).unwrap();
        for path in ["driver.so", "sub/libdeep.so", "../lib/libvendor.so"] {
            assert!(reaches(&home, path), "{path}");
        }
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn a_run_path_to_the_folder_above_is_rebuilt_as_well() {
        let (root, origin) = tree();
        fs::write(origin.join("../libtop.so"), "x").unwrap();
        let image = image(&["$ORIGIN/..", "$ORIGIN/../lib"]);
        let home = link(&root.path().join("mirror"), &origin, &image, &mut Vec::new()).unwrap();
        for path in ["../libtop.so", "../lib/libvendor.so"] {
            assert!(reaches(&home, path), "{path}");
        }
        let real: Vec<_> = fs::read_dir(origin.parent().unwrap()).unwrap().collect();
        assert_eq!(real.len(), 3, "nothing is ever written to the real folders");
    }

    #[test]
    fn a_sibling_that_everybody_can_write_is_left_out() {
        let (root, origin) = tree();
        let vendor = normal(&origin.join("../lib/libvendor.so"));
        assert_eq!(
            needed(&origin, &image(&["$ORIGIN/../lib"])),
            std::slice::from_ref(&vendor)
        );
        fs::set_permissions(&vendor, fs::Permissions::from_mode(0o666)).unwrap();
        let mut warnings = Vec::new();
        let image = image(&["$ORIGIN/../lib"]);
        let home = link(&root.path().join("mirror"), &origin, &image, &mut warnings).unwrap();
        assert!(!reaches(&home, "../lib/libvendor.so"));
        assert!(
            warnings[0].contains("libvendor.so is left out: it is writable by everybody"),
            "{warnings:?}"
        );
        assert!(needed(&origin, &image).is_empty());
    }
}
