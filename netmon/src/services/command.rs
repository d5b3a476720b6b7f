//! Prepares the command of a lab file: finds the program and arranges how the child confines and records itself.

use std::{
    env,
    ffi::{CString, OsStr},
    fs::{self, File},
    io::{self, Read as _},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use netmon_kernel::{
    netns::exec::files_of,
    sys::{
        confine::{Confinement, Step, confine},
        credentials::Credentials,
    },
};
use netmon_model::{
    lab::{Execution, ServiceLimits},
    names::NsName,
};
use rustix::process::geteuid;

use super::{
    cgroup,
    error::CommandProblem,
    execution::{self, Resolved},
    namespace,
    record::Record,
};

/// Where servers are installed. They are searched after PATH, which lacks them for ordinary users.
const SYSTEM_DIRECTORIES: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A command that can be spawned once.
pub(crate) struct Prepared {
    pub(crate) command: Command,
    failure: File,
}

/// Finds the program, opens the namespace, and prepares what the child does before it executes the program.
pub(crate) fn prepare(
    namespace: &NsName,
    words: &[String],
    (directory, execution): (Option<&Path>, &Execution),
    record: &Record,
) -> Result<Prepared, CommandProblem> {
    let (name, arguments) = words.split_first().ok_or(CommandProblem::NotFound)?;
    let mut command = Command::new(find_program(name, directory)?);
    command.arg0(name).args(arguments);
    if let Some(directory) = start_directory(directory, execution) {
        if !directory.is_dir() {
            return Err(CommandProblem::NoDirectory(directory));
        }
        command.current_dir(directory);
    }
    let own = (geteuid().as_raw(), &env::vars_os().collect());
    let Resolved { credentials, environment } =
        execution::resolve(execution, own).map_err(CommandProblem::Account)?;
    command.env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

    let network = namespace::open(namespace).map_err(CommandProblem::Namespace)?;
    let (failure, failure_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|errno| CommandProblem::Prepare(errno.into()))?;
    let confinement =
        confinement(namespace, network, (record, &execution.limits), credentials, failure_write)?;
    confine(&mut command, confinement);
    Ok(Prepared { command, failure: File::from(failure) })
}

fn confinement(
    namespace: &NsName,
    network: Option<OwnedFd>,
    (record, limits): (&Record, &ServiceLimits),
    credentials: Credentials,
    failure: OwnedFd,
) -> Result<Confinement, CommandProblem> {
    let prepare = CommandProblem::Prepare;
    let cgroup_procs = record.cgroup.as_deref().map(cgroup::create).transpose().map_err(prepare)?;
    for limit in cgroup::limit(record.cgroup.as_deref(), limits) {
        log::warn!(
            "service {}: {limit} is not limited: its cgroup has no controller for that",
            record.service
        );
    }
    let identity = record.new_identity_file().map_err(prepare)?;
    let mark = (CString::new(record.mark.as_str()), CString::new(record.mark_dir().as_os_str().as_bytes()));
    let (Ok(source), Ok(directory)) = mark else { return Err(CommandProblem::Nul) };
    let binds = match network {
        Some(_) => binds(namespace).map_err(prepare)?,
        None => Vec::new(),
    };
    let cgroup_procs = cgroup_procs.map(OwnedFd::from);
    Ok(Confinement {
        network,
        cgroup_procs,
        identity: identity.into(),
        mark: (source, directory),
        binds,
        credentials,
        failure,
    })
}

/// Returns the directory in which a command starts. A relative one starts in the lab file's.
fn start_directory(lab: Option<&Path>, execution: &Execution) -> Option<PathBuf> {
    match (lab, &execution.directory) {
        (lab, Some(own)) => Some(lab.unwrap_or(Path::new("")).join(own)),
        (lab, None) => lab.map(Path::to_owned),
    }
}

/// Returns the files of `/etc/netns/NAME`, each with the file of `/etc` that it hides, as in `ip-netns(8)`.
fn binds(namespace: &NsName) -> io::Result<Vec<(CString, CString)>> {
    let mut binds = Vec::new();
    for entry in files_of(&Path::new("/etc/netns").join(namespace.as_str()))? {
        let over = Path::new("/etc").join(entry.file_name());
        if over.exists() {
            let path = |path: &Path| CString::new(path.as_os_str().as_bytes());
            binds.push((path(&entry.path())?, path(&over)?));
        } else {
            log::warn!("{} has no effect: {} does not exist", entry.path().display(), over.display());
        }
    }
    Ok(binds)
}

impl Prepared {
    /// Returns why a spawn failed: in a step of the child's, or when the program was executed.
    pub(crate) fn problem(mut failure: File, source: io::Error) -> CommandProblem {
        let mut number = [0];
        match failure.read(&mut number) {
            Ok(1) => match Step::from_number(number[0]) {
                Some(step) => CommandProblem::Confine { step, source },
                None => CommandProblem::Execute(source),
            },
            _ if source.kind() == io::ErrorKind::NotFound => CommandProblem::NoInterpreter,
            _ => CommandProblem::Execute(source),
        }
    }

    /// Returns the command, and what [`Prepared::problem`] needs if it fails.
    pub(crate) fn into_parts(self) -> (Command, File) {
        (self.command, self.failure)
    }
}

fn find_program(name: &str, directory: Option<&Path>) -> Result<PathBuf, CommandProblem> {
    if name.contains('/') {
        let path = directory.unwrap_or(Path::new("")).join(name);
        return match is_program(&path) {
            Some(true) => Ok(path),
            Some(false) => Err(CommandProblem::NotExecutable(path)),
            None => Err(CommandProblem::NoSuchFile),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    search(name, &path)
}

fn search(name: &str, path: &OsStr) -> Result<PathBuf, CommandProblem> {
    let mut refused = None;
    for directory in env::split_paths(path).chain(SYSTEM_DIRECTORIES.map(PathBuf::from)) {
        let candidate = directory.join(name);
        match is_program(&candidate) {
            Some(true) => return Ok(candidate),
            Some(false) => refused = refused.or(Some(candidate)),
            None => {}
        }
    }
    Err(refused.map_or(CommandProblem::NotFound, CommandProblem::NotExecutable))
}

/// Returns whether a file is executable. `None` if there is no such file.
fn is_program(path: &Path) -> Option<bool> {
    let metadata = fs::metadata(path).ok()?;
    Some(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_even_if_path_lacks_sbin() {
        // `sh` is in /bin on every host; `ldconfig` is in an sbin only.
        assert!(search("sh", OsStr::new("/nowhere:/bin")).is_ok());
        assert!(search("ldconfig", OsStr::new("/nowhere")).is_ok());
    }

    #[test]
    fn a_missing_program_and_one_that_is_not_executable_are_distinguished() {
        assert!(matches!(find_program("no-such-program-here", None), Err(CommandProblem::NotFound)));
        assert!(matches!(find_program("/etc/passwd", None), Err(CommandProblem::NotExecutable(_))));
        assert!(matches!(find_program("/etc/no-such-file", None), Err(CommandProblem::NoSuchFile)));
        assert!(
            matches!(find_program("./sh", Some(Path::new("/bin"))), Ok(path) if path.starts_with("/bin"))
        );
        assert!(matches!(search("passwd", OsStr::new("/etc")), Err(CommandProblem::NotExecutable(_))));
    }
}
