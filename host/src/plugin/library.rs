//! An open driver library.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use abi_stable::StableAbi;
use abi_stable::library::{AbiHeaderRef, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::std_types::RResult;
use baton_plugin_api::abi::{BoxController, BoxDevice, BoxHost, BuildInfo, DriverModRef, RawResult};
use baton_plugin_api::description::{LibraryDescription, TableDescription};
use baton_plugin_api::{Error, ErrorKind};
use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

use super::info;
use super::layout;
use super::private::{Copy, PrivateFolder};
use super::row::Rejection;

/// A driver library that is open, was checked, and stays for as long as the process lives.
///
/// It is never unloaded: a thread that has run code of a library may still do so when it ends, and unloading it under such
/// a thread ends the process with SIGSEGV. Clones are the same library.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Entries,
    copy: CopyPaths,
    description: LibraryDescription,
    file: PathBuf,
    hash: String,
    /// Vendor libraries that are opened late are found through it.
    _folder: Arc<PrivateFolder>,
}

/// Where the private copy of a library lies.
#[derive(Clone, Debug)]
pub(crate) struct CopyPaths {
    pub(crate) path: PathBuf,
    /// What has to be opened before it.
    pub(crate) first: Vec<PathBuf>,
}

/// The ways into a library that is open.
#[derive(Clone, Copy)]
pub(crate) struct Entries {
    module: DriverModRef,
}

impl Entries {
    /// Opens the copy of a library and compares the layout of its types with ours; asks it nothing. `file` is the original
    /// and `plugin_api` the version that it says it was built with, for messages.
    pub(super) fn open(copy: &CopyPaths, file: &Path, plugin_api: &str) -> Result<Self, Rejection> {
        let module = module(&copy.path, &copy.first, file, plugin_api)?;
        Ok(Self { module })
    }

    /// Opens the copy of a library that another process has checked; compares the layout of its types, and asks it nothing.
    ///
    /// # Errors
    /// Why it cannot be used, for people.
    pub(crate) fn attach(copy: &CopyPaths, file: &Path, plugin_api: &str) -> Result<Self, String> {
        Self::open(copy, file, plugin_api).map_err(|rejection| rejection.reason)
    }

    /// Opens a device that stands alone.
    pub(crate) fn open_device(&self, kind: &str, options: &str, host: BoxHost) -> Result<BoxDevice, Error> {
        result(self.module.open_device()(kind.into(), options.into(), host))
    }

    /// Opens a controller.
    pub(crate) fn open_controller(&self, kind: &str, options: &str, host: BoxHost) -> Result<BoxController, Error> {
        result(self.module.open_controller()(kind.into(), options.into(), host))
    }
}

impl Library {
    /// Opens the copy of a library, checks it and asks what it offers.
    ///
    /// `file` and `hash` are those of the original.
    pub(super) fn open(
        copy: &Copy,
        folder: &Arc<PrivateFolder>,
        file: &Path,
        hash: &str,
        build: &BuildInfo,
    ) -> Result<Self, Rejection> {
        let copy = CopyPaths {
            path: copy.path.clone(),
            first: copy.first.clone(),
        };
        let entries = Entries::open(&copy, file, &build.plugin_api)?;
        Ok(Self {
            inner: Arc::new(Inner {
                description: describe(entries.module, build)?,
                entries,
                copy,
                file: file.to_owned(),
                hash: hash.to_owned(),
                _folder: Arc::clone(folder),
            }),
        })
    }

    /// What it offers.
    pub fn description(&self) -> &LibraryDescription {
        &self.inner.description
    }

    /// The private copy that is open here.
    pub(crate) fn copy(&self) -> &CopyPaths {
        &self.inner.copy
    }

