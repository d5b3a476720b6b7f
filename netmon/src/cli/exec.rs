//! `netmon exec`: runs a command inside a namespace.
//!
//! This process becomes the command (`execve`), so exit code, signals and terminal are the command's own.

use std::{ffi::OsString, io, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, anyhow};
use clap::Args;
use netmon_kernel::{
    netns::{self, names},
    sys::capabilities::{Capability, require},
};
use netmon_model::names::NsName;

use super::{exit::ExitCode, logging};

/// The exit codes of a shell for a command that cannot be executed, and for one that was not found.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Which namespace, and which command.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon exec direct_netns ping -c 3 10.200.0.2
  netmon exec direct_netns -- ping -c 3 10.200.0.2
  netmon exec direct_netns -- sh")]
pub struct Exec {
    /// The namespace, by its name in `ip netns list`; `root` is the current one.
    #[arg(env = "NETMON_NAMESPACE")]
    namespace: NsName,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the command in place of this process. Returns only if the namespace cannot be entered.
///
/// # Errors
///
/// Fails if a privilege is missing, or there is no such namespace.
pub fn run(args: &Exec) -> anyhow::Result<ExitCode> {
    let what_for = format!("entering namespace {}", args.namespace);
    require(&[Capability::SysAdmin], &what_for)?;
    netns::exec::enter_for_good(&args.namespace).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow!("there is no namespace {}; {}", args.namespace, existing()),
        _ => error.into(),
    })?;
    let (program, arguments) = args.command.split_first().context("no command")?;
    logging::finish();
    let error = Command::new(program).args(arguments).exec();
    anstream::eprintln!("netmon: cannot run {}: {error}", program.display());
    std::process::exit(if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN });
}

/// Returns the end of the message "there is no namespace X; ...": the names that exist.
fn existing() -> String {
    match names::list() {
        Ok(names) if names.is_empty() => "there are none, `netmon up` creates some".to_owned(),
        Ok(names) => {
            let names: Vec<_> = names.iter().map(NsName::as_str).collect();
            format!("there are: {}", names.join(", "))
        }
        Err(error) => error.to_string(),
    }
}
