//! The host that is soaked: a process of its own, so that what it uses is its own alone.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::Result;

/// In the environment of a process that is to be the host, or a part of it.
pub(crate) const IS_HOST: &str = "BATON_SOAK_HOST";
/// In its environment: what it shall leak, to see that the soak notices.
pub(crate) const LEAKS: &str = "BATON_SOAK_LEAKS";

/// A host that runs.
pub(crate) struct Host {
    child: Child,
    log: Arc<Log>,
}

/// What the host has written to its log.
#[derive(Default)]
struct Log {
    lines: AtomicU64,
    /// Panics of anything but a simulated driver.
    panics: Mutex<Vec<String>>,
}

/// What a process uses at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
    /// Memory that is no file's, in KiB.
    pub(crate) memory_kib: u64,
    /// Processes that it has started and that are there.
    pub(crate) children: u64,
}

impl Usage {
    /// The greater of each.
    pub(crate) fn max(self, other: Usage) -> Usage {
        Usage {
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
            memory_kib: self.memory_kib.max(other.memory_kib),
            children: self.children.max(other.children),
        }
    }
}

impl Host {
    /// Starts this program as a host.
    pub(crate) fn start(folder: &Path, config: &str, leaks: Option<&str>) -> Result<Host> {
        let path = folder.join("lab.toml");
        fs::write(&path, config)?;
        // Under the name by which a host looks for the program that runs drivers in processes of their own.
        let (own, program) = (std::env::current_exe()?, folder.join("baton"));
        if fs::hard_link(&own, &program).is_err() {
            fs::copy(&own, &program)?;
        }
        let mut command = Command::new(program);
        command
            .args(["run", "--log", "warn", "--drivers"])
            .arg(baton_tests::driver("sim"))
            .arg(&path);
        command
            .env(IS_HOST, "1")
            .env_remove("BATON_DISABLE_ASYNC")
            .env_remove(LEAKS);
        if let Some(leaks) = leaks {
            command.env(LEAKS, leaks);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::<Log>::default();
        let file = fs::File::create(folder.join("host.log"))?;
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || log.follow(BufReader::new(stderr), file)
        });
        Ok(Host { child, log })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it uses now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status")).map_err(|_| "the host is gone")?;
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        Ok(Usage {
            threads: number("Threads:"),
            descriptors: fs::read_dir(process.join("fd"))?.count() as u64,
            memory_kib: number("RssAnon:"),
            children: children(self.pid()).len() as u64,
        })
    }

    /// Panics in its log that no fault has asked for.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.log.panics.lock().expect("nobody panics with it").clone()
    }

    /// How many lines it has logged.
    pub(crate) fn logged(&self) -> u64 {
        self.log.lines.load(Ordering::Relaxed)
    }

    /// Ends it as a person would, and says how that went.
    pub(crate) fn end(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the host had ended by itself, with {status}").into());
        }
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        for _ in 0..300 {
            if let Some(status) = self.child.try_wait()? {
                return match status.success() {
                    true => Ok(()),
                    false => Err(format!("the host ended with {status}").into()),
                };
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the host has not ended 15 s after SIGTERM".into())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn follow(&self, lines: impl BufRead, mut file: fs::File) {
        for line in lines.split(b'\n').map_while(io::Result::ok) {
            let line = String::from_utf8_lossy(&line);
            self.lines.fetch_add(1, Ordering::Relaxed);
            // Those of the simulated drivers are asked for.
            if line.contains("panicked at") && !line.contains("drivers/sim/") {
                self.panics
                    .lock()
                    .expect("nobody panics with it")
                    .push(line.clone().into_owned());
            }
            let _ = io::Write::write_all(&mut file, format!("{line}\n").as_bytes());
        }
    }
}

/// The processes that a process has started and that are there.
pub(crate) fn children(of: u32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Leaks what the environment says, ten times a second, for as long as this process lives.
pub(crate) fn leak() {
    let is_host = std::env::args().nth(1).is_some_and(|command| command == "run");
    let Some(what) = std::env::var(LEAKS).ok().filter(|_| is_host) else {
        return;
    };
    std::thread::spawn(move || {
        loop {
            match what.as_str() {
                "threads" => drop(std::thread::spawn(|| {
                    loop {
                        std::thread::park()
                    }
                })),
                "descriptors" => std::mem::forget(fs::File::open("/dev/null")),
                "memory" => std::mem::forget(vec![1_u8; 2 << 20]),
                other => panic!("nobody knows how to leak {other}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}
