//! The record of a running service on disk, so that a later process can stop it.
//!
//! Each service has a directory `services/N-NAME/` in the lab's state directory. In it are `record.json`, written before the
//! process exists (its mark, its cgroup); `identity`, written by the process itself before it executes the program; and
//! `mark`, an empty directory on which the mark is mounted.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use netmon_kernel::{
    owned_files::{make_private_directory, replace},
    proc::{ProcessId, Stat, boot_id, random_uuid},
};
use netmon_model::{lab::Service, names::LabName};
use serde::{Deserialize, Serialize};

use super::cgroup;

/// Returns the directory of all services in the lab's state directory.
pub(crate) fn services_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("services")
}

/// A service that has, or had, processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The service's name in its lab.
    pub(crate) service: String,
    /// The boot to which it belongs.
    pub(crate) boot_id: String,
    /// The source of the tmpfs that marks the service's mount namespace.
    pub(crate) mark: String,
    /// The service's own cgroup. `None` without a writable cgroup v2 hierarchy.
    pub(crate) cgroup: Option<PathBuf>,
    /// The directory of this record.
    #[serde(skip)]
    pub(crate) dir: PathBuf,
}

/// The identity of the service's first process, as it wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) identity: ProcessId,
    /// As `/proc/PID/ns/mnt` reads: `mnt:[4026532]`.
    pub(crate) mount_namespace: String,
}

impl Record {
    /// Creates the service's directory and writes the record, before there is any process.
    pub(crate) fn create(
        state_dir: &Path,
        lab: &LabName,
        index: usize,
        service: &Service,
        cgroups: Option<&Path>,
    ) -> io::Result<Self> {
        let name = file_name(index, &service.name);
        let dir = services_dir(state_dir).join(&name);
        let unique = random_uuid()?;
        let mut record = Self {
            service: service.name.clone(),
            boot_id: boot_id()?,
            mark: format!("netmon:{unique}"),
            // The name is unique because labs with the same name in two /run trees share one cgroup hierarchy.
            cgroup: cgroups
                .map(|root| root.join("netmon").join(lab.as_str()).join(format!("{name}.{unique}"))),
            dir,
        };
        make_private_directory(&record.mark_dir())?;
        record.write()?;
        // Recorded first and created afterwards, so that no cgroup is ever left unrecorded.
        if let Some(Err(error)) = record.cgroup.as_deref().map(cgroup::create) {
            log::info!("service {} has no cgroup: {error}", record.service);
            record.cgroup = None;
            record.write()?;
        }
        Ok(record)
    }

    fn write(&self) -> io::Result<()> {
        replace(&self.dir.join("record.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// Returns the records of a lab that belong to this boot, in the order of the lab file. A directory without a complete
    /// record never had a process.
    pub(crate) fn read_all(state_dir: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(services_dir(state_dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let boot_id = boot_id()?;
        let mut records: Vec<Self> = entries
            .filter_map(|entry| Self::read(entry.ok()?.path()))
            .filter(|record| record.boot_id == boot_id)
            .collect();
        records.sort_by_key(|record| index_of(&record.dir));
        Ok(records)
    }

    /// Returns the cgroups of a lab's services that exist.
    pub(crate) fn cgroups(state_dir: &Path) -> io::Result<Vec<PathBuf>> {
        let records = Self::read_all(state_dir)?;
        Ok(records.into_iter().filter_map(|record| record.cgroup).filter(|group| group.exists()).collect())
    }

    fn read(dir: PathBuf) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(dir.join("record.json")).ok()?).ok()?;
        Some(Self { dir, ..record })
    }

    /// Returns the directory on which the mark is mounted, in the service's mount namespace.
    pub(crate) fn mark_dir(&self) -> PathBuf {
        self.dir.join("mark")
    }

    /// Creates an empty file, to which the next process writes its identity.
    pub(crate) fn new_identity_file(&self) -> io::Result<File> {
        File::create(self.dir.join("identity"))
    }

    /// Returns the first process. `None` if none has recorded itself yet.
    pub(crate) fn leader(&self) -> Option<Leader> {
        let text = String::from_utf8_lossy(&fs::read(self.dir.join("identity")).ok()?).into_owned();
        let (stat, mount_namespace) = text.split_once('\n')?;
        Some(Leader { identity: Stat::parse(stat)?.id, mount_namespace: mount_namespace.to_owned() })
    }

    /// Removes the record: nothing of the service is left.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Returns the name of a service's directory. A service's name may contain any character, even a slash, so the index makes
/// the directory's name unique.
fn file_name(index: usize, service: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = service.chars().map(plain).take(64).collect();
    format!("{index}-{name}")
}

fn index_of(dir: &Path) -> usize {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    name.split_once('-').and_then(|(index, _)| index.parse().ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_service_cannot_leave_the_state_directory() {
        assert_eq!(file_name(3, "../../etc/x y"), "3-.._.._etc_x_y");
        assert_eq!(file_name(0, &"é".repeat(300)).len(), 66);
    }

    #[test]
    fn ten_services_keep_the_order_of_the_lab_file() {
        assert!(index_of(Path::new("/x/9-a")) < index_of(Path::new("/x/10-a")));
    }
}
