//! Configures the log: filtered and formatted by env_logger, made harmless for terminals, and written by a thread.
//!
//! Texts of other programs are in messages: names of interfaces and processes, errors. Control characters in them are
//! escaped here, for every message.

mod queue;

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::OnceLock,
};

use anstream::{AutoStream, ColorChoice};
use env_logger::{Builder, Target, WriteStyle};
use log::{Level, Log, Metadata, Record};
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
    if is_journal() {
        builder.format(|buffer, record| buffer.write_all(journal_line(record).as_bytes()));
    }
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

/// Returns whether standard error goes to systemd's journal, which has the time itself.
fn is_journal() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal()
}

/// Returns a message for the journal: each line with its priority (sd-daemon(3)), so that `journalctl -p warning` finds it.
fn journal_line(record: &Record<'_>) -> String {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let text = record.args().to_string();
    let line = |line: &str| format!("<{priority}>{}: {line}\n", record.target());
    text.lines().map(line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_message_has_its_priority_in_the_journal() {
        let line = |level, text: &str| {
            journal_line(
                &Record::builder().level(level).target("netmon").args(format_args!("{text}")).build(),
            )
        };
        assert_eq!(line(Level::Warn, "one\ntwo"), "<4>netmon: one\n<4>netmon: two\n");
        assert_eq!(line(Level::Error, "x"), "<3>netmon: x\n");
        assert_eq!(line(Level::Trace, "x"), "<7>netmon: x\n");
    }
}
