//! Runs a single step as root, if that step needs it.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::process;

/// Environment variables that a command keeps under sudo, in addition to every `NETMON_*`.
const KEPT: [&str; 6] = ["RUST_BACKTRACE", "NO_COLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "CI"];

/// How this process can run a command as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is root already.
    Root,
    /// Through this sudo, which may prompt for a password.
    Sudo(PathBuf),
    /// Not at all.
    None,
}

impl Access {
    /// Detects the way without trying it: whether sudo agrees is known only once it runs.
    pub(crate) fn detect() -> Self {
        // The owner of /proc/self is the effective user of this process.
        if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            return Self::Root;
        }
        process::find("sudo").map_or(Self::None, Self::Sudo)
    }

    /// Returns a command that will run as root, with the environment variables that netmon reads.
    pub(crate) fn command(&self, program: &Path) -> Result<Command> {
        match self {
            Self::Root => Ok(Command::new(program)),
            Self::Sudo(sudo) => {
                let kept = kept_variables(env::vars_os().map(|(name, _)| name));
                let mut command = Command::new(sudo);
                command.arg(format!("--preserve-env={}", kept.join(","))).arg("--").arg(program);
                Ok(command)
            }
            Self::None => {
                bail!("{} needs root, and sudo is not installed: become root first", program.display())
            }
        }
    }
}

fn kept_variables(names: impl Iterator<Item = impl AsRef<OsStr>>) -> Vec<String> {
    names
        .filter_map(|name| name.as_ref().to_str().map(str::to_owned))
        .filter(|name| KEPT.contains(&name.as_str()) || name.starts_with("NETMON_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_keeps_only_what_netmon_reads() {
        let kept = kept_variables(["HOME", "NETMON_LOG", "LD_PRELOAD", "NO_COLOR"].iter());
        assert_eq!(kept, ["NETMON_LOG", "NO_COLOR"]);
    }

    #[test]
    fn without_sudo_the_program_that_needs_root_is_named() {
        let error = Access::None.command(Path::new("/x/netmon")).expect_err("became root");
        assert!(error.to_string().contains("/x/netmon needs root"), "{error}");
    }
}