    /// The file it came from. That file may have changed since.
    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    /// SHA-256 of its content in hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.inner.hash
    }

    /// What the table of a device of type `kind` will be with these options; opens nothing. `controller` is the type of
    /// the controller it belongs to, if any, and `options` is JSON.
    ///
    /// # Errors
    /// What the driver says of the options; [`ErrorKind::InternalError`] if its answer makes no sense.
    pub fn describe_device(
        &self,
        controller: Option<&str>,
        kind: &str,
        options: &str,
    ) -> Result<TableDescription, Error> {
        let describe = self.inner.entries.module.describe_device();
        let json = result(describe(
            controller.unwrap_or_default().into(),
            kind.into(),
            options.into(),
        ))?;
        serde_json::from_str(&json).map_err(|error| {
            let (name, LibraryDescription { plugin_api, .. }) = (self.name(), self.description());
            let message = format!(
                "driver {name} (baton-plugin-api {plugin_api}) describes a device of type `{kind}` in a way that this host \
                 (baton-plugin-api {}) does not understand: {error}",
                info::host().plugin_api
            );
            Error::new(ErrorKind::InternalError, message)
        })
    }

    /// Opens a device that stands alone. Blocks for as long as the driver likes: only the executor calls it.
    ///
    /// # Errors
    /// What the driver says; a panic of it is [`ErrorKind::Panic`].
    pub fn open_device(&self, kind: &str, options: &str, host: BoxHost) -> Result<BoxDevice, Error> {
        self.inner.entries.open_device(kind, options, host)
    }

    /// Opens a controller. Blocks for as long as the driver likes: only the executor calls it.
    ///
    /// # Errors
    /// As for [`open_device`](Self::open_device).
    pub fn open_controller(&self, kind: &str, options: &str, host: BoxHost) -> Result<BoxController, Error> {
        self.inner.entries.open_controller(kind, options, host)
    }

    fn name(&self) -> &str {
        &self.description().name
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library")
            .field("name", &self.name())
            .field("version", &self.description().version)
            .field("file", &self.file())
            .finish_non_exhaustive()
    }
}

/// Opens a library, compares the layout of its types with ours, and finds the way into it.
fn module(path: &Path, first: &[PathBuf], file: &Path, plugin_api: &str) -> Result<DriverModRef, Rejection> {
    for path in first {
        keep(path)?;
    }
    let header = header(keep(path)?)?;
    check_layout(header, file, plugin_api)?;
    // SAFETY: the layout of the root module, and of all that can be reached from it, has just been found to be the one
    // that this host was compiled with, in one direction or the other (`layout::check`); fields and methods that the
    // older of the two lacks are found missing at run time, by abi_stable's prefix types. That the constructor returns
    // what the header states is the promise of `export_driver!`.
    unsafe { header.unchecked_layout() }
        .map_err(|error| Rejection::refused(format!("its root module could not be made: {error}")))
}

/// Does with the copy of a library all that [`Library::open`] does with it, to see whether this process survives that.
/// `stage` is told before it is opened, and with `true` before it is asked. Whether the library is any good is found out by
/// whoever opens it after that.
pub(super) fn try_out(path: &Path, first: &[PathBuf], mut stage: impl FnMut(bool)) {
    stage(false);
    if let Ok(module) = module(path, first, path, "") {
        stage(true);
        // What it says of itself is for the host to judge; here it is only to say it.
        drop(module.describe()());
    }
}

fn result<T>(raw: RawResult<T>) -> Result<T, Error> {
    match raw {
        RResult::ROk(value) => Ok(value),
        RResult::RErr(error) => Err(error.into()),
    }
}

/// Opens a library and never closes it.
fn keep(path: &Path) -> Result<&'static Handle, Rejection> {
    // SAFETY: initialisers of the library run in here, which nobody can check. X2 has seen to it that it comes from root
    // or from the user who runs the host; `elf::check` that every page which will be mapped is there; and the private
    // folder that nobody changes it meanwhile.
    let handle = unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    let handle =
        handle.map_err(|error| Rejection::refused(format!("it could not be opened: {}", plain(&error, path))))?;
    Ok(Box::leak(Box::new(handle)))
}

/// The loader's message without the path of the private copy, which would only puzzle people.
fn plain(error: &libloading::Error, path: &Path) -> String {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| cause.to_string());
    cause.replace(&format!("{}: ", path.display()), "")
}

