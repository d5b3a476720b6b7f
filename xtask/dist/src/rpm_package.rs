//! A package for systems that use RPM.

use anyhow::{Context as _, Result};
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};

use crate::{About, DESCRIPTION, SUMMARY, VENDOR, contents::Contents, glibc};

/// Where zsh looks for completions on such systems.
const ZSH: (&str, &str) = ("usr/share/zsh/vendor-completions/", "usr/share/zsh/site-functions/");

const POST: &str = "if command -v systemd-sysusers > /dev/null; then systemd-sysusers netmon.conf || :; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
";
/// `$1` is the number of versions that stay installed.
const PREUN: &str = "if [ \"$1\" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl stop 'netmon@*.service' 'netmon@*.socket' netmon-discover.service || :
fi
";
const POSTUN: &str = "if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
";

/// Returns the name that RPM gives the file.
pub(crate) fn file_name(about: &About) -> String {
    format!("netmon-{}-1.{}.rpm", about.version, about.target.rpm())
}

/// Returns the package.
pub(crate) fn package(contents: &Contents, about: &About) -> Result<Vec<u8>> {
    let config = BuildConfig::v4().compression(CompressionType::Gzip).source_date(about.epoch);
    let mut builder =
        PackageBuilder::new("netmon", &about.version, "MIT OR Apache-2.0", about.target.rpm(), SUMMARY);
    builder
        .using_config(config)
        .release("1")
        .description(DESCRIPTION)
        .vendor(VENDOR)
        .build_host("netmon")
        .post_install_script(POST)
        .pre_uninstall_script(PREUN)
        .post_uninstall_script(POSTUN);
    if let Some((major, minor)) = glibc::needed(&contents.program()?.bytes) {
        builder.requires(Dependency::any(format!("libc.so.6(GLIBC_{major}.{minor})(64bit)")));
    }
    for entry in contents.entries() {
        let path = entry.path.replace(ZSH.0, ZSH.1);
        let options = FileOptions::new(format!("/{path}")).permissions(u16::try_from(entry.mode)?);
        builder
            .with_file_contents(entry.bytes.clone(), options)
            .with_context(|| format!("cannot pack {path}"))?;
    }
    let mut bytes = Vec::new();
    let package = builder.build().context("cannot build the package")?;
    package.write(&mut bytes).context("cannot write the package")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::file;

    #[test]
    fn a_package_can_be_read_back_and_is_the_same_bytes_each_time() {
        let about = About {
            version: "1.2.3".into(),
            target: "x86_64-unknown-linux-gnu".parse().expect("valid"),
            epoch: 1_000_000_000,
        };
        let contents = Contents::from(vec![
            file("usr/bin/netmon", b"\0GLIBC_2.34\0".to_vec()),
            file("usr/share/zsh/vendor-completions/_netmon", Vec::new()),
        ]);
        let bytes = package(&contents, &about).expect("packs");
        assert_eq!(bytes, package(&contents, &about).expect("packs"));
        let read = rpm::Package::parse(&mut bytes.as_slice()).expect("readable");
        let paths = read.metadata.get_file_paths().expect("paths");
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(paths, ["/usr/bin/netmon", "/usr/share/zsh/site-functions/_netmon"]);
        assert_eq!(read.metadata.get_version().expect("a version"), "1.2.3");
    }
}
