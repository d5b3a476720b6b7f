//! The kernels: the newest of each series that Debian builds for virtual machines, unpacked but not installed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::programs::Programs;
use crate::{process, provision::unpacked, workspace};

/// A series of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// The kernel of Debian 12, older than TCX (6.6).
    V6_1,
    /// The kernel of Debian 13, which Debian 12 has too; newer than TCX.
    V6_12,
}

impl Series {
    pub(crate) const ALL: [Self; 2] = [Self::V6_1, Self::V6_12];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }
}

/// An unpacked kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) series: Series,
    /// What `uname -r` prints.
    pub(super) release: String,
    /// The image to boot.
    pub(super) image: PathBuf,
    /// Its modules, with `modules.dep`.
    pub(super) modules: PathBuf,
}

impl Kernel {
    /// Returns the kernel that an earlier run unpacked, or else downloads the newest that apt has.
    pub(super) fn provide(series: Series, programs: &Programs) -> Result<Self> {
        let folder = workspace::target()?.join("vm").join(format!("linux-{}", series.as_str()));
        if !folder.is_dir() {
            eprintln!(
                "xtask: downloading Linux {} into {}: a few seconds",
                series.as_str(),
                folder.display()
            );
            unpacked::provide(|| Ok(vec![find(series)?]), &folder)?;
        }
        let release = release_in(&folder)?;
        let kernel = Self {
            series,
            image: folder.join("boot").join(format!("vmlinuz-{release}")),
            modules: folder.join("lib/modules").join(&release),
            release,
        };
        // A package has no modules.dep: its installation would create it.
        if !kernel.modules.join("modules.dep").is_file() {
            let mut depmod = programs.busybox("depmod");
            process::run(depmod.arg("-b").arg(&folder).arg(&kernel.release))?;
        }
        Ok(kernel)
    }
}

/// Returns the package of a series' newest kernel.
fn find(series: Series) -> Result<String> {
    let beginning = format!("linux-image-{}.", series.as_str());
    newest(&unpacked::names(&beginning)?, series).with_context(|| {
        format!(
            "apt has no {beginning}*-cloud-amd64: it is in Debian 12 (bookworm, bookworm-security); add one of them \
             to the sources, or choose another --kernel"
        )
    })
}

/// Returns the newest of a series' kernels for virtual machines.
fn newest(names: &[String], series: Series) -> Option<String> {
    names.iter().filter_map(|name| Some((version(name, series)?, name))).max().map(|(_, name)| name.clone())
}

/// Returns the numbers after the series in the name of a package. Returns `None` for other packages: an unsigned
/// kernel, debugging symbols, another series, the package that only depends on the current kernel.
fn version(name: &str, series: Series) -> Option<Vec<u64>> {
    let release = name.strip_prefix("linux-image-")?.strip_suffix("-cloud-amd64")?;
    let rest = release.strip_prefix(series.as_str())?.strip_prefix('.')?;
    let numbers = rest.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    numbers.map(|number| number.parse().ok()).collect()
}

/// Returns the release of the only kernel in an unpacked folder.
fn release_in(folder: &Path) -> Result<String> {
    let modules = folder.join("lib/modules");
    let entries = fs::read_dir(&modules).with_context(|| format!("cannot read {}", modules.display()))?;
    let first = entries.flatten().next().with_context(|| format!("no kernel in {}", modules.display()))?;
    Ok(first.file_name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_newest_is_told_by_number_and_not_by_letter() {
        let all = names(&[
            "linux-image-6.1.0-9-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-60-cloud-amd64-unsigned",
            "linux-image-6.1.0-60-cloud-amd64-dbg",
            "linux-image-6.1.0-60-amd64",
        ]);
        assert_eq!(newest(&all, Series::V6_1).as_deref(), Some("linux-image-6.1.0-56-cloud-amd64"));
    }

    #[test]
    fn a_series_does_not_take_another_ones_kernels() {
        let all = names(&[
            "linux-image-6.12-cloud-amd64",
            "linux-image-6.12.99+deb12-cloud-amd64",
            "linux-image-6.12.117+deb12-cloud-amd64",
        ]);
        assert_eq!(newest(&all, Series::V6_1), None);
        assert_eq!(newest(&all, Series::V6_12).as_deref(), Some("linux-image-6.12.117+deb12-cloud-amd64"));
    }
}
