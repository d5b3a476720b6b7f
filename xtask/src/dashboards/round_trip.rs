//! Parses every dashboard with Grafana's own types, encodes it again, and compares.
//!
//! A field that Grafana does not know, or a value of the wrong type, is lost on the way. Grafana itself cannot be
//! installed from a package registry, so this is the nearest that a check comes to it. The SDK is in Python: it is the
//! only one of the languages that the SDK exists in which parses JSON and refuses what it does not know.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{FOLDER, boards};
use crate::{pip::PipPackage, workspace};

/// The version for Grafana 11.6. The first number is an epoch: without it, the newest is the one for Grafana 10.1.
const SDK: PipPackage =
    PipPackage { name: "grafana-foundation-sdk", version: "1769699379!11.6.0", what: "the Grafana SDK" };
/// The program that uses it.
const SCRIPT: &str = include_str!("round_trip.py");
/// What Prometheus' data source reads of an annotation, and the SDK has no type for.
const NOT_IN_THE_SDK: [&str; 3] = ["titleFormat", "textFormat", "tagKeys"];

/// Checks the committed dashboards.
pub(super) fn run() -> Result<()> {
    let sdk = SDK.ensure()?;
    let root = workspace::root()?;
    let files = boards::all().into_iter().map(|board| root.join(format!("{FOLDER}{}.json", board.file)));
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .args(files)
        .env("PYTHONPATH", &sdk)
        .output()
        .context("cannot start python3")?;
    if !output.status.success() {
        bail!("the Grafana SDK cannot parse a dashboard:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let found = unexpected(&String::from_utf8_lossy(&output.stdout));
    if !found.is_empty() {
        bail!("not the same after a round trip through the Grafana SDK:\n{}", found.join("\n"));
    }
    eprintln!("xtask: the Grafana SDK parses and encodes every dashboard without a difference");
    Ok(())
}

/// Returns the lines about fields that the SDK should know.
fn unexpected(said: &str) -> Vec<String> {
    let is_known = |line: &&str| {
        NOT_IN_THE_SDK.iter().any(|field| line.ends_with(&format!(".annotations.list[].{field}")))
    };
    said.lines().filter(|line| !is_known(line)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_that_the_sdk_has_no_type_for_may_be_lost() {
        let said = "dashboards/a.json: .annotations.list[].titleFormat\ndashboards/a.json: .panels[].titel\n";
        assert_eq!(unexpected(said), ["dashboards/a.json: .panels[].titel"]);
    }
}
