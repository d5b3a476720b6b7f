//! The manifests for Kubernetes in `deploy/kubernetes`: the rules of Prometheus as an object of its operator, and the check
//! of everything else with the API's own schemas.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{process, workspace};

/// The object that is made of the rules.
pub(crate) const RULE: &str = "deploy/kubernetes/prometheusrule.yaml";
/// The files of rules.
pub(crate) const RULES: [&str; 2] = ["dashboards/rules/recording.yaml", "dashboards/rules/alerts.yaml"];

/// Manifests of Kubernetes' own kinds. Those of the Prometheus operator have no schema on a package registry.
const MANIFESTS: [&str; 4] =
    ["namespace.yaml", "serviceaccount.yaml", "daemonset.yaml", "networkpolicy.yaml"];
/// The validator with the schemas, and what it uses.
const VALIDATOR: &str = "kubernetes-validate==1.33.1";
/// The version of Kubernetes whose schemas are used.
const KUBERNETES: &str = "1.33";

/// Checks the manifests with the schemas of Kubernetes. A field that it does not know is an error.
pub(crate) fn check() -> Result<()> {
    let validator = ensure_validator()?;
    let folder = workspace::root()?.join("deploy/kubernetes");
    let mut command = Command::new("python3");
    command
        .args(["-m", "kubernetes_validate", "--strict", "--kubernetes-version", KUBERNETES])
        .args(MANIFESTS.map(|name| folder.join(name)))
        .env("PYTHONPATH", &validator);
    let said = process::output(&mut command).context("a manifest is not valid")?;
    let passed = said.lines().filter(|line| line.contains(" passed ")).count();
    ensure!(passed == MANIFESTS.len(), "{passed} of {} manifests were checked:\n{said}", MANIFESTS.len());
    eprintln!("xtask: the manifests are valid for Kubernetes {KUBERNETES}");
    Ok(())
}

/// Installs the validator into the folder of tools, if it is not there yet.
fn ensure_validator() -> Result<PathBuf> {
    let folder = workspace::tools()?.join("kubernetes-validate");
    if !folder.join("kubernetes_validate").is_dir() {
        install(&folder)?;
    }
    Ok(folder)
}

fn install(folder: &Path) -> Result<()> {
    let target = folder.display().to_string();
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--upgrade",
        "--target",
        &target,
        VALIDATOR,
    ]);
    process::run(&mut pip)
        .context("cannot install the validator of manifests (Debian: apt-get install python3-pip)")
}

/// Returns the rules of Prometheus as an object of its operator.
pub(crate) fn rule(rules: &[String]) -> Result<String> {
    let mut text = "# Made of dashboards/rules by `cargo xtask dashboards`.\n\
                    apiVersion: monitoring.coreos.com/v1\n\
                    kind: PrometheusRule\n\
                    metadata:\n  name: netmon\n\
                    spec:\n  groups:\n"
        .to_owned();
    for file in rules {
        let groups = file.split_once("\ngroups:\n").context("a file of rules has no groups")?.1;
        text.extend(groups.lines().map(indented));
    }
    ensure!(text.contains("- name:"), "the rules have no group");
    Ok(text)
}

fn indented(line: &str) -> String {
    if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_all_files_are_in_one_object() {
        let file = |name: &str| format!("# about\ngroups:\n  - name: {name}\n    rules: []\n");
        let text = rule(&[file("a"), file("b")]).expect("made");
        let groups = "  groups:\n    - name: a\n      rules: []\n    - name: b\n      rules: []\n";
        assert!(text.ends_with(groups), "{text}");
    }

    #[test]
    fn a_file_without_groups_is_an_error() {
        assert!(rule(&["rules: []\n".to_owned()]).is_err());
    }
}
