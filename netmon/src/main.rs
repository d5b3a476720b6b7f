//! The `netmon` command: parses, dispatches, and maps errors to exit codes. Everything else is in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use netmon::cli::{Cli, error_message::error_message, failure, logging, run};
use netmon_kernel::sys::heap;

fn main() -> ExitCode {
    heap::share_one_arena();
    // clap prints its own errors and exits with code 2, which is also netmon's for wrong usage.
    let cli = Cli::of_process();
    logging::init(&cli.log);
    let code = run(cli).unwrap_or_else(|error| {
        logging::print_error(&format!("netmon: {}", error_message(&error)));
        failure::exit_code(&error)
    });
    logging::finish();
    code.into()
}
