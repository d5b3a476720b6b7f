//! Finds other programs, runs them, captures their output, and execs them.

use std::{
    env,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// Folders of administration programs, which an ordinary user's `PATH` often lacks.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Runs a command to completion. It inherits the standard streams.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    eprintln!("xtask: {line}");
    let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a command to completion and prints its command line only if it fails. For one of many commands.
pub(crate) fn quietly(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command to completion and returns its standard output. It inherits standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("the output of `{line}` is not UTF-8"))
}

/// Replaces this process by another program, which then gets the signals and sets the exit code. Returns only on
/// failure.
pub(crate) fn exec(command: &mut Command) -> anyhow::Error {
    let line = shown(command);
    anyhow::Error::new(command.exec()).context(format!("cannot run `{line}`"))
}

/// Finds a program in `PATH`, then in the folders of administration programs.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SBIN.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Formats a command as a user would type it. Scripts are cut to their first line.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            match word.split_once('\n') {
                Some((first, _)) => format!("'{first} ...'"),
                None => word.into_owned(),
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let error = output(Command::new("false").arg("--really")).expect_err("false succeeded");
        assert!(error.to_string().contains("`false --really` failed"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_not_found() {
        assert_eq!(find("netmon-no-such-program"), None);
        assert!(find("sh").is_some());
    }

    #[test]
    fn a_script_is_shown_by_its_first_line() {
        assert_eq!(shown(Command::new("/bin/sh").args(["-c", "set -e\nrest"])), "sh -c 'set -e ...'");
    }
}
