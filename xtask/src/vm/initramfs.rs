//! The machine's file system: a folder that is filled here and packed for the kernel, which unpacks it into memory.
//!
//! It is not compressed: one boot with 80 MB of files took 7.8 s of the host's processors as they are, 9.5 s by gzip and
//! 7.4 s by zstd, so nothing is saved that would be worth a step.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::{libraries, programs::Programs};
use crate::process;

/// A file system that is being made.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty one, in the place of any that was there.
    pub(super) fn new(root: PathBuf) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        Ok(Self { root })
    }

    /// Where something of the machine lies here.
    pub(super) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A folder, with those above it.
    pub(super) fn folder(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = self.at(path);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A file with a text.
    pub(super) fn text(&self, path: &str, text: &str) -> Result<()> {
        let file = self.place(Path::new(path))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// A program with the libraries that it loads, which keep their places.
    pub(super) fn program(&self, from: &Path, path: &str) -> Result<()> {
        self.copy(from, Path::new(path))?;
        let libraries = libraries::of(from).with_context(|| format!("libraries of {}", from.display()))?;
        libraries.iter().try_for_each(|library| self.library(library))
    }

    /// One of our own, without what debuggers read of it: two thirds of its size.
    pub(super) fn own_program(&self, from: &Path, path: &str) -> Result<()> {
        self.program(from, path)?;
        match process::find("strip") {
            Some(strip) => process::quietly(Command::new(strip).arg(self.at(path))),
            None => Ok(()),
        }
    }

    /// A file, and what it may do.
    pub(super) fn copy(&self, from: &Path, path: &Path) -> Result<()> {
        let to = self.place(path)?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        Ok(())
    }

    /// All files of a folder, and of those in it.
    pub(super) fn copy_all(&self, from: &Path, path: &Path) -> Result<()> {
        for name in entries(from)? {
            let inner = from.join(&name);
            if inner.is_dir() {
                self.copy_all(&inner, &path.join(&name))?;
            } else {
                self.copy(&inner, &path.join(&name))?;
            }
        }
        Ok(())
    }

    /// Makes a file one that can be run.
    pub(super) fn runnable(&self, path: &str) -> Result<()> {
        let file = self.at(path);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} runnable", file.display()))
    }

    /// A name for something else.
    pub(super) fn link(&self, to: &str, path: &str) -> Result<()> {
        let link = self.place(Path::new(path))?;
        symlink(to, &link).with_context(|| format!("cannot make {}", link.display()))
    }

    /// Packs it all into one file beside it, as the kernel takes it, owned by root.
    pub(super) fn pack(&self, programs: &Programs) -> Result<PathBuf> {
        let packed = self.root.with_extension("cpio");
        let file = File::create(&packed).with_context(|| format!("cannot make {}", packed.display()))?;
        let mut names = Vec::new();
        list(&self.root, Path::new("."), &mut names)?;
        let mut cpio = programs.busybox("cpio");
        cpio.args(["-o", "-H", "newc", "-R", "0:0"]).current_dir(&self.root);
        cpio.stdin(Stdio::piped()).stdout(file).stderr(Stdio::null());
        let mut child = cpio.spawn().context("cannot run busybox cpio")?;
        let mut input = child.stdin.take().context("cpio has no input")?;
        input.write_all(names.join("\n").as_bytes()).context("cannot tell cpio the names")?;
        drop(input);
        ensure!(
            child.wait().context("cannot wait for cpio")?.success(),
            "cpio could not pack {}",
            packed.display()
        );
        Ok(packed)
    }

    /// A library as what it is a name of; there may be several names, and each is looked for.
    fn library(&self, library: &Path) -> Result<()> {
        if self.at(library).exists() { Ok(()) } else { self.copy(library, library) }
    }

    /// The place of a file, in a folder that is there.
    fn place(&self, path: &Path) -> Result<PathBuf> {
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        Ok(self.at(path))
    }
}

/// Names below a folder, each behind the folder that it is in.
fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<()> {
    for name in entries(&root.join(folder))? {
        let path = folder.join(name);
        names.push(path.display().to_string());
        let full = root.join(&path);
        if full.is_dir() && !full.is_symlink() {
            list(root, &path, names)?;
        }
    }
    Ok(())
}

/// What is in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = entries.map(name).collect::<std::io::Result<Vec<_>>>();
    names.iter_mut().for_each(|names| names.sort());
    names.with_context(|| format!("cannot read {}", folder.display()))
}
