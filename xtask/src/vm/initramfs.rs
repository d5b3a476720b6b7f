//! The machine's file system: a folder that is filled here and packed into an archive, which the kernel unpacks into
//! memory.
//!
//! It is not compressed. One boot with 80 MB of files took 7.8 s of CPU time uncompressed, 9.5 s with gzip and 7.4 s
//! with zstd: not worth another step.

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

/// A file system under construction.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Creates an empty one, and removes an earlier one.
    pub(super) fn new(root: PathBuf) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        Ok(Self { root })
    }

    /// Maps a path of the machine to a path of the host.
    pub(super) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Adds a folder with its parents.
    pub(super) fn folder(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = self.at(path);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// Adds a text file.
    pub(super) fn text(&self, path: &str, text: &str) -> Result<()> {
        let file = self.place(Path::new(path))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Adds a program, and the libraries that it loads under their paths on the host.
    pub(super) fn program(&self, from: &Path, path: &str) -> Result<()> {
        self.copy(from, Path::new(path))?;
        let libraries = libraries::of(from).with_context(|| format!("libraries of {}", from.display()))?;
        libraries.iter().try_for_each(|library| self.library(library))
    }

    /// Adds a program of netmon without debug information, which is two thirds of its size.
    pub(super) fn own_program(&self, from: &Path, path: &str) -> Result<()> {
        self.program(from, path)?;
        match process::find("strip") {
            Some(strip) => process::quietly(Command::new(strip).arg(self.at(path))),
            None => Ok(()),
        }
    }

    /// Adds a file with its permissions.
    pub(super) fn copy(&self, from: &Path, path: &Path) -> Result<()> {
        let to = self.place(path)?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        Ok(())
    }

    /// Adds all files of a folder, recursively.
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

    /// Makes a file executable.
    pub(super) fn runnable(&self, path: &str) -> Result<()> {
        let file = self.at(path);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", file.display()))
    }

    /// Adds a symbolic link.
    pub(super) fn link(&self, to: &str, path: &str) -> Result<()> {
        let link = self.place(Path::new(path))?;
        symlink(to, &link).with_context(|| format!("cannot make {}", link.display()))
    }

    /// Packs everything into a cpio archive next to the folder, owned by root. Returns its path.
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
        input.write_all(names.join("\n").as_bytes()).context("cannot send the names to cpio")?;
        drop(input);
        ensure!(
            child.wait().context("cannot wait for cpio")?.success(),
            "cpio could not pack {}",
            packed.display()
        );
        Ok(packed)
    }

    /// Adds a library under the path that the loader looks for, as a copy of the file that a link points to.
    fn library(&self, library: &Path) -> Result<()> {
        if self.at(library).exists() { Ok(()) } else { self.copy(library, library) }
    }

    /// Returns the path of a file on the host and creates its folder.
    fn place(&self, path: &Path) -> Result<PathBuf> {
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        Ok(self.at(path))
    }
}

/// Lists the names below a folder; each comes after the folder that holds it.
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

/// Returns the entries of a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = entries.map(name).collect::<std::io::Result<Vec<_>>>();
    names.iter_mut().for_each(|names| names.sort());
    names.with_context(|| format!("cannot read {}", folder.display()))
}
