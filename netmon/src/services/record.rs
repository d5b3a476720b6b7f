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
    owned_files::{self, make_private_directory, replace_private},
    proc::{ProcessId, Stat, boot_id, random_uuid},
};
use netmon_model::{lab::Service, names::LabName};
use serde::{Deserialize, Serialize};

use super::cgroup;
use crate::ownership::folder;

/// Every mark of a service begins with this.
pub(crate) const MARK: &str = "netmon:";

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
            mark: format!("{MARK}{unique}"),
            cgroup: cgroups.map(|root| cgroup_of(root, lab, &name, &unique)),
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
        replace_private(&self.dir.join("record.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// Returns the records of a lab that belong to this boot, in the order of the lab file. A directory without a complete
    /// record never had a process.
    pub(crate) fn read_all(lab: &LabName, state_dir: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(services_dir(state_dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let boot_id = boot_id()?;
        let mut records: Vec<Self> = entries
            .filter_map(|entry| Self::read(entry.ok()?.path()))
            .filter(|record| record.boot_id == boot_id)
            .map(|record| record.without_foreign_cgroup(lab, cgroup::hierarchy().as_deref()))
            .collect();
        records.sort_by_key(|record| index_of(&record.dir));
        Ok(records)
    }

    /// Returns the cgroups of a lab's services that exist.
    pub(crate) fn cgroups(lab: &LabName, state_dir: &Path) -> io::Result<Vec<PathBuf>> {
        let records = Self::read_all(lab, state_dir)?;
        Ok(records.into_iter().filter_map(|record| record.cgroup).filter(|group| group.exists()).collect())
    }

    fn read(dir: PathBuf) -> Option<Self> {
        let record: Self = serde_json::from_slice(&owned_files::read(&dir.join("record.json")).ok()?).ok()?;
        Some(Self { dir, ..record })
    }

    /// Drops a cgroup that is not the one that netmon creates for this record: the processes in it are others'.
    pub(super) fn without_foreign_cgroup(self, lab: &LabName, hierarchy: Option<&Path>) -> Self {
        let own = hierarchy.and_then(|root| {
            let name = self.dir.file_name()?.to_str()?;
            Some(cgroup_of(root, lab, name, self.mark.strip_prefix(MARK)?))
        });
        match &self.cgroup {
            Some(recorded) if own.as_ref() != Some(recorded) => {
                log::warn!("ignoring cgroup {}: it is not one of lab {lab}'s", recorded.display());
                Self { cgroup: None, ..self }
            }
            _ => self,
        }
    }

    /// Returns the directory on which the mark is mounted, in the service's mount namespace.
    pub(crate) fn mark_dir(&self) -> PathBuf {
        self.dir.join("mark")
    }

    /// Creates an empty file, to which the next process writes its identity.
    pub(crate) fn new_identity_file(&self) -> io::Result<File> {
        owned_files::create_private(&self.dir.join("identity"))
    }

    /// Returns the first process. `None` if none has recorded itself yet.
    pub(crate) fn leader(&self) -> Option<Leader> {
        let text = owned_files::read_text(&self.dir.join("identity")).ok()?;
        let (stat, mount_namespace) = text.split_once('\n')?;
        Some(Leader { identity: Stat::parse(stat)?.id, mount_namespace: mount_namespace.to_owned() })
    }

    /// Removes the record: no process of the service is left.
    pub(crate) fn remove(&self) -> io::Result<()> {
        // What another program put there is kept. `down` names it when it removes the lab's folder.
        owned_files::remove_known(&self.dir, &folder::is_of_a_record).map(drop)
    }
}

/// Returns the cgroup of a service.
///
/// The name is unique because labs with the same name in two /run trees share one cgroup hierarchy.
fn cgroup_of(hierarchy: &Path, lab: &LabName, name: &str, unique: &str) -> PathBuf {
    hierarchy.join("netmon").join(lab.as_str()).join(format!("{name}.{unique}"))
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

    fn record_with(cgroup: &str) -> Record {
        Record {
            service: "x".to_owned(),
            boot_id: String::new(),
            mark: "netmon:77".to_owned(),
            cgroup: Some(cgroup.into()),
            dir: "/run/netmon/direct/services/0-x".into(),
        }
    }

    #[test]
    fn a_recorded_cgroup_counts_only_if_netmon_made_it_for_this_record() {
        let lab = "direct".parse().unwrap();
        let kept = |cgroup| {
            record_with(cgroup)
                .without_foreign_cgroup(&lab, Some(Path::new("/sys/fs/cgroup")))
                .cgroup
                .is_some()
        };
        assert!(kept("/sys/fs/cgroup/netmon/direct/0-x.77"));
        for foreign in [
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup/netmon",
            "/sys/fs/cgroup/netmon/other/0-x.77",
            "/sys/fs/cgroup/netmon/direct/0-x.78",
            "/sys/fs/cgroup/netmon/direct/../direct/0-x.77",
            "/sys/fs/cgroup/netmon/direct/0-x.77/..",
        ] {
            assert!(!kept(foreign), "{foreign}");
        }
        let unmounted = record_with("/sys/fs/cgroup/netmon/direct/0-x.77").without_foreign_cgroup(&lab, None);
        assert_eq!(unmounted.cgroup, None);
    }

    #[test]
    fn ten_services_keep_the_order_of_the_lab_file() {
        assert!(index_of(Path::new("/x/9-a")) < index_of(Path::new("/x/10-a")));
    }
}
