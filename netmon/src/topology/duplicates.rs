//! No wait for the detection of duplicate addresses (RFC 4862, section 5.4).
//!
//! A lab's own addresses are given without it. The link-local ones are the kernel's doing, and while one of them is
//! tentative, a router sends no neighbour solicitation for what it forwards: the first second of IPv6 was lost. Their
//! hosts are known here, since netmon made both ends.
//!
//! An extra: where the setting cannot be written (no IPv6, /proc/sys read-only), the kernel waits as it always does.
//!
//! The kernel keeps the `ipv6` of every namespace that was looked into through one instance of /proc in one list, and
//! searches it for each lookup: the hundredth namespace takes longer than the first, and of the time that a thousand take
//! that was a third. So namespaces are looked into through instances of our own, that nothing else can see, a few
//! each; and where many interfaces of one namespace are set, its folder is looked up once.

use std::os::fd::{AsFd, OwnedFd};

use netmon_model::names::IfName;
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::Result,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
};

const CONF: &str = "/proc/sys/net/ipv6/conf";
/// Namespaces that are looked into through one instance of /proc: making one costs about as much as ten lookups.
const PER_INSTANCE: usize = 64;

/// For namespaces, one after the other.
#[derive(Debug, Default)]
pub(super) struct NewNamespaces {
    proc: Option<OwnedFd>,
    looked_into: usize,
}

impl NewNamespaces {
    /// For every interface that is made in the calling thread's namespace from now on.
    pub(super) fn do_not_await_here(&mut self) {
        if self.looked_into.is_multiple_of(PER_INSTANCE) {
            self.proc = instance().ok();
        }
        self.looked_into += 1;
        let _ = match &self.proc {
            Some(proc) => switch_off(proc, "sys/net/ipv6/conf/default"),
            None => switch_off(CWD, &format!("{CONF}/default")),
        };
    }
}

/// For interfaces of one namespace.
#[derive(Debug)]
pub(super) struct Interfaces(Option<OwnedFd>);

impl Interfaces {
    /// Of the calling thread's namespace.
    pub(super) fn here() -> Self {
        Self(openat(CWD, CONF, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok())
    }

    /// For an interface, before it is set up.
    pub(super) fn do_not_await_on(&self, interface: &IfName) {
        let _ = self.0.as_ref().map(|folder| switch_off(folder, interface.as_str()));
    }
}

fn switch_off(from: impl AsFd, folder: &str) -> Result<()> {
    let setting =
        openat(from, format!("{folder}/accept_dad"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&setting, b"0").map(drop)
}

/// A /proc that is mounted nowhere, and goes with its descriptor.
fn instance() -> Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}
