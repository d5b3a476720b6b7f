//! Switches off duplicate address detection (RFC 4862, section 5.4) on interfaces that netmon creates.
//!
//! netmon adds a lab's own addresses without it. The link-local ones are added by the kernel, and while one of them is
//! tentative, a router sends no neighbour solicitation for what it forwards: the first second of IPv6 was lost. Nothing
//! can have a duplicate of them, since netmon creates both ends.
//!
//! Best effort: if the setting cannot be written (no IPv6, /proc/sys read-only), the kernel waits as usual.
//!
//! The kernel keeps the `ipv6` folder of every namespace that was read through one instance of /proc in one list, and
//! searches it on each lookup. The hundredth namespace takes longer than the first, which was a third of the time that
//! a thousand take. So namespaces are accessed through private instances of /proc, a few namespaces each, and the
//! folder of a namespace is looked up once for all its interfaces.

use std::os::fd::{AsFd, OwnedFd};

use netmon_model::names::IfName;
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::Result,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
};

use super::ipv4_defaults::Ipv4Defaults;

const CONF: &str = "/proc/sys/net/ipv6/conf";
/// Namespaces that share one instance of /proc. Creating an instance costs about as much as ten lookups.
const PER_INSTANCE: usize = 64;

/// Switches it off in new namespaces, one after the other. Also sets their IPv4 settings, for which the same /proc is
/// used.
#[derive(Debug, Default)]
pub(super) struct NewNamespaces {
    ipv4: Ipv4Defaults,
    proc: Option<OwnedFd>,
    accessed: usize,
}

impl NewNamespaces {
    /// Prepares the settings of the calling thread's namespace, which is new, for every interface that is created in it
    /// from now on.
    pub(super) fn prepare_here(&mut self) {
        if self.accessed.is_multiple_of(PER_INSTANCE) {
            self.proc = private_proc().ok();
        }
        self.accessed += 1;
        let _ = match &self.proc {
            Some(proc) => disable(proc, "sys/net/ipv6/conf/default"),
            None => disable(CWD, &format!("{CONF}/default")),
        };
        self.ipv4.set_here(self.proc.as_ref());
    }
}

/// Switches it off on interfaces of one namespace.
#[derive(Debug)]
pub(super) struct Interfaces(Option<OwnedFd>);

impl Interfaces {
    /// Opens the settings of the calling thread's namespace.
    pub(super) fn here() -> Self {
        Self(openat(CWD, CONF, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok())
    }

    /// Switches it off on an interface, which must not be up yet.
    pub(super) fn disable_on(&self, interface: &IfName) {
        let _ = self.0.as_ref().map(|folder| disable(folder, interface.as_str()));
    }
}

fn disable(from: impl AsFd, folder: &str) -> Result<()> {
    let setting =
        openat(from, format!("{folder}/accept_dad"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&setting, b"0").map(drop)
}

/// Returns a /proc that is mounted nowhere, and disappears with its descriptor.
fn private_proc() -> Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}
