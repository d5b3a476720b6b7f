//! Checks licence, name and source of every crate in the build against the lists in `deny.toml`.
//!
//! The file has cargo-deny's format, so that cargo-deny can read it where it is installed. This rule covers the part
//! that needs no network; `docs/adr/0002-licences-and-advisories.md` states why, and what is not covered.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;
use toml::Table;

use super::{Finding, tree::Tree};
use crate::cargo;

const LISTS: &str = "deny.toml";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let Some(file) = tree.file(LISTS) else { return Ok(vec![Finding::new(LISTS, 1, "is missing")]) };
    let lists = Lists::parse(&file.text)?;
    let metadata = cargo::metadata()?;
    let packages = metadata["packages"].as_array().context("cargo's metadata has no packages")?;
    Ok(packages.iter().flat_map(|package| lists.judge(package)).collect())
}

/// The lists in `deny.toml`.
#[derive(Debug)]
struct Lists {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
    registries: BTreeSet<String>,
}

impl Lists {
    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("deny.toml is not TOML")?;
        let strings = |section: &str, key: &str| -> Result<BTreeSet<String>> {
            let list =
                table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
            let list = list.with_context(|| format!("deny.toml has no list {section}.{key}"))?;
            let name = |item: &toml::Value| item.get("crate").unwrap_or(item).as_str().map(str::to_owned);
            Ok(list.iter().filter_map(name).collect())
        };
        Ok(Self {
            licences: strings("licenses", "allow")?,
            banned: strings("bans", "deny")?,
            registries: strings("sources", "allow-registry")?,
        })
    }

    fn judge(&self, package: &Value) -> Vec<Finding> {
        let name = package["name"].as_str().unwrap_or("?");
        let mut findings = Vec::new();
        let mut add =
            |message: String| findings.push(Finding::new(LISTS, 1, format!("crate `{name}`: {message}")));
        match package["license"].as_str() {
            Some(licence) if self.permits(licence) => {}
            Some(licence) => add(format!("licence {licence:?} is not in the list")),
            None => add("declares no licence".to_owned()),
        }
        if self.banned.contains(name) {
            add("is banned".to_owned());
        }
        if let Some(source) = package["source"].as_str() {
            let registry = source.strip_prefix("registry+").unwrap_or(source);
            if !self.registries.contains(registry) {
                add(format!("comes from {source}"));
            }
        }
        findings
    }

    /// Returns whether the allowed licences satisfy an SPDX expression.
    fn permits(&self, expression: &str) -> bool {
        // Before cargo required SPDX, a slash meant OR.
        let words = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut at = 0;
        self.any(&words, &mut at) && at == words.len()
    }

    /// Parses `all OR all ..`. Reads every part, even if an earlier one holds.
    fn any(&self, words: &[&str], at: &mut usize) -> bool {
        let mut holds = self.all(words, at);
        while words.get(*at) == Some(&"OR") {
            *at += 1;
            holds |= self.all(words, at);
        }
        holds
    }

    /// Parses `one AND one ..`. AND binds more tightly than OR.
    fn all(&self, words: &[&str], at: &mut usize) -> bool {
        let mut holds = self.one(words, at);
        while words.get(*at) == Some(&"AND") {
            *at += 1;
            holds &= self.one(words, at);
        }
        holds
    }

    /// Parses a licence with its exception, or an expression in parentheses.
    fn one(&self, words: &[&str], at: &mut usize) -> bool {
        let Some(word) = words.get(*at) else { return false };
        *at += 1;
        if *word == "(" {
            let holds = self.any(words, at);
            *at += 1;
            return holds;
        }
        if words.get(*at) == Some(&"WITH") {
            let exception = words.get(*at + 1).copied().unwrap_or_default();
            *at += 2;
            return self.licences.contains(&format!("{word} WITH {exception}"));
        }
        self.licences.contains(*word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Unicode-3.0\"]\n\
                        [bans]\ndeny = [{ crate = \"openssl\", reason = \"rustls\" }]\n\
                        [sources]\nallow-registry = [\"https://example.org/index\"]\n";

    fn judge(name: &str, licence: &str, source: &str) -> usize {
        let package = serde_json::json!({ "name": name, "license": licence, "source": source });
        Lists::parse(DENY).expect("valid lists").judge(&package).len()
    }

    #[test]
    fn allowed_licences_satisfy_an_expression() {
        let lists = Lists::parse(DENY).expect("valid lists");
        assert!(lists.permits("MIT OR GPL-3.0"));
        assert!(lists.permits("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(lists.permits("MIT/Apache-2.0"));
        assert!(!lists.permits("MIT AND GPL-3.0"));
        assert!(!lists.permits("Apache-2.0 WITH LLVM-exception"));
        assert!(!lists.permits(""));
    }

    #[test]
    fn a_crate_from_the_registry_with_a_fine_licence_passes() {
        assert_eq!(judge("log", "MIT OR Apache-2.0", "registry+https://example.org/index"), 0);
    }

    #[test]
    fn another_source_another_licence_and_a_banned_crate_are_found() {
        assert_eq!(judge("log", "MIT", "git+https://example.org/log"), 1);
        assert_eq!(judge("log", "GPL-3.0-only", "registry+https://example.org/index"), 1);
        assert_eq!(judge("openssl", "MIT", "registry+https://example.org/index"), 1);
    }
}
