//! The shared libraries of a program, at the paths where the host's loader finds them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::process;

/// Returns the libraries and the loader of a program, by the paths that it looks for.
pub(super) fn of(program: &Path) -> Result<Vec<PathBuf>> {
    parse(&process::output(Command::new("ldd").arg(program))?)
}

/// Parses lines `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)` for the loader.
fn parse(said: &str) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for line in said.lines().map(str::trim) {
        if let Some((name, "not found")) = line.split_once(" => ") {
            bail!("{name} is not found");
        }
        let path = line.split_once(" => ").map_or(line, |(_, path)| path);
        if path.starts_with('/') {
            libraries.push(path.split(" (").next().unwrap_or(path).into());
        }
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_read_and_what_the_kernel_brings_is_not() {
        let said = "\tlinux-vdso.so.1 (0x00007fb2a86dd000)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fb2a673e000)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007fb2a86df000)\n";
        let paths = parse(said).expect("all are found");
        assert_eq!(
            paths,
            ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from)
        );
    }

    #[test]
    fn a_library_that_is_not_there_is_named() {
        let error = parse("\tlibnl-3.so.200 => not found\n").expect_err("it is missing");
        assert!(error.to_string().contains("libnl-3.so.200"), "{error}");
    }
}
