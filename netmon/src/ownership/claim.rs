//! Exclusive ownership of a lab, by a flock(2) that the kernel releases when the process ends.
//!
//! The lock is on /run/netmon/LAB/lock, and the file's text names the holder. The file is deleted together with the lab.
//! So after locking it, a new claimant checks that the path still leads to the file that it locked.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    net::TcpStream,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use netmon_kernel::{
    owned_files,
    proc::{Process, Stat},
};
use netmon_model::{error::chain, names::LabName, server_address::ServerAddress};
use rustix::{
    event::{Timespec, poll},
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use super::error::OwnershipError;
use super::{folder, state};

/// The process that holds a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id. 0 if it has not written it yet.
    pub pid: u32,
    /// The address where it serves HTTP. `None` if it does not.
    pub http: Option<ServerAddress>,
}

impl Holder {
    fn this_process(http: Option<ServerAddress>) -> Self {
        Self { pid: process::id(), http }
    }

    /// Returns whether its process has ended, or is not known.
    fn is_dead(&self) -> bool {
        Stat::read(Process::Pid(self.pid)).map_or(true, Stat::has_exited)
    }

    /// As [`Self::is_dead`], for a caller from whom /proc may hide the process (`hidepid`): then its address decides.
    fn is_dead_or_silent(&self) -> bool {
        let sees_all = Stat::read(Process::Pid(1)).is_ok();
        let answers = |address: &ServerAddress| match address {
            ServerAddress::Tcp(address) => TcpStream::connect_timeout(address, CONNECT_TIME).is_ok(),
            // Without connecting, which could block.
            ServerAddress::Unix(path) => path.exists(),
        };
        self.is_dead() && (sees_all || !self.http.as_ref().is_some_and(answers))
    }
}

/// How often a lock whose holder is dead or unknown is tried, 5 ms apart.
const ATTEMPTS: u32 = 400;

/// How long an agent may take to accept a connection, which the kernel does for it.
const CONNECT_TIME: Duration = Duration::from_millis(500);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        match &self.http {
            Some(address) => write!(f, " ({})", address.url()),
            None => Ok(()),
        }
    }
}

/// The exclusive right to change a lab. Ends when it is dropped or the process ends.
#[derive(Debug)]
pub struct Claim {
    lab: LabName,
    file: File,
    /// This process, if it is the lab's agent.
    agent: Option<Holder>,
}

impl Claim {
    /// Claims the lab for this process.
    ///
    /// # Errors
    ///
    /// [`OwnershipError::Held`] if another process holds it.
    pub fn take(lab: &LabName) -> Result<Self, OwnershipError> {
        let path = path_of(lab);
        let failed = |e: io::Error| OwnershipError::file("lock", &path, e);
        loop {
            match make_folder(lab) {
                // Another process removed the folder while it was being created.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            }
            // Mode 0600: any process that can open the file can lock it.
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = match options.open(&path) {
                // Another process removed the folder since it was created above.
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
                    // Without space in /run, a lab can still be removed. Other processes then cannot name its holder.
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

    /// Returns this process if it is the lab's agent.
    #[must_use]
    pub fn agent(&self) -> Option<&Holder> {
        self.agent.as_ref()
    }

    /// Makes this process the lab's agent, and publishes its HTTP address in the state and in the lock file.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written.
    pub fn announce(&mut self, http: Option<ServerAddress>) -> Result<(), OwnershipError> {
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
    /// Removes this process from the state of a lab that stays. Of a lab that does not exist, removes the lock and the
    /// folder too. All of this happens before the lock is released.
    fn drop(&mut self) {
        if self.agent.take().is_some() {
            // If this fails, the state still names this agent, as if it had been killed: wrong, but safe.
            let _ = self.record_agent();
        }
        let folder = state::directory(&self.lab);
        let has_state = fs::symlink_metadata(folder.join("state.json")).is_ok();
        if !has_state && !folder::has_records(&self.lab) {
            // The next claim on this lab removes what is left here.
            for own in ["agent.sock", "http.sock", "temporary", "lock"] {
                let _ = fs::remove_file(folder.join(own));
            }
            let _ = fs::remove_dir(&folder);
        }
        let _ = fs::remove_dir(state::RUN_DIRECTORY);
        // Erase the holder: this process may continue without the lab.
        let _ = self.file.set_len(0);
        // Unlock instead of closing: a child that is being spawned may hold the same descriptor for a moment.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Returns the process that holds `lab`, or `None` if none does. Does not take the lab.
///
/// Without permission to open the lock file, only an agent is seen, by its entry in the state.
#[must_use]
pub fn holder(lab: &LabName) -> Option<Holder> {
    let file = match File::open(path_of(lab)) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            return state::State::load(lab)?.agent.filter(|agent| !agent.is_dead_or_silent());
        }
        file => file.ok()?,
    };
    lock(&file, FlockOperation::NonBlockingLockShared).ok()?
}

/// Locks the file, or returns its holder.
///
/// Retries for a while if the holder is dead or unknown. A lock of a dead process is held by a child that it was about to
/// spawn, until that executes its program. A lock without a name belongs to a process that only asks for the holder.
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
    // While the holder is writing, it has no name.
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    serde_json::from_str(&text).unwrap_or(Holder { pid: 0, http: None })
}

/// Creates the lab's folder, unless another user could change what is in it.
fn make_folder(lab: &LabName) -> io::Result<()> {
    let folder = state::directory(lab);
    owned_files::make_directory(&folder)?;
    [Path::new(state::RUN_DIRECTORY), &folder].into_iter().try_for_each(owned_files::own::require)
}

fn path_of(lab: &LabName) -> PathBuf {
    state::directory(lab).join("lock")
}
