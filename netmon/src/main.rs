//! The `netmon` command: parse, dispatch, exit code. Everything else is in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode as ProcessExitCode;

use clap::Parser as _;
use netmon::cli::{Cli, exit::ExitCode, logging, run};
use netmon_kernel::sys::heap;

fn main() -> ProcessExitCode {
    heap::share_one_arena();
    // clap prints its own errors and leaves with code 2, which is also ours for wrong usage.
    let cli = Cli::parse();
    logging::init(&cli.log);
    match run(cli) {
        Ok(code) => code.into(),
        Err(error) => {
            anstream::eprintln!("netmon: {error:#}");
            ExitCode::of(&error).into()
        }
    }
}
