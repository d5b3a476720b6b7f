//! Vendored files are unmodified: each folder `vendor/` has a lock with the version, licence and checksums of its
//! packages, and holds exactly the files in it, with a licence for each package.
//!
//! The checksums are of the files in the packages of npm, whose integrity is in the lock as npm writes it. So a new
//! version is a new lock, and a review of a change reads the lock, not minified text.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Finding, tree::Tree};

const LOCK: &str = "/vendor/lock.json";
/// The licences that a vendored file may have. Those of `tests/` are not shipped.
const SHIPPED: [&str; 2] = ["ISC", "MIT"];
const TESTS_ONLY: [&str; 1] = ["MPL-2.0"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut locked = BTreeMap::new();
    for lock in tree.under("", LOCK) {
        let folder = lock.path.trim_end_matches("lock.json");
        let parsed: Value =
            serde_json::from_str(&lock.text).with_context(|| format!("{} is not JSON", lock.path))?;
        let packages =
            parsed["packages"].as_object().with_context(|| format!("{} has no packages", lock.path))?;
        for (name, package) in packages {
            findings.extend(of_package(&lock.path, name, package));
            locked.extend(checksums(folder, package));
        }
    }
    findings.extend(compare(tree, &locked));
    Ok(findings)
}

/// Checks what a lock says of one package.
fn of_package(lock: &str, name: &str, package: &Value) -> Option<Finding> {
    let licence = package["licence"].as_str().unwrap_or_default();
    let is_allowed =
        SHIPPED.contains(&licence) || (lock.starts_with("tests/") && TESTS_ONLY.contains(&licence));
    let has_licence = files(package).any(|(file, _)| file.ends_with(".LICENSE"));
    let is_exact = ["version", "integrity"].iter().all(|key| package[key].is_string());
    let message = match (is_allowed, has_licence, is_exact) {
        (false, _, _) => format!("package `{name}`: licence {licence:?} is not in the list"),
        (_, false, _) => format!("package `{name}` has no file NAME.LICENSE"),
        (_, _, false) => format!("package `{name}` has no version or no integrity"),
        _ => return None,
    };
    Some(Finding::new(lock, 1, message))
}

fn files(package: &Value) -> impl Iterator<Item = (&String, &Value)> {
    package["files"].as_object().into_iter().flat_map(Map::iter)
}

/// Returns the checksum of each file of a package by its path.
fn checksums(folder: &str, package: &Value) -> Vec<(String, String)> {
    let of_file = |(name, file): (&String, &Value)| {
        (format!("{folder}{name}"), file["sha256"].as_str().unwrap_or_default().to_owned())
    };
    files(package).map(of_file).collect()
}

fn compare(tree: &Tree, locked: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().filter(|file| file.path.contains("/vendor/") && !file.path.ends_with(LOCK)) {
        match locked.get(&file.path) {
            None => findings.push(Finding::new(&file.path, 0, "is not in the lock of its folder")),
            Some(sum) if *sum != sha256(&file.text) => {
                findings.push(Finding::new(&file.path, 0, "differs from the file in its package"));
            }
            Some(_) => {}
        }
    }
    let missing = locked.keys().filter(|path| tree.file(path).is_none());
    findings.extend(missing.map(|path| Finding::new(path, 0, "is in the lock, and missing")));
    findings
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksum of `a`, and a lock with it.
    const SUM: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    fn lock(licence: &str) -> String {
        format!(
            r#"{{"packages":{{"p":{{"version":"1","licence":"{licence}","integrity":"sha512-x",
            "files":{{"p.js":{{"sha256":"{SUM}"}},"p.LICENSE":{{"sha256":"{SUM}"}}}}}}}}}}"#
        )
    }

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).expect("checked").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn files_as_in_their_package_pass() {
        let lock = lock("MIT");
        let files =
            [("x/vendor/lock.json", lock.as_str()), ("x/vendor/p.js", "a"), ("x/vendor/p.LICENSE", "a")];
        assert_eq!(messages(&files), [""; 0]);
    }

    #[test]
    fn a_changed_a_foreign_and_a_missing_file_are_found() {
        let lock = lock("ISC");
        let files = [("x/vendor/lock.json", lock.as_str()), ("x/vendor/p.js", "b"), ("x/vendor/q.js", "a")];
        let found = messages(&files);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].contains("differs")
                && found[1].contains("not in the lock")
                && found[2].contains("missing")
        );
    }

    #[test]
    fn a_licence_of_tests_is_refused_in_what_is_shipped() {
        let lock = lock("MPL-2.0");
        let of = |folder: &str| {
            let [a, b, c] = ["lock.json", "p.js", "p.LICENSE"].map(|name| format!("{folder}/vendor/{name}"));
            messages(&[(&a, &lock), (&b, "a"), (&c, "a")]).len()
        };
        assert_eq!((of("tests"), of("netmon")), (0, 1));
    }
}
