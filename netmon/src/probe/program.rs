//! A program that runs inside a namespace through `netmon exec`, and so with the namespace's own files in /etc.

use std::{path::Path, process::Stdio};

use netmon_kernel::proc::own_program;
use netmon_model::names::NsName;
use tokio::process::Command;

/// Runs a program to its end, without a timeout. It is killed if the returned future is dropped.
///
/// The error of a program that fails is its exit status, with its last line on standard error.
pub(super) async fn run(
    namespace: &NsName,
    words: &[String],
    directory: Option<&Path>,
) -> Result<(), String> {
    let netmon = own_program().map_err(|error| format!("netmon's own program: {error}"))?;
    let mut command = Command::new(netmon);
    command.arg("exec").arg(namespace.as_str()).arg("--").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    let output = command.output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{}{}{last}", output.status, if last.is_empty() { "" } else { ": " }))
}
