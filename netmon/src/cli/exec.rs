//! `netmon exec`: a command inside a namespace. netmon becomes the command, so its exit code, its signals and
//! its terminal are the command's own.

use std::{ffi::OsString, io, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, anyhow};
use clap::Args;
use netmon_kernel::{
    netns::{self, names},
    sys::capabilities::{Capability, require},
};
use netmon_model::names::NsName;

use super::{exit::ExitCode, failure};

/// As a shell says it: the command was found and could not be run, and it was not found.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Where, and what.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon exec direct_netns -- ping -c 3 10.200.0.2
  netmon exec direct_netns -- sh")]
pub struct Exec {
    /// The namespace, by its name in `ip netns list`; `root` for the one you are in.
    #[arg(env = "NETMON_NAMESPACE")]
    namespace: NsName,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the command. Returns only when there is none to become.
///
/// # Errors
///
/// A missing privilege, or a namespace that is not there.
pub fn run(args: &Exec) -> anyhow::Result<ExitCode> {
    let what_for = format!("entering namespace {}", args.namespace);
    require(&[Capability::SysAdmin], &what_for).map_err(failure::of_privilege)?;
    netns::exec::enter_for_good(&args.namespace).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow!("there is no namespace {}; {}", args.namespace, what_exists()),
        _ => error.into(),
    })?;
    let (program, arguments) = args.command.split_first().context("no command")?;
    let error = Command::new(program).args(arguments).exec();
    anstream::eprintln!("netmon: cannot run {}: {error}", program.display());
    std::process::exit(if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN });
}

fn what_exists() -> String {
    match names::list() {
        Ok(names) if names.is_empty() => "there are none, `netmon up` makes some".to_owned(),
        Ok(names) => {
            let names: Vec<_> = names.iter().map(NsName::as_str).collect();
            format!("there are: {}", names.join(", "))
        }
        Err(error) => error.to_string(),
    }
}
