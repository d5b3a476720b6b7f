//! Runs the cargo that started xtask, at the top of the workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{process, workspace};

/// The packages that every build here selects. Cargo unifies features over the selected packages: another selection
/// would compile half of the dependencies a second time.
pub(crate) const ALL: [&str; 2] = ["--locked", "--workspace"];

/// Returns a cargo command that runs at the top of the workspace.
pub(crate) fn command() -> Result<Command> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root()?);
    forget_package(&mut command);
    Ok(command)
}

/// Removes what `cargo run` says of xtask's own package. ring's build script reads the same variables, so it and all that
/// depends on it would be built again whenever cargo is called by xtask after it was called by hand, and the other way round.
fn forget_package(command: &mut Command) {
    let is_of_package = |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for name in env::vars().map(|(name, _)| name).filter(is_of_package) {
        command.env_remove(name);
    }
}

/// Returns the same command for a toolchain other than the one that started xtask.
pub(crate) fn command_of(toolchain: &str) -> Result<Command> {
    let mut command = Command::new("rustup");
    command
        .args(["run", toolchain, "cargo"])
        .current_dir(workspace::root()?)
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN");
    Ok(command)
}

/// Returns a command for a program that itself runs the cargo of this toolchain, at the top of the workspace.
pub(crate) fn with_toolchain(program: &Path, toolchain: &str) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(workspace::root()?).env("RUSTUP_TOOLCHAIN", toolchain);
    command.env_remove("CARGO").env_remove("RUSTC");
    Ok(command)
}

/// Returns compiler options that replace the paths of this machine: a program then has the same bytes wherever it is
/// built, and does not name its builder's folders.
pub(crate) fn remapped_paths() -> Result<Vec<String>> {
    let names = ["/cargo", "/rust", "/netmon"];
    let folders = machine_folders()?.into_iter().zip(names);
    Ok(folders.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())).collect())
}

/// Returns the folders of this machine that a compiler may write into a program: cargo's, the toolchain's, the
/// workspace.
pub(crate) fn machine_folders() -> Result<[PathBuf; 3]> {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok([cargo.context("there is no home directory")?, sysroot.trim().into(), workspace::root()?])
}

/// Sets the compiler's options for a release build: those of the caller, and the paths that are replaced.
fn set_release_options(command: &mut Command) -> Result<()> {
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    let given = given.split_whitespace().map(str::to_owned);
    let options: Vec<_> = given.chain(remapped_paths()?).collect();
    command.env("CARGO_ENCODED_RUSTFLAGS", options.join("\x1f"));
    Ok(())
}

/// Returns the packages to select. The program that users get has its default features only, not those that the tests
/// select as well.
fn selection(target: &str, args: &[&str]) -> &'static [&'static str] {
    if target == "netmon" && args.contains(&"--release") {
        &["--locked", "--package", "netmon"]
    } else {
        &ALL
    }
}

/// Builds one target with the given arguments and returns the path of its executable.
pub(crate) fn built(verb: &str, target: &str, args: &[&str]) -> Result<PathBuf> {
    let mut command = command()?;
    command.arg(verb).args(selection(target, args)).args(args);
    if args.contains(&"--release") {
        set_release_options(&mut command)?;
    }
    eprintln!("xtask: cargo {verb} {} {}", selection(target, args).join(" "), args.join(" "));
    executable_of(&mut command, target)
}

/// Builds one package for users, with variables of the environment, and returns the path of its executable.
pub(crate) fn built_for_users(package: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<PathBuf> {
    let mut command = command()?;
    command.args(["build", "--locked", "--package", package, "--bin", package]).args(args);
    command.envs(variables.iter().copied());
    set_release_options(&mut command)?;
    eprintln!("xtask: cargo build --package {package} {}", args.join(" "));
    executable_of(&mut command, package)
}

/// Runs a build, and returns the path of the executable of one of its targets.
fn executable_of(command: &mut Command, target: &str) -> Result<PathBuf> {
    command.arg("--message-format=json-render-diagnostics");
    for line in process::output(command)?.lines() {
        if let Some((name, path)) = executable(line)?
            && name == target
        {
            return Ok(path);
        }
    }
    bail!("cargo built no `{target}`")
}

/// Returns the target and the executable of a cargo message, or `None` if the message names no executable.
fn executable(line: &str) -> Result<Option<(String, PathBuf)>> {
    if !line.starts_with('{') {
        return Ok(None);
    }
    let message: Value = serde_json::from_str(line).context("cannot read cargo's message")?;
    let executable = message["executable"].as_str().map(PathBuf::from);
    let name = message["target"]["name"].as_str().map(str::to_owned);
    Ok(name.zip(executable))
}

/// Returns cargo's metadata of every package in the build, for all platforms and features.
pub(crate) fn metadata() -> Result<Value> {
    let mut command = command()?;
    command.args(["metadata", "--format-version", "1", "--all-features", "--locked"]);
    serde_json::from_str(&process::output(&mut command)?).context("cannot read cargo's metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_found_in_the_message_that_has_one() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"privileged"},"executable":"/t/p-1"}"#;
        let found = executable(line).expect("valid message");
        assert_eq!(found, Some(("privileged".to_owned(), PathBuf::from("/t/p-1"))));
    }

    #[test]
    fn the_program_of_users_has_no_features_of_the_tests() {
        assert_eq!(
            selection("netmon", &["--bin", "netmon", "--release"]),
            ["--locked", "--package", "netmon"]
        );
        assert_eq!(selection("netmon", &["--bin", "netmon"]), ALL);
    }

    #[test]
    fn a_called_cargo_is_not_told_of_the_package_of_xtask() {
        // `cargo test` sets it for this test, too.
        assert!(env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "xtask"));
        let command = command().expect("a workspace");
        let removed: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert!(removed.contains(&"CARGO_PKG_VERSION_MAJOR".as_ref()), "{removed:?}");
    }

    #[test]
    fn a_library_is_no_executable() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"anyhow"},"executable":null}"#;
        assert_eq!(executable(line).expect("valid message"), None);
        assert_eq!(executable("running 3 tests").expect("plain text"), None);
    }
}
