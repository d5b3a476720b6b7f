//! Installs Debian packages, in one step as root.
//!
//! An installation starts no service, neither now nor at the next boot, and removes no package: the host may be a
//! workstation.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::{process, root::Access};

/// Arguments: the number of services, the services, the packages.
///
/// `policy-rc.d` is how Debian keeps `invoke-rc.d` from starting services. An existing one belongs to the administrator
/// and stays, unless it has the mark of this script: then an installation was killed, and it is removed. One installation
/// waits for the other, whose guard it would remove. The programs that apt starts must not inherit the lock.
const SCRIPT: &str = r#"set -eu
guard=/usr/sbin/policy-rc.d
mark='# made by `cargo xtask` of netmon, for the time of an installation'
exec 9> /run/netmon-xtask-apt.lock
flock -w 1800 9 || { echo "another cargo xtask has been installing for half an hour" >&2; exit 1; }
if [ -f "$guard" ] && grep -qF "$mark" "$guard"; then rm -f "$guard"; fi
if [ ! -e "$guard" ] && [ ! -L "$guard" ]; then
    trap 'rm -f "$guard"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$guard"
    chmod 755 "$guard"
fi
count=$1; shift
services=
while [ "$count" -gt 0 ]; do services="$services $1"; shift; count=$((count - 1)); done
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
wait="-o DPkg::Lock::Timeout=300"
apt-get $wait -q update 9>&-
apt-get $wait -q -y --no-remove --no-install-recommends -o Dpkg::Use-Pty=0 install "$@" 9>&-
for service in $services; do
    if command -v systemctl > /dev/null; then systemctl --quiet disable "$service" 9>&- || true; fi
done
"#;

/// Installs packages. The `services` that come with them stay stopped and disabled.
pub(crate) fn install<P: AsRef<str>>(
    access: &Access,
    packages: impl IntoIterator<Item = P>,
    services: &[&str],
) -> Result<()> {
    let mut command = access.command(Path::new("/bin/sh"))?;
    command.args(["-c", SCRIPT, "apt", &services.len().to_string()]).args(services);
    for package in packages {
        command.arg(package.as_ref());
    }
    process::run(command.stdin(Stdio::null()))
}

/// Returns the Debian package of a part of Rust for the installed compiler. Debian has several compilers.
pub(crate) fn beside_compiler(part: &str) -> String {
    let compiler = owner(Path::new("/usr/bin/rustc")).unwrap_or_else(|| "rustc".to_owned());
    part_of(&compiler, part)
}

/// Returns `rust-src` for `rustc`, `rust-web-src` for `rustc-web`, `rust-1.89-src` for `rustc-1.89`.
fn part_of(compiler: &str, part: &str) -> String {
    format!("rust{}-{part}", compiler.strip_prefix("rustc").unwrap_or_default())
}

/// Returns the package that a file belongs to.
fn owner(file: &Path) -> Option<String> {
    let file = file.canonicalize().ok()?;
    let answer = Command::new("dpkg-query").arg("--search").arg(file).output().ok()?;
    parse_owner(&String::from_utf8_lossy(&answer.stdout))
}

fn parse_owner(answer: &str) -> Option<String> {
    let (packages, _) = answer.lines().next()?.split_once(": ")?;
    let first = packages.split(", ").next()?;
    Some(first.split(':').next().unwrap_or(first).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_file_is_named_without_its_architecture() {
        assert_eq!(parse_owner("rustc-web: /usr/bin/rustc\n").as_deref(), Some("rustc-web"));
        assert_eq!(parse_owner("libc6:amd64: /lib/libc.so.6\n").as_deref(), Some("libc6"));
        assert_eq!(parse_owner(""), None);
    }

    #[test]
    fn the_parts_follow_the_compiler() {
        assert_eq!(part_of("rustc", "src"), "rust-src");
        assert_eq!(part_of("rustc-web", "clippy"), "rust-web-clippy");
        assert_eq!(part_of("rustc-1.89", "src"), "rust-1.89-src");
    }

    #[test]
    fn the_script_is_valid_shell() {
        let checked = Command::new("/bin/sh").args(["-n", "-c", SCRIPT]).status().expect("a shell");
        assert!(checked.success());
    }
}
