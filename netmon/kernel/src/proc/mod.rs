//! What `/proc` says of processes and of this boot: the only reader of it.
//!
//! Each call reads one file. A process may exit between two calls, and the kernel may give its number to another one. So
//! a caller that acts on a process compares its [`ProcessId`]. The settings in `/proc/sys` that a lab writes are not here.

mod mounts;
mod netns_id;
mod processor;
mod snmp;
mod stat;

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd as _},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

pub use self::{
    mounts::{Mount, Mounts, Propagation},
    netns_id::NetnsId,
    processor::processor_model,
    stat::{ProcessId, Stat},
};

/// The file that [`boot_id`] reads.
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The program of the calling process, even if its file was deleted (proc_pid_exe(5)).
const OWN_PROGRAM: &str = "/proc/self/exe";

/// A directory of `/proc` that describes a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The process that has this number in the caller's PID namespace.
    Pid(u32),
    /// The calling process.
    Current,
    /// The calling thread, which may be in other namespaces than the main thread of its process.
    CurrentThread,
}

impl Process {
    fn path(self, file: &str) -> PathBuf {
        match self {
            Self::Pid(pid) => PathBuf::from(format!("/proc/{pid}/{file}")),
            Self::Current => Path::new("/proc/self").join(file),
            Self::CurrentThread => Path::new("/proc/thread-self").join(file),
        }
    }

    /// Returns its name, as `ps` shows it: at most 15 bytes, and the process can change it.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited.
    pub fn command(self) -> io::Result<String> {
        let name = fs::read(self.path("comm"))?;
        Ok(String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned())
    }

    /// Returns its network namespace.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited, or the caller may not inspect it (`CAP_SYS_PTRACE`).
    pub fn network_namespace(self) -> io::Result<NetnsId> {
        NetnsId::of_file(&self.network_namespace_path())
    }

    /// Returns the file that stands for its network namespace.
    #[must_use]
    pub fn network_namespace_path(self) -> PathBuf {
        self.path("ns/net")
    }

    /// Returns the files of its descriptors that stand for namespaces, which such a descriptor keeps alive.
    ///
    /// A namespace of another kind may be among them. Files that are none are not touched: they may be on a file system
    /// that does not answer.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited, or the caller may not inspect it (`CAP_SYS_PTRACE`).
    pub fn namespace_descriptors(self) -> io::Result<Vec<(PathBuf, NetnsId)>> {
        let nsfs = Self::CurrentThread.network_namespace()?.device;
        let entries = fs::read_dir(self.path("fd"))?.flatten().map(|entry| entry.path());
        let held = entries.filter_map(|path| {
            let target = fs::read_link(&path).ok()?;
            let netns = may_be_namespace(target.to_str()?).then(|| NetnsId::of_file(&path))?.ok()?;
            (netns.device == nsfs).then_some((path, netns))
        });
        Ok(held.collect())
    }

    /// Returns its cgroups in all hierarchies, relative to where each is mounted, without repetition.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited.
    pub fn cgroups(self) -> io::Result<Vec<String>> {
        let text = fs::read(self.path("cgroup"))?;
        Ok(all_cgroups(&String::from_utf8_lossy(&text)))
    }

    /// Returns its mount namespace as the link `ns/mnt` shows it: `mnt:[4026531841]`.
    ///
    /// The kernel reuses the number once the namespace is destroyed.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited, or the caller may not inspect it (`CAP_SYS_PTRACE`).
    pub fn mount_namespace(self) -> io::Result<String> {
        Ok(fs::read_link(self.path("ns/mnt"))?.to_string_lossy().into_owned())
    }

    /// Returns the mounts that it sees.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited, or the caller may not inspect it (`CAP_SYS_PTRACE`).
    pub fn mounts(self) -> io::Result<Mounts> {
        fs::read(self.path("mountinfo")).map(Mounts::new)
    }

    /// Returns whether it ignores a signal, by its number.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited.
    pub fn ignores(self, signal: u32) -> io::Result<bool> {
        let text = fs::read_to_string(self.path("status"))?;
        ignored(&text, signal).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Returns its cgroup in the v2 hierarchy, relative to where that is mounted. `None` if there is no such hierarchy.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited.
    pub fn cgroup(self) -> io::Result<Option<PathBuf>> {
        let text = fs::read(self.path("cgroup"))?;
        Ok(unified_cgroup(&text))
    }

    /// Returns how many TCP segments its network namespace has retransmitted (`RetransSegs` of RFC 4022).
    ///
    /// # Errors
    ///
    /// Fails if the process has exited, or the kernel has no TCP.
    pub fn retransmitted_segments(self) -> io::Result<u64> {
        let text = fs::read_to_string(self.path("net/snmp"))?;
        snmp::value(&text, "Tcp:", "RetransSegs")
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "there is no RetransSegs"))
    }
}

/// Signal 1 is the lowest bit of `SigIgn` (proc_pid_status(5)).
fn ignored(status: &str, signal: u32) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask.checked_shr(signal.checked_sub(1)?)? & 1 == 1)
}

/// A line is `NUMBER:CONTROLLERS:PATH`, and only the path may contain a colon (cgroups(7)).
fn all_cgroups(text: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in text.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }
    paths
}

/// A descriptor's link is `net:[INODE]` if it was opened in `/proc`, the path of the name if it was opened there, and `/` once
/// that name is unmounted.
fn may_be_namespace(target: &str) -> bool {
    target == "/" || ["net:[", "/run/", "/var/run/"].iter().any(|start| target.starts_with(start))
}

