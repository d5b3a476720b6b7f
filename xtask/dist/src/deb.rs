//! A package for Debian and what derives from it: an `ar` archive of two tar archives (deb(5)).

use anyhow::{Context as _, Result};
use jiff::{Timestamp, tz::TimeZone};
use md5::{Digest as _, Md5};

use crate::{
    About, DESCRIPTION, SUMMARY, VENDOR, archive,
    contents::{Contents, Entry, file},
    glibc, hex,
};

/// The address of packages whose maker has named no other. It is reserved for examples (RFC 2606), and nothing arrives there.
const ADDRESS: &str = "netmon@example.org";
/// The oldest glibc on any system that has a kernel for netmon, in case the program names none.
const OLDEST_GLIBC: (u32, u32) = (2, 17);

/// Tells systemd about units and groups, where it runs.
const POSTINST: &str = "#!/bin/sh
set -e
if [ \"$1\" = configure ]; then
    if command -v systemd-sysusers > /dev/null; then
        systemd-sysusers netmon.conf || true
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload || true
    fi
fi
";

/// Ends labs that systemd runs: they would go on without a program to end them.
const PRERM: &str = "#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then
    systemctl stop 'netmon@*.service' 'netmon@*.socket' netmon-discover.service || true
fi
";

const POSTRM: &str = "#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload || true
fi
";

/// Returns who answers for the package, from the variables that Debian's own tools read.
fn maintainer() -> String {
    let set = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    format!("{} <{}>", set("DEBFULLNAME", VENDOR), set("DEBEMAIL", ADDRESS))
}

/// Returns the name that Debian gives the file.
pub(crate) fn file_name(about: &About) -> String {
    format!("netmon_{}_{}.deb", about.version, about.target.debian())
}

/// Returns the package.
pub(crate) fn package(contents: &Contents, about: &About) -> Result<Vec<u8>> {
    let changelog = archive::gzip(changelog(about)?.as_bytes())?;
    let contents = contents.with(file("usr/share/doc/netmon/changelog.gz", changelog));
    let program = &contents.program()?.bytes;
    let control = control(&contents, about, glibc::needed(program).unwrap_or(OLDEST_GLIBC));
    let script = |path: &str, text: &str| Entry { path: path.into(), mode: 0o755, bytes: text.into() };
    let about_it = [
        file("control", control.into_bytes()),
        file("md5sums", sums(contents.entries()).into_bytes()),
        script("postinst", POSTINST),
        script("postrm", POSTRM),
        script("prerm", PRERM),
    ];
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", archive::gzip(&archive::tar(&about_it, about.epoch)?)?),
        ("data.tar.gz", archive::gzip(&archive::tar(contents.entries(), about.epoch)?)?),
    ];
    let mut package = ar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ar::Header::new(name.into(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(about.epoch.into());
        package.append(&header, bytes.as_slice()).with_context(|| format!("cannot pack {name}"))?;
    }
    package.into_inner().context("cannot finish the package")
}

fn control(contents: &Contents, about: &About, (major, minor): (u32, u32)) -> String {
    // In units of 1,024 bytes, each file by itself.
    let size: usize = contents.entries().iter().map(|entry| entry.bytes.len().div_ceil(1024)).sum();
    format!(
        "Package: netmon\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: {}\n\
         Installed-Size: {size}\n\
         Depends: libc6 (>= {major}.{minor}), libgcc-s1\n\
         Recommends: iproute2, iputils-ping\n\
         Suggests: prometheus\n\
         Section: net\n\
         Priority: optional\n\
         Description: {SUMMARY}\n{}",
        about.version,
        about.target.debian(),
        maintainer(),
        wrapped(DESCRIPTION)
    )
}

/// Wraps a text as the continued lines of a field.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + word.len() > 76) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns the checksums of the installed files, as dpkg wants them.
fn sums(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{}  {}\n", hex(&Md5::digest(&entry.bytes)), entry.path)).collect()
}

/// Returns Debian's own kind of changelog, which names the version of the package.
fn changelog(about: &About) -> Result<String> {
    let at = Timestamp::from_second(about.epoch.into()).context("the time is out of range")?;
    let at = at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000");
    Ok(format!(
        "netmon ({}) unstable; urgency=medium\n\n  * The changes by {VENDOR} are in NEWS.md.\n\n -- {}  {at}\n",
        about.version,
        maintainer()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        let target = "x86_64-unknown-linux-gnu".parse().expect("valid");
        About { version: "1.2.3".into(), target, epoch: 1_000_000_000 }
    }

    #[test]
    fn a_package_is_three_members_and_the_same_bytes_each_time() {
        let contents = Contents::from(vec![file("usr/bin/netmon", b"\0GLIBC_2.34\0".to_vec())]);
        let package = package(&contents, &about()).expect("packs");
        let mut archive = ar::Archive::new(package.as_slice());
        let mut names = Vec::new();
        while let Some(entry) = archive.next_entry() {
            names.push(String::from_utf8_lossy(entry.expect("readable").header().identifier()).into_owned());
        }
        assert_eq!(names, ["debian-binary", "control.tar.gz", "data.tar.gz"]);
        assert_eq!(package, super::package(&contents, &about()).expect("packs"));
    }

    #[test]
    fn the_control_file_names_what_the_program_needs() {
        let contents = Contents::from(vec![file("usr/bin/netmon", vec![0; 2000])]);
        let control = control(&contents, &about(), (2, 34));
        for line in [
            "Version: 1.2.3",
            "Architecture: amd64",
            "Installed-Size: 2",
            "Depends: libc6 (>= 2.34), libgcc-s1",
        ] {
            assert!(control.lines().any(|one| one == line), "{line} in {control}");
        }
        assert!(control.lines().all(|line| line.len() < 80), "{control}");
    }

    #[test]
    fn the_changelog_has_the_time_in_the_form_of_mail() {
        let text = changelog(&about()).expect("valid");
        assert!(text.ends_with("  Sun, 09 Sep 2001 01:46:40 +0000\n"), "{text}");
    }
}
