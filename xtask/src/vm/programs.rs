//! The programs that make and run a virtual machine: qemu and busybox.
//!
//! They are unpacked, not installed: qemu may conflict with packages of the host, and a static busybox runs on the host
//! and in the machine alike. A qemu on `PATH` is preferred.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, ensure};

use crate::{process, provision::unpacked, workspace};

const QEMU: &str = "qemu-system-x86_64";
const PACKAGES: [&str; 2] = ["qemu-system-x86", "busybox-static"];
/// Folders of libraries in unpacked packages.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
/// Folders of firmware in unpacked packages.
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// The paths of qemu and busybox.
#[derive(Debug)]
pub(super) struct Programs {
    /// The root of the unpacked packages.
    folder: PathBuf,
    /// The qemu of the host, if it has one.
    installed: Option<PathBuf>,
}

impl Programs {
    /// Returns the programs that an earlier run unpacked, or else downloads them with apt.
    pub(super) fn provide() -> Result<Self> {
        ensure!(
            process::find("apt-get").is_some(),
            "the virtual machines need Debian packages, and there is no apt-get"
        );
        let installed = process::find(QEMU);
        let name = if installed.is_some() { "busybox" } else { "qemu" };
        let folder = workspace::target()?.join("vm").join(name);
        if !folder.is_dir() {
            let wanted = if installed.is_some() { &PACKAGES[1..] } else { &PACKAGES[..] };
            eprintln!("xtask: downloading {} into {}: half a minute", wanted.join(" and "), folder.display());
            unpacked::provide(|| unpacked::needed(wanted), &folder)?;
        }
        let programs = Self { folder, installed };
        ensure!(programs.busybox_path().is_file(), "there is no {}", programs.busybox_path().display());
        Ok(programs)
    }

    /// Returns a command that runs an applet of busybox on the host.
    pub(super) fn busybox(&self, applet: &str) -> Command {
        let mut command = Command::new(self.busybox_path());
        command.arg(applet);
        command
    }

    pub(super) fn busybox_path(&self) -> PathBuf {
        self.folder.join("bin/busybox")
    }

    /// Returns a command that runs qemu with its libraries and its firmware.
    pub(super) fn qemu(&self) -> Command {
        if let Some(path) = &self.installed {
            return Command::new(path);
        }
        let mut command = Command::new(self.folder.join("usr/bin").join(QEMU));
        let libraries = LIBRARIES.map(|path| self.folder.join(path).display().to_string());
        command.env("LD_LIBRARY_PATH", libraries.join(":"));
        for path in FIRMWARE {
            command.arg("-L").arg(self.folder.join(path));
        }
        command
    }
}
