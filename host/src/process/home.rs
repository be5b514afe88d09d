//! Where the devices of one worker live: a child, and after that has died another.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use baton_plugin_api::{
    Error, ErrorKind,
    abi::{BoxController, BoxDevice, BoxHost},
};
use serde::Serialize;

use super::{
    Children,
    child::{Asker, Child},
    message::{Load, Opening, Outcome, What},
    proxy,
    runner::arguments::Limits,
    spawn,
};
use crate::plugin::Library;

/// The process of a worker.
pub(crate) struct Home {
    name: Arc<str>,
    library: Library,
    children: Arc<Children>,
    limits: Limits,
    state: Mutex<State>,
    /// Numbers of what was opened.
    handles: AtomicU32,
    on_end: OnceLock<Arc<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct State {
    child: Option<Arc<Child>>,
    /// When it was started.
    since: Option<Instant>,
    starts: u64,
    deaths: u64,
    last_death: Option<String>,
    /// No more are started.
    closed: bool,
}

/// How the process of a device, or of a controller with all its devices, is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessStatus {
    /// Name of the device or controller.
    pub worker: String,
    /// Its number in the system; `None` while there is none.
    pub pid: Option<i32>,
    /// For how many seconds it has been there.
    pub up: Option<f64>,
    /// How often one was started.
    pub starts: u64,
    /// How often one died, or was killed.
    pub deaths: u64,
    /// Why the last one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_death: Option<String>,
}

impl Home {
    /// A home for the devices of one worker; its child is started when the first is opened.
    pub(crate) fn new(name: &Arc<str>, library: Library, children: &Arc<Children>, limits: Limits) -> Arc<Home> {
        Arc::new(Home {
            name: Arc::clone(name),
            library,
            children: Arc::clone(children),
            limits,
            state: Mutex::default(),
            handles: AtomicU32::new(0),
            on_end: OnceLock::new(),
        })
    }

    /// Has this called, from any thread, when a child has died.
    pub(crate) fn on_end(&self, told: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_end.set(Arc::new(told));
    }

    /// Opens a device that stands alone; in a child of its own.
    ///
    /// # Errors
    /// What the driver says, or why its process is gone.
    pub(crate) fn open_device(self: &Arc<Self>, kind: &str, options: &str, host: BoxHost) -> Result<BoxDevice, Error> {
        let child = self.child()?;
        open_device(&child, self.opening(kind, options, &host), host)
    }

    /// Opens a controller; in a child of its own.
    ///
    /// # Errors
    /// As for [`open_device`](Self::open_device).
    pub(crate) fn open_controller(
        self: &Arc<Self>,
        kind: &str,
        options: &str,
        host: BoxHost,
    ) -> Result<BoxController, Error> {
        let child = self.child()?;
        let opening = self.opening(kind, options, &host);
        let handle = opening.handle;
        child.side.add(handle, host.clone());
        let opened = child.order(What::OpenController(opening), &[], &Asker::Host(&host));
        match opened {
            Ok(_) => Ok(proxy::controller(child, Arc::clone(self))),
            Err(error) => Err(error),
        }
    }

    pub(super) fn opening(&self, kind: &str, options: &str, host: &BoxHost) -> Opening {
        Opening {
            handle: self.handles.fetch_add(1, Ordering::Relaxed),
            name: host.name().into(),
            kind: kind.to_owned(),
            options: options.to_owned(),
        }
    }

    /// Ends what runs, for real; whoever waits for it gets an error that says why. `false` if there is nothing.
    pub(crate) fn kill(&self, why: &str) -> bool {
        let child = self.state().child.clone();
        child.is_some_and(|child| child.kill(why.to_owned()))
    }

    /// Why the child is gone that the open devices lived in, if it is.
    pub(crate) fn loss(&self) -> Option<Error> {
        let child = self.state().child.clone()?;
        child
            .was_lost()
            .then(|| Error::communication(child.ended().unwrap_or_default()))
    }

    /// Ends the child, in order if it can. No other is started.
    pub(crate) fn close(&self) {
        let child = {
            let mut state = self.state();
            state.closed = true;
            state.child.take()
        };
        if let Some(child) = child {
            child.dismiss();
        }
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> ProcessStatus {
        let state = self.state();
        let alive = state.child.as_ref().filter(|child| child.ended().is_none());
        ProcessStatus {
            worker: self.name.to_string(),
            pid: alive.map(|child| child.pid()),
            up: alive.and(state.since).map(|since| since.elapsed().as_secs_f64()),
            starts: state.starts,
            deaths: state.deaths,
            last_death: state.last_death.clone(),
        }
    }

    /// The child; another if it has ended.
    fn child(self: &Arc<Self>) -> Result<Arc<Child>, Error> {
        if let Some(child) = &self.state().child
            && child.ended().is_none()
        {
            return Ok(Arc::clone(child));
        }
        let failed = |error: std::io::Error| {
            Error::new(
                ErrorKind::CommunicationFailed,
                format!("its process could not be started: {error}"),
            )
        };
        let copy = self.library.copy();
        let descriptor = spawn::reopen(&copy.path).map_err(failed)?;
        let load = Load {
            copy: match descriptor {
                Some(_) => String::new(),
                None => copy.path.display().to_string(),
            },
            first: copy.first.iter().map(|path| path.display().to_string()).collect(),
            file: self.library.file().display().to_string(),
            plugin_api: self.library.description().plugin_api.clone(),
            clock: self.children.clock().behind(),
            traffic: tracing::enabled!(tracing::Level::TRACE),
        };
        let home = Arc::downgrade(self);
        let on_end = Box::new(move || {
            if let Some(home) = home.upgrade() {
                home.note_death();
            }
        });
        let child = self
            .children
            .start(&self.name, self.limits, descriptor, on_end)
            .map_err(failed)?;
        {
            let mut state = self.state();
            if state.closed {
                drop(state);
                child.dismiss();
                return Err(Error::new(ErrorKind::Disabled, "it is being closed"));
            }
            state.starts += 1;
            state.since = Some(Instant::now());
            state.child = Some(Arc::clone(&child));
        }
        child.tell(What::Load(load))?;
        Ok(child)
    }

    fn note_death(&self) {
        {
            let mut state = self.state();
            state.deaths += 1;
            let told = state.child.as_ref().and_then(|child| child.ended().map(str::to_owned));
            state.last_death = told;
        }
        if let Some(told) = self.on_end.get() {
            told();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens a device in a child: on the controller that is open there, if there is one.
pub(super) fn open_device(child: &Arc<Child>, opening: Opening, host: BoxHost) -> Result<BoxDevice, Error> {
    let handle = opening.handle;
    child.side.add(handle, host.clone());
    let (outcome, _) = child.order(What::OpenDevice(opening), &[], &Asker::Host(&host))?;
    match outcome {
        Outcome::Opened { stopper } => Ok(proxy::device(Arc::clone(child), handle, stopper)),
        _ => Err(proxy::nonsense(child)),
    }
}
