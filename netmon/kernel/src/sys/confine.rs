//! What a service's process does between `fork` and `exec`.
//!
//! It enters the network namespace, gets a mount namespace of its own with the files of `/etc/netns` bound over those of
//! `/etc`, joins its cgroup, and records its identity. All of this happens before the program's first instruction. So a
//! later process can end the program by that record, even if netmon was killed at any moment.
//!
//! Everything here runs in the child of a multi-threaded process: it does not allocate or take locks, and the parent has
//! prepared all paths.

#![expect(unsafe_code, reason = "pre_exec, signal dispositions and unshare have no safe form")]

use std::{
    ffi::{CStr, CString},
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::Command,
};

use rustix::{
    fs::{CWD, Mode, OFlags, open, readlinkat_raw},
    io::{read, write},
    mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change},
    process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal, setsid},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe},
};

use super::credentials::{Credentials, close_inherited};

/// How a process is confined before its program starts.
#[derive(Debug)]
pub struct Confinement {
    /// The network namespace to enter. `None` stays in the caller's.
    pub network: Option<OwnedFd>,
    /// `cgroup.procs` of the cgroup to join, open for writing. `None` joins no cgroup.
    pub cgroup_procs: Option<OwnedFd>,
    /// Where the process writes its own `/proc/self/stat` line, a newline, and its mount namespace.
    pub identity: OwnedFd,
    /// Source and mount point of a tmpfs in the process's own mount namespace. It is a mark that every descendant has in
    /// its mountinfo, whatever else it changes.
    pub mark: (CString, CString),
    /// Files of `/etc/netns/NAME`, each with the file of `/etc` over which it is bound.
    pub binds: Vec<(CString, CString)>,
    /// As whom the program runs.
    pub credentials: Credentials,
    /// A pipe for the number of the step that failed.
    pub failure: OwnedFd,
}

/// The steps in their order, for an error that names the one that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Tying the process's life to the supervisor's.
    Parent = 1,
    /// Joining the cgroup.
    Cgroup = 2,
    /// Entering the network namespace.
    Network = 3,
    /// Creating a mount namespace and marking it.
    Mounts = 4,
    /// Binding a file of /etc/netns over one of /etc, or mounting the namespace's /sys.
    Binds = 5,
    /// Recording the identity of the process.
    Record = 6,
    /// Changing its user, groups and capabilities.
    Credentials = 7,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Parent,
        Self::Cgroup,
        Self::Network,
        Self::Mounts,
        Self::Binds,
        Self::Record,
        Self::Credentials,
    ];

    /// Returns the step with this number, read from [`Confinement::failure`].
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as u8 == number)
    }

    /// Returns what failed, for an error message.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Parent => "the supervisor exited meanwhile",
            Self::Cgroup => "cannot join its cgroup",
            Self::Network => "cannot enter the network namespace",
            Self::Mounts => "cannot create a mount namespace",
            Self::Binds => "cannot mount the files of /etc/netns and the namespace's /sys",
            Self::Record => "cannot record the process",
            Self::Credentials => "cannot change its user, groups and capabilities",
        }
    }
}

/// Makes `command` confine itself before it executes its program.
///
/// The program gets SIGTERM when the thread that spawned it ends, so that thread must outlive it.
pub fn confine(command: &mut Command, confinement: Confinement) {
    let parent = getpid();
    let steps = move || {
        confinement.apply(parent).map_err(|(step, error)| {
            let _ = write(&confinement.failure, &[step as u8]);
            io::Error::from(error)
        })
    };
    // SAFETY: `apply` only makes system calls on memory and descriptors that were prepared before the fork. It neither
    // allocates nor locks, and the conversion of the error stores an errno.
    unsafe { command.pre_exec(steps) };
}

type Failed = (Step, rustix::io::Errno);

impl Confinement {
    fn apply(&self, parent: Pid) -> Result<(), Failed> {
        reset_signals();
        // Until it is recorded, the process must not outlive its parent.
        die_with(parent, Signal::KILL).map_err(|e| (Step::Parent, e))?;
        setsid().map_err(|e| (Step::Parent, e))?;
        if let Some(procs) = &self.cgroup_procs {
            write(procs, b"0").map_err(|e| (Step::Cgroup, e))?;
        }
        if let Some(network) = &self.network {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|e| (Step::Network, e))?;
        }
        self.own_mounts().map_err(|e| (Step::Mounts, e))?;
        self.bind_files().map_err(|e| (Step::Binds, e))?;
        self.record_identity().map_err(|e| (Step::Record, e))?;
        close_inherited();
        self.credentials.apply().map_err(|e| (Step::Credentials, e))?;
        // The kernel has forgotten the request if the user was changed.
        // From here on the program may exit in an orderly way, and stop its own children first.
        die_with(parent, Signal::TERM).map_err(|e| (Step::Parent, e))
    }

    fn own_mounts(&self) -> rustix::io::Result<()> {
        // SAFETY: without CLONE_FILES the descriptor table stays shared, and the child has one thread.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
        // Slave, not private: what the host unmounts, above all the name of a namespace, must be unmounted here, too.
        mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
        let (source, directory) = &self.mark;
        let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount(source.as_c_str(), directory.as_c_str(), c"tmpfs", flags, c"size=4k,nr_inodes=1,mode=0500")
    }

    fn bind_files(&self) -> rustix::io::Result<()> {
        if self.network.is_some() {
            // /sys shows the network devices of the namespace that mounted it.
            mount(c"netmon", c"/sys", c"sysfs", MountFlags::empty(), None::<&CStr>)?;
        }
        for (file, over) in &self.binds {
            mount_bind_recursive(file.as_c_str(), over.as_c_str())?;
        }
        Ok(())
    }

    fn record_identity(&self) -> rustix::io::Result<()> {
        let stat = open(c"/proc/self/stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut line = [0_u8; 512];
        let length = read(&stat, &mut line)?;
        write(&self.identity, line.get(..length).unwrap_or_default())?;
        let mut name = [core::mem::MaybeUninit::uninit(); 64];
        let (mount_namespace, _) = readlinkat_raw(CWD, c"/proc/self/ns/mnt", &mut name)?;
        write(&self.identity, mount_namespace)?;
        Ok(())
    }
}

/// Sets every signal to its default: a handler of the agent must not run in the child, and a SIGINT that the agent
/// inherited as ignored must not be ignored by the program.
fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL is a valid disposition. The kernel refuses numbers that cannot be set.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn die_with(parent: Pid, signal: Signal) -> rustix::io::Result<()> {
    set_parent_process_death_signal(Some(signal))?;
    // The parent may have exited before the request took effect.
    if getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::SRCH) }
}
