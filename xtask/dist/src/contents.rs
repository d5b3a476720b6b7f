//! The files that a package installs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{About, archive::gzip, licences, packages::Packages, sbom};

/// A file that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its path, without the leading slash.
    pub(crate) path: String,
    /// Its permissions.
    pub(crate) mode: u32,
    /// What it contains.
    pub(crate) bytes: Vec<u8>,
}

/// All files that are installed, in the order of their paths.
pub(crate) struct Contents(Vec<Entry>);

/// Folders of the sources, where their files are installed, and which are.
const FOLDERS: [(&str, &str, &[&str]); 7] = [
    ("systemd", "usr/lib/systemd/system", &["service", "socket"]),
    ("packaging/sysusers.d", "usr/lib/sysusers.d", &["conf"]),
    ("dashboards", "usr/share/netmon/dashboards", &["json", "md", "yaml", "yml"]),
    ("dashboards/rules", "usr/share/netmon/dashboards/rules", &["yaml"]),
    ("labs", "usr/share/netmon/labs", &["toml"]),
    ("docs", "usr/share/doc/netmon/docs", &["md"]),
    ("docs/tutorials", "usr/share/doc/netmon/docs/tutorials", &["md"]),
];

/// Shells, where they look for the completions of packages, and what the file is called there.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/netmon"),
    ("zsh", "usr/share/zsh/vendor-completions/_netmon"),
    ("fish", "usr/share/fish/vendor_completions.d/netmon.fish"),
];

const DOC: &str = "usr/share/doc/netmon";

impl Contents {
    /// Collects the files: `program` itself, what `runner` prints about itself, and what lies in the sources.
    pub(crate) fn collect(
        source: &Path,
        program: &Path,
        runner: &Path,
        about: &About,
        packages: &Packages,
    ) -> Result<Self> {
        let mut entries = vec![Entry { path: "usr/bin/netmon".into(), mode: 0o755, bytes: read(program)? }];
        for (from, to, extensions) in FOLDERS {
            entries.extend(folder(&source.join(from), to, extensions)?);
        }
        for (shell, path) in SHELLS {
            entries.push(file(path, output(runner, &["completions", shell])?));
        }
        entries.extend(manual(runner)?);
        entries.push(file(&format!("{DOC}/README.md"), read(&source.join("README.md"))?));
        entries.push(file(&format!("{DOC}/NEWS.md"), read(&source.join("CHANGELOG.md"))?));
        entries.push(file(&format!("{DOC}/copyright"), licences::copyright(source)?.into_bytes()));
        entries.push(file(&format!("{DOC}/third-party.txt"), licences::third_party(packages)?.into_bytes()));
        entries.push(file(&format!("{DOC}/netmon.cdx.json"), sbom::cyclonedx(packages, about)?.into_bytes()));
        Ok(Self::from(entries))
    }

    /// Returns the files.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Returns the program that is packed.
    pub(crate) fn program(&self) -> Result<&Entry> {
        self.0.iter().find(|entry| entry.path == "usr/bin/netmon").context("the package has no program")
    }

    /// Returns the same and another file.
    pub(crate) fn with(&self, entry: Entry) -> Self {
        Self::from(self.0.iter().cloned().chain([entry]).collect::<Vec<_>>())
    }
}

impl From<Vec<Entry>> for Contents {
    fn from(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Self(entries)
    }
}

/// Returns a file that all may read.
pub(crate) fn file(path: &str, bytes: Vec<u8>) -> Entry {
    Entry { path: path.to_owned(), mode: 0o644, bytes }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns the files of a folder with one of these extensions. The tests of rules are not for users.
fn folder(from: &Path, to: &str, extensions: &[&str]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let failed = || format!("cannot read {}", from.display());
    for item in fs::read_dir(from).with_context(failed)? {
        let path = item.with_context(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_wanted =
            extensions.iter().any(|extension| path.extension().is_some_and(|has| has == *extension));
        if is_wanted && path.is_file() && !name.ends_with("_test.yaml") {
            entries.push(file(&format!("{to}/{name}"), read(&path)?));
        }
    }
    ensure!(!entries.is_empty(), "{} has nothing to install", from.display());
    Ok(entries)
}

/// Returns the man pages, compressed.
fn manual(runner: &Path) -> Result<Vec<Entry>> {
    let pages = temporary("man")?;
    output(runner, &["man", "--dir", &pages.display().to_string()])?;
    let mut entries = folder(&pages, "usr/share/man/man1", &["1"])?;
    fs::remove_dir_all(&pages).with_context(|| format!("cannot remove {}", pages.display()))?;
    for entry in &mut entries {
        entry.path.push_str(".gz");
        entry.bytes = gzip(&entry.bytes)?;
    }
    Ok(entries)
}

/// Creates a folder of this process.
fn temporary(name: &str) -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("netmon-dist-{}-{name}", std::process::id()));
    fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

fn output(program: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let failed = || format!("cannot run {} {}", program.display(), args.join(" "));
    let output = Command::new(program).args(args).env_clear().output().with_context(failed)?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        failed(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(output.stdout)
}
