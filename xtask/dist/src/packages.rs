//! The crates that netmon consists of, as cargo knows them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::target::Target;

/// A crate.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its licence as an SPDX expression.
    pub(crate) licence: String,
    /// Where its sources are.
    pub(crate) folder: PathBuf,
    /// SHA-256 of its archive; `None` for the crates of netmon itself.
    pub(crate) checksum: Option<String>,
    /// The ids of the crates that it uses at run time.
    pub(crate) uses: BTreeSet<String>,
}

/// The crates that are in the program, by cargo's id.
pub(crate) struct Packages(BTreeMap<String, Package>);

impl Packages {
    /// Asks cargo for the crates of the program: what is needed at run time, on this target.
    pub(crate) fn load(source: &Path, target: &Target) -> Result<Self> {
        let metadata = metadata(source, target)?;
        let checksums = checksums(source)?;
        let all = nodes(&metadata)?;
        let mut packages = BTreeMap::new();
        let mut open = vec![root(&metadata)?];
        while let Some(id) = open.pop() {
            if packages.contains_key(&id) {
                continue;
            }
            let uses = all.get(&id).cloned().unwrap_or_default();
            open.extend(uses.iter().cloned());
            let package = package(&metadata, &id, uses, &checksums)?;
            packages.insert(id, package);
        }
        Ok(Self(packages))
    }

    /// Returns the version of netmon.
    pub(crate) fn version(&self) -> Result<String> {
        let netmon = self.0.values().find(|package| package.name == "netmon");
        Ok(netmon.context("cargo knows no package netmon")?.version.clone())
    }

    /// Returns the crates in the order of name and version, each with its id.
    pub(crate) fn sorted(&self) -> Vec<(&str, &Package)> {
        let mut packages: Vec<_> = self.0.iter().map(|(id, package)| (id.as_str(), package)).collect();
        packages.sort_by(|(_, a), (_, b)| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        packages
    }

    /// Returns a crate.
    pub(crate) fn get(&self, id: &str) -> Option<&Package> {
        self.0.get(id)
    }
}

fn metadata(source: &Path, target: &Target) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(source)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target.triple()])
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("cannot read cargo's metadata")
}

/// Returns cargo's id of the package netmon.
fn root(metadata: &Value) -> Result<String> {
    let packages = metadata["packages"].as_array().context("cargo's metadata have no packages")?;
    let netmon = packages.iter().find(|package| package["name"] == "netmon");
    Ok(netmon.and_then(|package| package["id"].as_str()).context("cargo knows no package netmon")?.to_owned())
}

/// Returns what each package uses at run time.
fn nodes(metadata: &Value) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo's metadata have no graph")?;
    Ok(nodes.iter().filter_map(|node| Some((node["id"].as_str()?.to_owned(), uses(node)))).collect())
}

fn uses(node: &Value) -> BTreeSet<String> {
    let at_run_time = |dependency: &&Value| {
        dependency["dep_kinds"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let dependencies = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies.iter().filter(at_run_time).filter_map(|one| Some(one["pkg"].as_str()?.to_owned())).collect()
}

fn package(
    metadata: &Value,
    id: &str,
    uses: BTreeSet<String>,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Package> {
    let packages = metadata["packages"].as_array().context("cargo's metadata have no packages")?;
    let found = packages.iter().find(|package| package["id"] == id);
    let found = found.with_context(|| format!("cargo knows no package {id}"))?;
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let manifest = PathBuf::from(text("manifest_path"));
    Ok(Package {
        name: text("name"),
        version: text("version"),
        licence: text("license").replace('/', " OR "),
        folder: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
        checksum: checksums.get(&(text("name"), text("version"))).cloned(),
        uses,
    })
}

/// Returns the checksums of Cargo.lock by name and version.
fn checksums(source: &Path) -> Result<BTreeMap<(String, String), String>> {
    let path = source.join("Cargo.lock");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.split("[[package]]").filter_map(checksum).collect())
}

fn checksum(section: &str) -> Option<((String, String), String)> {
    let value = |key: &str| {
        let line = section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    Some(((value("name")?, value("version")?), value("checksum")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_crate_is_found_under_its_name_and_version() {
        let section = "\nname = \"ar\"\nversion = \"0.9.0\"\nsource = \"registry\"\nchecksum = \"d67a\"\n";
        assert_eq!(checksum(section), Some((("ar".into(), "0.9.0".into()), "d67a".into())));
        assert_eq!(checksum("\nname = \"netmon\"\nversion = \"0.1.0\"\n"), None);
    }

    #[test]
    fn what_is_needed_only_to_build_or_test_is_not_in_the_program() {
        let node = serde_json::json!({"deps": [
            {"pkg": "a", "dep_kinds": [{"kind": null}]},
            {"pkg": "b", "dep_kinds": [{"kind": "dev"}, {"kind": "build"}]},
        ]});
        assert_eq!(uses(&node), BTreeSet::from(["a".to_owned()]));
    }
}
