//! What keeps each namespace alive: processes, files in /run, descriptors. Read from `/proc` and /run, and nothing is kept open.
//!
//! Each namespace is opened for as long as it takes to read its cookie and its number, which is microseconds. Where the caller
//! may not open it, the kernel still numbers it by a process inside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use netmon_kernel::{
    netlink::observer::{Nsid, Questions},
    netns::{Cookie, NetNs, NetnsId},
    proc::{Process, pids},
};

use super::naming::{Evidence, cgroup};

/// Where names of namespaces are, and whether people choose them there.
const DIRECTORIES: [(&str, bool); 2] = [("/run/netns", true), ("/run/docker/netns", false)];

/// What keeps a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keeper {
    /// What its name is made of.
    pub(super) evidence: Evidence,
    /// The number of processes inside.
    pub(super) processes: usize,
    /// The files that keep it.
    pub(super) files: Vec<String>,
    /// The user whose user namespace owns it, if that is not the caller's.
    pub(super) owner_uid: Option<u32>,
}

/// What keeps the namespaces of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// By the observer's number.
    pub(super) keepers: BTreeMap<Nsid, Keeper>,
    /// How many processes could not be inspected, and are in no other entry.
    pub(super) unreadable: usize,
}

/// What was found of a namespace before it was opened.
#[derive(Debug, Default)]
struct Traces {
    pids: Vec<u32>,
    files: Vec<PathBuf>,
    names: Vec<String>,
}

/// Takes the census. Every namespace of it has a number afterwards.
pub(super) fn take(questions: &mut Questions) -> Census {
    let (mut traces, denied) = of_processes();
    of_directories(&mut traces);
    let root = own_owner();
    let mut census = Census::default();
    for traces in traces.into_values() {
        if let Some((nsid, keeper)) = keeper(questions, &traces, root) {
            census.keepers.insert(nsid, keeper);
        }
    }
    add_denied(questions, &denied, &mut census);
    mark_root(questions, &mut census);
    census
}

/// Finds which of `lost` is kept by a descriptor of a process. This reads every descriptor of the host.
pub(super) fn find_holders(questions: &mut Questions, lost: &BTreeSet<Nsid>, census: &mut Census) {
    // Those that processes are in or files stand for are known, and so is what was tried.
    let mut tried = kept_otherwise();
    let own = own_owner();
    for pid in pids().unwrap_or_default() {
        for (path, netns) in Process::Pid(pid).namespace_descriptors().unwrap_or_default() {
            if !tried.insert(netns) {
                continue;
            }
            let Some((nsid, cookie, owner_uid)) = open(questions, &path, own) else { continue };
            if lost.contains(&nsid) {
                let command = Process::Pid(pid).command().unwrap_or_default();
                let evidence = Evidence { cookie, holder: Some((pid, command)), ..Evidence::default() };
                census.keepers.insert(nsid, Keeper { evidence, owner_uid, ..Keeper::default() });
            }
        }
    }
}

/// Returns the traces by namespace, and the processes that may not be inspected.
fn of_processes() -> (BTreeMap<NetnsId, Traces>, Vec<u32>) {
    let (mut traces, mut denied) = (BTreeMap::<NetnsId, Traces>::new(), Vec::new());
    let mut pids = pids().unwrap_or_default();
    pids.sort_unstable();
    for pid in pids {
        match Process::Pid(pid).network_namespace() {
            Ok(netns) => traces.entry(netns).or_default().pids.push(pid),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => denied.push(pid),
            // It has exited, or is a zombie.
            Err(_) => {}
        }
    }
    (traces, denied)
}

/// Adds the files in /run. A plain file that waits for a mount, or has lost it, is no namespace.
fn of_directories(traces: &mut BTreeMap<NetnsId, Traces>) {
    let Ok(own) = Process::CurrentThread.network_namespace() else { return };
    for (directory, is_for_people) in DIRECTORIES {
        for path in entries(Path::new(directory)) {
            let Ok(netns) = NetnsId::of_file(&path) else { continue };
            if netns.device != own.device {
                continue;
            }
            let traces = traces.entry(netns).or_default();
            if is_for_people && let Some(name) = path.file_name() {
                traces.names.push(name.to_string_lossy().into_owned());
            }
            traces.files.push(path);
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Returns all namespaces that processes are in or files stand for.
fn kept_otherwise() -> BTreeSet<NetnsId> {
    let (mut traces, _) = of_processes();
    of_directories(&mut traces);
    traces.into_keys().collect()
}

/// Reads number, cookie and owner of a namespace. Returns `None` if it cannot be opened, or has ended.
fn open(
    questions: &mut Questions,
    path: &Path,
    own: Option<NetnsId>,
) -> Option<(Nsid, Option<Cookie>, Option<u32>)> {
    let namespace = NetNs::open_file(path).ok()?;
    let nsid = questions.number(&namespace).ok()?;
    let owner = namespace.owner().ok().filter(|(_, owner)| Some(*owner) != own);
    Some((nsid, namespace.cookie().ok(), owner.map(|(uid, _)| uid)))
}

/// Returns the user namespace that owns the caller's network namespace.
fn own_owner() -> Option<NetnsId> {
    Some(NetNs::current().ok()?.owner().ok()?.1)
}

fn keeper(questions: &mut Questions, traces: &Traces, own: Option<NetnsId>) -> Option<(Nsid, Keeper)> {
    // A file first: it stays, while a process may exit before it is opened.
    let ways = traces.files.iter().cloned();
    let of_processes = traces.pids.iter().map(|pid| Process::Pid(*pid).network_namespace_path());
    let (nsid, cookie, owner_uid) = ways.chain(of_processes).find_map(|path| open(questions, &path, own))?;
    let evidence = Evidence { cookie, names: traces.names.clone(), ..of_members(&traces.pids) };
    let files = traces.files.iter().map(|path| path.display().to_string()).collect();
    Some((nsid, Keeper { evidence, processes: traces.pids.len(), files, owner_uid }))
}

/// Reads what the processes belong to.
fn of_members(pids: &[u32]) -> Evidence {
    let mut evidence = Evidence::default();
    for pid in pids {
        let Ok(cgroups) = Process::Pid(*pid).cgroups() else { continue };
        if let Some(owner) = cgroup::owner(&cgroups)
            && !evidence.owners.contains(&owner)
        {
            evidence.owners.push(owner);
        }
        evidence.pod_uid = evidence.pod_uid.or_else(|| cgroup::pod_uid(&cgroups));
    }
    evidence.process = pids.iter().find_map(|pid| Some((*pid, Process::Pid(*pid).command().ok()?)));
    evidence
}

/// Adds namespaces of processes that may not be inspected, which the kernel numbers all the same.
fn add_denied(questions: &mut Questions, denied: &[u32], census: &mut Census) {
    for pid in denied {
        let Ok(nsid) = questions.number_of_process(*pid) else { continue };
        match census.keepers.get_mut(&nsid) {
            Some(keeper) => keeper.processes += 1,
            None => {
                census.unreadable += 1;
                let keeper = Keeper { evidence: of_members(&[*pid]), processes: 1, ..Keeper::default() };
                census.keepers.insert(nsid, keeper);
            }
        }
    }
}

fn mark_root(questions: &mut Questions, census: &mut Census) {
    let Ok(own) = NetNs::current() else { return };
    let Ok(nsid) = questions.number(&own) else { return };
    let keeper = census.keepers.entry(nsid).or_default();
    keeper.evidence.is_root = true;
    keeper.evidence.cookie = keeper.evidence.cookie.or_else(|| own.cookie().ok());
}
