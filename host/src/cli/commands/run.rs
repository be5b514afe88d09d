//! `baton run`: opens a lab and serves it until it is told to end.

mod ending;
mod ready;

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;

use super::check::BAD_CONFIG;
use crate::{
    cli::{
        args::Run,
        failure::Failure,
        lab_file::{self, Against, LabFile},
        output::Output,
    },
    config::{Execution, LabConfig, Secret},
    lab::Lab,
    log::Log,
    plugin::{Drivers, State},
    server::{Addresses, Server},
};
use ending::{Ending, Signals};

/// Opens the lab and serves it until SIGTERM or Ctrl-C.
pub(super) fn run(run: &Run, token: Option<Secret>, output: Output) -> Result<(), Failure> {
    let log = start_log(run);
    let file = lab_file::read(
        &run.config,
        &run.places.drivers,
        run.places.machine.as_deref(),
        Against::Drivers,
    )?;
    output.diagnostics(&file.resolution.diagnostics);
    let Some(mut config) = file.resolution.config.clone() else {
        return Err(Failure::Told(BAD_CONFIG));
    };
    if let Some(missing) = config.missing_drivers.first() {
        let text = format!("the driver `{missing}` was not found; name its folder with --drivers DIR");
        output.error(&text);
        report_refused(&file.drivers, output);
        return Err(Failure::Told(BAD_CONFIG));
    }
    settle(&mut config, run, token);
    let runtime = runtime(config.host.execution)?;
    runtime.block_on(serve(config, &file, &log, run.require_all, output))
}

/// What the command line and the environment say goes before what the config says.
fn settle(config: &mut LabConfig, run: &Run, token: Option<Secret>) {
    config.host.token = token.or(config.host.token.take());
    if let Some(listen) = &run.listen {
        config.host.listen = Some(listen.clone());
    }
    if let Some(socket) = &run.socket {
        config.host.socket = Some(std::path::absolute(socket).unwrap_or_else(|_| socket.clone()));
    }
    // This program itself, even if its file is replaced meanwhile.
    config.host.runner = Some("/proc/self/exe".into());
    if std::env::var_os("BATON_ISOLATION").is_some_and(|value| value == "process") {
        config.isolate_all();
    }
    let disabled = std::env::var_os("BATON_DISABLE_ASYNC").is_some_and(|value| value == "1");
    if run.disable_async || disabled {
        config.host.execution = Execution::Inline;
    }
}

/// Inline execution has everything on one thread.
fn runtime(execution: Execution) -> io::Result<tokio::runtime::Runtime> {
    match execution {
        Execution::Threaded => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
        Execution::Inline => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    }
}

async fn serve(config: LabConfig, file: &LabFile, log: &Log, require_all: bool, output: Output) -> Result<(), Failure> {
    // First the address, then the devices: a second host on the same config must not touch the hardware.
    let host = &config.host;
    let addresses = Addresses::bind_with(host.listen.as_deref(), host.socket.as_deref(), host.token.as_ref());
    let addresses = addresses.map_err(|error| Failure::Request(error.to_string()))?;
    let signals = Signals::count()?;
    let lab = Lab::open(config, file.drivers.clone()).map_err(|error| Failure::Request(error.to_string()))?;
    let server = Server::new(&lab, addresses).with_log(log);
    if require_all {
        ready::demand_all(&lab, output)?;
    }
    ready::announce(&lab, server.addresses().to_vec(), output)?;
    Ending::new(lab, signals, output).after(server).await
}

/// Files that look like the driver that is missing.
fn report_refused(drivers: &Drivers, output: Output) {
    for row in drivers
        .rows()
        .iter()
        .filter(|row| row.state != State::Ok && row.state != State::NotADriver)
    {
        output.note(&format!(
            "  {}: {}: {}",
            row.file.display(),
            row.state.name(),
            row.reason.as_deref().unwrap_or("")
        ));
    }
}

/// The host's log goes to standard error, one line for each event, and into memory for those who ask for it.
fn start_log(run: &Run) -> Log {
    use io::IsTerminal;
    use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .fmt_fields(MessageOnly)
        .with_filter(LevelFilter::from_level(run.log));
    // What is needed the next morning is kept, however little is wanted on the terminal, or much of what goes over lines.
    let log = Log::new(run.log.clamp(tracing::Level::INFO, tracing::Level::DEBUG));
    // A second subscriber cannot be set, and there is none before this.
    let _ = tracing_subscriber::registry()
        .with(to_stderr)
        .with(log.layer())
        .try_init();
    log
}

/// Messages name their device themselves; its field is for programs.
struct MessageOnly;

impl<'writer> tracing_subscriber::fmt::FormatFields<'writer> for MessageOnly {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(
        &self,
        writer: tracing_subscriber::fmt::format::Writer<'writer>,
        fields: R,
    ) -> std::fmt::Result {
        struct Visitor<'w> {
            writer: tracing_subscriber::fmt::format::Writer<'w>,
            outcome: std::fmt::Result,
        }
        impl tracing::field::Visit for Visitor<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.outcome = self.outcome.and_then(|()| write!(self.writer, "{value:?}"));
                }
            }
        }
        let mut visitor = Visitor {
            writer,
            outcome: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.outcome
    }
}