/// The hierarchy with number 0 and no controllers is the one of version 2 (cgroups(7)).
fn unified_cgroup(text: &[u8]) -> Option<PathBuf> {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let path = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"))?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// Returns the numbers of all processes. One that starts or exits meanwhile may or may not be among them.
///
/// # Errors
///
/// Fails if `/proc` is not mounted.
pub fn pids() -> io::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// Returns the program of the calling process, to start it again.
///
/// If the file was replaced or deleted, as an upgrade does, this is the link by which a child still finds the one that
/// runs.
///
/// # Errors
///
/// Fails if `/proc` is not mounted.
pub fn own_program() -> io::Result<PathBuf> {
    let running = fs::metadata(OWN_PROGRAM)?;
    let path = fs::read_link(OWN_PROGRAM)?;
    let is_running = |there: fs::Metadata| (there.dev(), there.ino()) == (running.dev(), running.ino());
    if fs::metadata(&path).is_ok_and(is_running) { Ok(path) } else { Ok(OWN_PROGRAM.into()) }
}

/// Returns the identifier of this boot. Process start times, interface numbers and cookies of another boot mean nothing.
///
/// # Errors
///
/// Fails if `/proc` is not mounted.
///
/// # Examples
///
/// ```
/// let boot = netmon_kernel::proc::boot_id()?;
/// assert_eq!(boot.len(), 36);
/// assert_eq!(boot, netmon_kernel::proc::boot_id()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn boot_id() -> io::Result<String> {
    read_line(BOOT_ID)
}

/// Returns a random UUID: a name that has not been used before.
///
/// # Errors
///
/// Fails if `/proc` is not mounted.
pub fn random_uuid() -> io::Result<String> {
    read_line("/proc/sys/kernel/random/uuid")
}

fn read_line(path: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim_end().to_owned())
}

/// Returns a path to the file of a descriptor of the calling thread, for calls that need a path.
#[must_use]
pub fn path_of_descriptor(descriptor: impl AsFd) -> PathBuf {
    Process::CurrentThread.path(&format!("fd/{}", descriptor.as_fd().as_raw_fd()))
}

/// Returns a number from the information on a descriptor of the calling thread (proc_pid_fdinfo(5)).
///
/// # Errors
///
/// Fails if `/proc` is not mounted, or there is no number under this name.
pub fn descriptor_field(descriptor: impl AsFd, field: &str) -> io::Result<u64> {
    let path = Process::CurrentThread.path(&format!("fdinfo/{}", descriptor.as_fd().as_raw_fd()));
    let text = fs::read_to_string(path)?;
    let value = |line: &str| line.strip_prefix(field)?.strip_prefix(':')?.trim().parse().ok();
    text.lines().find_map(value).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_thread_is_one_of_the_processes_and_has_its_namespaces() {
        let own = Process::Pid(std::process::id());
        assert!(pids().unwrap().contains(&std::process::id()));
        assert_eq!(own.network_namespace().unwrap(), Process::CurrentThread.network_namespace().unwrap());
        let mounts = own.mount_namespace().unwrap();
        assert!(mounts.starts_with("mnt:["), "{mounts}");
        assert!(!own.command().unwrap().ends_with('\n'));
    }

    #[test]
    fn the_own_program_is_a_path_while_its_file_is_there() {
        assert_eq!(own_program().unwrap(), std::env::current_exe().unwrap());
    }

    #[test]
    fn an_ignored_signal_is_read_from_its_bit() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n";
        assert_eq!([1, 2, 13].map(|signal| ignored(status, signal)), [Some(true), Some(false), Some(true)]);
        assert_eq!(ignored("Name:\tx\n", 1), None);
    }

    #[test]
    fn the_unified_hierarchy_is_found_beside_the_old_ones() {
        let text = b"12:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/system.slice/x y.service\n";
        assert_eq!(unified_cgroup(text), Some(PathBuf::from("/system.slice/x y.service")));
        assert_eq!(unified_cgroup(b"1:name=systemd:/b\n"), None);
    }

    #[test]
    fn each_cgroup_is_returned_once_in_the_order_of_the_hierarchies() {
        let text =
            "12:cpu,cpuacct:/docker/a\n3:pids:/docker/a\n1:name=systemd:/b\n0::/system.slice/x:y.service\n";
        assert_eq!(all_cgroups(text), ["/docker/a", "/b", "/system.slice/x:y.service"]);
        assert!(all_cgroups("odd\n\n1:x\n").is_empty());
    }

    #[test]
    fn a_descriptor_of_a_namespace_is_found_among_all_descriptors() {
        let own = Process::CurrentThread;
        let held = fs::File::open(own.network_namespace_path()).unwrap();
        let _directory = fs::File::open("/").unwrap();
        let path = own.path(&format!("fd/{}", held.as_raw_fd()));
        let found = own.namespace_descriptors().unwrap();
        assert!(found.contains(&(path, own.network_namespace().unwrap())), "{found:?}");
        assert!(found.iter().all(|(_, netns)| netns.device == found[0].1.device), "{found:?}");
    }

    #[test]
    fn a_descriptor_has_a_path_and_fields() {
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert_eq!(
            fs::read(path_of_descriptor(&file)).unwrap().first(),
            fs::read("/proc/self/stat").unwrap().first()
        );
        assert_eq!(descriptor_field(&file, "pos").unwrap(), 0);
        assert_eq!(descriptor_field(&file, "po").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
