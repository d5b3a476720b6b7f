//! What is missing, how to install it, and whether that is possible.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result, bail};

use super::{apt, linker::LinkerBuild, rust_src, toolchain::Toolchain};
use crate::{process, root::Access};

/// A component of a Rust toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    /// rustup's name for it.
    pub(crate) name: &'static str,
    /// The distribution's package, for a toolchain that rustup does not manage.
    pub(crate) package: String,
    /// Its purpose.
    pub(crate) purpose: &'static str,
    /// The toolchain that lacks it.
    pub(crate) toolchain: Toolchain,
}

/// Everything that is missing.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    components: Vec<Component>,
    /// Debian packages with their purposes.
    packages: BTreeMap<String, String>,
    /// Services that come with the packages and must not start, now or at the next boot.
    services: Vec<&'static str>,
    linker: Option<LinkerBuild>,
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        self.components.is_empty() && self.packages.is_empty() && self.linker.is_none()
    }

    /// Adds a component: through rustup if it manages the toolchain, otherwise as a package of the distribution.
    pub(crate) fn component(&mut self, component: Component) {
        if component.toolchain.rustup_name().is_some() {
            if !self.components.contains(&component) {
                self.components.push(component);
            }
        } else {
            self.package(component.package, component.purpose);
        }
    }

    pub(crate) fn package(&mut self, name: impl Into<String>, purpose: impl Into<String>) {
        self.packages.insert(name.into(), purpose.into());
    }

    /// Returns whether a package whose name ends like this is to be installed.
    pub(crate) fn has_package(&self, end: &str) -> bool {
        self.packages.keys().any(|name| name.ends_with(end))
    }

    pub(crate) fn keep_stopped(&mut self, service: &'static str) {
        self.services.push(service);
    }

    pub(crate) fn linker(&mut self, build: LinkerBuild) {
        self.linker = Some(build);
    }

    /// Fails if a step cannot succeed. The error lists everything to install by hand.
    pub(crate) fn check(&self, access: &Access) -> Result<()> {
        if self.packages.is_empty() {
            return Ok(());
        }
        let reason = if *access == Access::None {
            "installing packages needs root, and sudo is not installed"
        } else if process::find("apt-get").is_none() {
            "xtask can install packages with apt-get only, and there is none"
        } else {
            return Ok(());
        };
        bail!(
            "{reason}.\nNothing was built. Install the following, then run the same command again:\n{}",
            self.by_hand()
        )
    }

    /// Installs everything. Before each step it prints what is installed and how long that takes.
    pub(crate) fn carry_out(&self, access: &Access) -> Result<()> {
        self.steps(access).with_context(|| {
            format!(
                "could not install everything.\nNothing was built. Install the following, then run the same command \
                 again:\n{}",
                self.by_hand()
            )
        })
    }

    fn steps(&self, access: &Access) -> Result<()> {
        for component in &self.components {
            provide_component(component, access)?;
        }
        if !self.packages.is_empty() {
            eprintln!("xtask: installing missing packages, a minute or two:");
            for (name, purpose) in &self.packages {
                eprintln!("    {name:<14} {purpose}");
            }
            apt::install(access, self.packages.keys(), &self.services)?;
        }
        if let Some(linker) = &self.linker {
            say("bpf-linker", "links the eBPF object, and is not packaged", "two minutes on two cores");
            linker.carry_out()?;
        }
        Ok(())
    }

    /// Returns the commands that install the same by hand.
    pub(crate) fn by_hand(&self) -> String {
        let mut text = String::new();
        for component in &self.components {
            let name = component.toolchain.rustup_name().unwrap_or_default();
            line(&mut text, &rustup_line(component.name, name), component.purpose);
        }
        if !self.packages.is_empty() {
            let names: Vec<_> = self.packages.keys().map(String::as_str).collect();
            line(
                &mut text,
                &format!("apt-get install {}", names.join(" ")),
                "as root; these are Debian's names",
            );
            for (name, purpose) in &self.packages {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "    {name:<14} {purpose}");
            }
        }
        if let Some(linker) = &self.linker {
            line(&mut text, &linker.by_hand(), "or any bpf-linker on PATH built with this LLVM");
        }
        text
    }
}

fn line(text: &mut String, what: &str, why: &str) {
    let _ = writeln!(text, "  {what}   # {why}");
}

fn rustup_line(component: &str, toolchain: &str) -> String {
    format!("rustup component add {component} --toolchain {toolchain}")
}

fn provide_component(component: &Component, access: &Access) -> Result<()> {
    say(component.name, component.purpose, "a few seconds");
    let added = component.toolchain.add_component(component.name);
    match added {
        Err(error) if component.name == rust_src::NAME => rust_src::elsewhere(access).context(error),
        other => other,
    }
}

fn say(what: &str, why: &str, how_long: &str) {
    eprintln!("xtask: installing {what} ({why}), {how_long}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages() -> Plan {
        let mut plan = Plan::default();
        plan.package("nginx", "serves HTTP");
        plan.package("llvm-22-dev", "to build bpf-linker");
        plan
    }

    #[test]
    fn without_root_everything_to_install_is_named_at_once() {
        let error = packages().check(&Access::None).expect_err("packages without root");
        let text = error.to_string();
        assert!(text.contains("apt-get install llvm-22-dev nginx"), "{text}");
        assert!(text.contains("serves HTTP"), "{text}");
    }

    #[test]
    fn nothing_missing_needs_no_root() {
        assert!(Plan::default().is_empty());
        assert!(Plan::default().check(&Access::None).is_ok());
    }
}
