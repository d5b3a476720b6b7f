//! Configures the log: filtered and formatted by env_logger, made harmless for terminals, and written by a thread.
//!
//! Texts of other programs are in messages: names of interfaces and processes, errors. Control characters in them are
//! escaped here, for every message.

mod queue;

use std::{io, sync::OnceLock};

use anstream::{AutoStream, ColorChoice};
use env_logger::{Builder, Target, WriteStyle};
use log::{Log, Metadata, Record};
use netmon_model::text::printable_lines;

use self::queue::Queue;

/// The thread that writes to standard error. Not set if it could not be started.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Initialises the log.
///
/// `wanted` is a level for netmon, its eBPF programs and the lab's services, with libraries at `warn`; or filters as
/// env_logger reads them.
pub fn init(wanted: &str) {
    let is_level = wanted.parse::<log::LevelFilter>().is_ok();
    // The prefix "netmon" also matches "netmon_ebpf", the target of the programs' messages.
    let filters = if is_level { format!("warn,netmon={wanted},service={wanted}") } else { wanted.to_owned() };
    let mut builder = Builder::new();
    builder.parse_filters(&filters).format_timestamp_millis();
    if let Ok(queue) = Queue::start(io::stderr()) {
        let styled = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        builder.write_style(if styled { WriteStyle::Always } else { WriteStyle::Never });
        builder.target(Target::Pipe(Box::new(queue.clone())));
        let _ = QUEUE.set(queue);
    }
    let logger = builder.build();
    let level = logger.filter();
    if log::set_boxed_logger(Box::new(Harmless(logger))).is_ok() {
        log::set_max_level(level);
    }
}

/// Prints a message on standard error, behind all log lines, with its control characters escaped.
pub fn print_error(message: &str) {
    let text = format!("{}\n", printable_lines(message));
    match QUEUE.get() {
        Some(queue) => queue.push(text.into_bytes()),
        None => anstream::eprint!("{text}"),
    }
}

/// Waits until everything is written, or standard error is not read. To be called before the process ends.
pub fn finish() {
    log::logger().flush();
}

/// A logger that escapes control characters in messages.
struct Harmless(env_logger::Logger);

impl Log for Harmless {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.0.matches(record) {
            return;
        }
        let text = record.args().to_string();
        let mut harmless = Record::builder();
        harmless.metadata(record.metadata().clone());
        harmless.module_path(record.module_path()).file(record.file()).line(record.line());
        self.0.log(&harmless.args(format_args!("{}", printable_lines(&text))).build());
    }

    fn flush(&self) {
        if let Some(queue) = QUEUE.get() {
            queue.drain();
        }
    }
}