/// The header through which abi_stable finds the root module.
fn header(handle: &'static Handle) -> Result<&'static LibHeader, Rejection> {
    // SAFETY: the type of the symbol is a pointer to what lies there. `elf::check` has found it defined and large enough for
    // what every version of abi_stable begins with, `export_driver!` puts a `LibHeader` there, and `upgrade` compares
    // abi_stable's magic string and version before it trusts the rest: by then it calls functions of the abi_stable inside
    // the driver, none of the driver's own. The library is never closed, so `'static` holds.
    let header = unsafe { handle.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) };
    let header = header.map_err(|error| Rejection::refused(format!("its root symbol cannot be found: {error}")))?;
    header.upgrade().map_err(|error| {
        tracing::debug!("{error}");
        Rejection::refused("it was built with another abi_stable than this host: build it again with `export_driver!`")
    })
}

fn check_layout(header: &LibHeader, file: &Path, plugin_api: &str) -> Result<(), Rejection> {
    let Some(theirs) = header.layout() else {
        return Err(Rejection::refused(
            "it does not say how its types are laid out: build it with `export_driver!`",
        ));
    };
    layout::check(<DriverModRef as StableAbi>::LAYOUT, theirs).map_err(|mismatch| {
        tracing::debug!(file = %file.display(), "layout report\n{}", mismatch.report);
        let (theirs, ours) = (plugin_api, info::host().plugin_api);
        let remedy = match theirs == ours {
            true => "build driver and host from the same sources".to_owned(),
            false => format!("build the driver again with baton-plugin-api {ours}"),
        };
        Rejection::refused(format!(
            "built with baton-plugin-api {theirs}, whose types are not laid out as those of this host (baton-plugin-api \
             {ours}; {}): {remedy}",
            mismatch.summary
        ))
    })
}

/// What the library says of itself.
fn describe(module: DriverModRef, build: &BuildInfo) -> Result<LibraryDescription, Rejection> {
    let json = result(module.describe()())
        .map_err(|error| Rejection::refused(format!("it could not describe itself: {error}")))?;
    let description = understand(&json, build)?;
    if description.mistakes.is_empty() {
        return Ok(description);
    }
    let mistakes = description.mistakes.join("; ");
    Err(Rejection::refused(format!("mistakes in its tables: {mistakes}")))
}

/// A datatype of a later version, say, is an error here, which names both versions.
fn understand(description: &str, build: &BuildInfo) -> Result<LibraryDescription, Rejection> {
    serde_json::from_str(description).map_err(|error| {
        Rejection::refused(format!(
            "its description (baton-plugin-api {}) is not understood by this host (baton-plugin-api {}): {error}",
            build.plugin_api,
            info::host().plugin_api
        ))
    })
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::Datatype;
    use baton_plugin_api::description::{MessageDescription, TableDescription, TypeDescription};

    use super::*;

    fn of_a_later_version(change: impl Fn(&str) -> String) -> Result<LibraryDescription, String> {
        let table = TableDescription {
            messages: vec![MessageDescription {
                name: "hot".to_owned(),
                doc: String::new(),
                payload: Datatype::Bool,
            }],
            ..TableDescription::default()
        };
        let description = LibraryDescription {
            name: "sim".to_owned(),
            version: "1.0".to_owned(),
            plugin_api: "0.9.0".to_owned(),
            rustc: String::new(),
            panic: "unwind".to_owned(),
            devices: vec![TypeDescription {
                name: "oven".to_owned(),
                options: true.into(),
                table,
                dynamic: false,
            }],
            controllers: Vec::new(),
            mistakes: Vec::new(),
        };
        let build = BuildInfo {
            plugin_api: "0.9.0".to_owned(),
            ..info::host()
        };
        let json = serde_json::to_string(&description).unwrap();
        understand(&change(&json), &build).map_err(|rejection| rejection.reason)
    }

    #[test]
    fn a_datatype_of_a_later_version_is_an_error_that_names_both() {
        let ours = info::host().plugin_api;
        let reason = of_a_later_version(|json| json.replace(r#""kind":"bool""#, r#""kind":"matrix""#)).unwrap_err();
        assert!(reason.contains("baton-plugin-api 0.9.0"), "{reason}");
        assert!(
            reason.contains(&format!("this host (baton-plugin-api {ours})")),
            "{reason}"
        );
        assert!(reason.contains("unknown variant `matrix`"), "{reason}");
    }

    #[test]
    fn a_key_of_a_later_version_is_passed_over() {
        let newer = of_a_later_version(|json| json.replacen('{', r#"{"colour":"blue","#, 1));
        assert_eq!(newer.unwrap().name, "sim");
    }
}
