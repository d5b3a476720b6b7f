//! Programs of cargo's that only some subcommands need: built from source on first use, into the tools folder.

use std::{fmt, path::PathBuf};

use anyhow::Result;

use crate::{cargo, process, workspace};

/// A program, at the version that its subcommand was tried with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CargoTool {
    /// The name of the crate and of the program.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// How long it takes to build on two cores.
    pub(crate) time: &'static str,
}

impl fmt::Display for CargoTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl CargoTool {
    /// Returns the path of the program, after building it if it is missing.
    pub(crate) fn ensure(self) -> Result<PathBuf> {
        let root = workspace::tools()?.join(format!("{}-{}", self.name, self.version));
        let program = root.join("bin").join(self.name);
        if !program.is_file() {
            eprintln!("xtask: building {self}, {}", self.time);
            let mut command = cargo::command()?;
            command.args(["install", self.name, "--version", self.version, "--locked", "--root"]).arg(root);
            process::run(&mut command)?;
        }
        Ok(program)
    }
}
