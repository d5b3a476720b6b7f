//! A program inside a namespace, as `netmon exec` runs it: with the namespace's own /etc files.

use std::{path::Path, process::Stdio};

use netmon_model::names::NsName;
use tokio::process::Command;

/// Runs it to its end, for as long as it is polled: then it is ended. What it said last is why it failed.
pub(super) async fn run(
    namespace: &NsName,
    words: &[String],
    directory: Option<&Path>,
) -> Result<(), String> {
    let netmon = std::env::current_exe().map_err(|error| format!("netmon's own program: {error}"))?;
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
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{}{}{last}", output.status, if last.is_empty() { "" } else { ": " }))
}
