//! Who works on a lab: one process at a time, by a lock that dies with it.
//!
//! The lock is a flock(2) on /run/netmon/LAB/lock; the file's text says who has it. Neither is left behind:
//! whoever removes the lab removes the file, so a new claimant makes sure that it locked the one that is there.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    net::SocketAddr,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
    process,
};

use netmon_kernel::{
    owned_files,
    proc::{Process, Stat},
};
use netmon_model::{error::chain, names::LabName};
use rustix::{
    event::{Timespec, poll},
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use super::error::OwnershipError;
use super::state;

/// Who holds a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process; 0 when it has not said so yet.
    pub pid: u32,
    /// Where it serves HTTP, if it does.
    pub http: Option<SocketAddr>,
}

impl Holder {
    fn this_process(http: Option<SocketAddr>) -> Self {
        Self { pid: process::id(), http }
    }

    /// Whether its process has ended, or nobody said which it is.
    fn is_dead(&self) -> bool {
        Stat::read(Process::Pid(self.pid)).map_or(true, Stat::has_exited)
    }
}

/// How often a lock that nobody has by name is tried, 5 ms apart.
const ATTEMPTS: u32 = 400;

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        match self.http {
            Some(address) => write!(f, " (http://{address}/)"),
            None => Ok(()),
        }
    }
}

/// The right to change a lab, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Claim {
    lab: LabName,
    file: File,
    /// Set once this process has said that it is the lab's agent.
    agent: Option<Holder>,
}

impl Claim {
    /// Takes the lab for this process.
    ///
    /// # Errors
    ///
    /// [`OwnershipError::Held`] when another process has it.
    pub fn take(lab: &LabName) -> Result<Self, OwnershipError> {
        let path = path_of(lab);
        let failed = |e: io::Error| OwnershipError::file("lock", &path, e);
        loop {
            owned_files::make_directory(&state::directory(lab)).map_err(failed)?;
            // Whoever may open it may lock it.
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = match options.open(&path) {
                // The lab's folder was removed between these two lines.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            };
            if let Some(holder) = lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(failed)? {
                return Err(OwnershipError::Held { lab: lab.clone(), holder });
            }
            let ours = file.metadata().map_err(failed)?.ino();
            if fs::metadata(&path).is_ok_and(|there| there.ino() == ours) {
                let mut claim = Self { lab: lab.clone(), file, agent: None };
                if let Err(error) = claim.write(&Holder::this_process(None)) {
                    // Without space in /run a lab can still be removed; others only do not see by whom.
                    log::warn!("{}", chain(&error));
                }
                return Ok(claim);
            }
        }
    }

    /// The lab.
    #[must_use]
    pub fn lab(&self) -> &LabName {
        &self.lab
    }

    /// The agent of the lab, when that is this process.
    #[must_use]
    pub fn agent(&self) -> Option<&Holder> {
        self.agent.as_ref()
    }

    /// Says where this process serves HTTP, in the state and to those who find the lab held.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn announce(&mut self, http: Option<SocketAddr>) -> Result<(), OwnershipError> {
        let holder = Holder::this_process(http);
        self.write(&holder)?;
        self.agent = Some(holder);
        self.record_agent()
    }

    fn write(&mut self, holder: &Holder) -> Result<(), OwnershipError> {
        let mut write = || {
            let text = serde_json::to_vec(holder)?;
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&text)
        };
        write().map_err(|e: io::Error| OwnershipError::file("write", &path_of(&self.lab), e))
    }

    fn record_agent(&self) -> Result<(), OwnershipError> {
        match state::State::load(&self.lab) {
            Some(mut state) if state.agent != self.agent => {
                state.agent.clone_from(&self.agent);
                state.store()
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Claim {
    /// A lab that stays has no agent any more. Of one that is not there nothing is left: no state, so no lock
    /// and no folder. Still under the lock.
    fn drop(&mut self) {
        if self.agent.take().is_some() {
            // A state that still names this agent says that it was killed, which is the safe way to be wrong.
            let _ = self.record_agent();
        }
        let folder = state::directory(&self.lab);
        let is_there = |entry: &str| folder.join(entry).exists();
        if !is_there("state.json") && !is_there("services") {
            // Whatever is not removed here is removed by the next claim on this lab.
            for own in ["agent.sock", "temporary", "lock"] {
                let _ = fs::remove_file(folder.join(own));
            }
            let _ = fs::remove_dir(&folder);
        }
        let _ = fs::remove_dir(state::RUN_DIRECTORY);
        // This process may live on.
        let _ = self.file.set_len(0);
        // Not by closing the file: a child that is just being started has it open as well, for a moment.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Who holds `lab` now, if anybody does. Asking does not disturb. Who may not look at the lock sees an agent only, by
/// what it wrote down.
#[must_use]
pub fn holder(lab: &LabName) -> Option<Holder> {
    let file = match File::open(path_of(lab)) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            return state::State::load(lab)?.agent.filter(|agent| !agent.is_dead());
        }
        file => file.ok()?,
    };
    lock(&file, FlockOperation::NonBlockingLockShared).ok()?
}

/// Locks the file, or says who has it. What a dead process has is a child's that it was just starting: that one has it
/// until it is the other program. And what nobody has by name is somebody's who only asks, for a moment.
fn lock(file: &File, how: FlockOperation) -> io::Result<Option<Holder>> {
    let pause = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    for attempt in 1.. {
        match flock(file, how) {
            Err(Errno::WOULDBLOCK) => {}
            other => return other.map(|()| None).map_err(Into::into),
        }
        let holder = read_holder(file);
        if attempt == ATTEMPTS || !holder.is_dead() {
            return Ok(Some(holder));
        }
        poll(&mut [], Some(&pause))?;
    }
    Ok(None)
}

fn read_holder(mut file: &File) -> Holder {
    let mut text = String::new();
    // A holder that is just writing its name is shown without one.
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    serde_json::from_str(&text).unwrap_or(Holder { pid: 0, http: None })
}

fn path_of(lab: &LabName) -> PathBuf {
    state::directory(lab).join("lock")
}
