//! An entry point for fuzz targets: what earlier processes recorded about services, as any bytes.

use std::path::Path;

use netmon_kernel::proc::Stat;
use netmon_model::names::LabName;
use serde::de::DeserializeOwned;

use super::{ServiceSet, ServiceStatus, detached::SupervisorRecord, record::Record};

/// Reads `bytes` as each of the files of a lab's services. Returns how many of them they could be.
///
/// # Panics
///
/// If a record would have netmon end the processes of a cgroup that is not below netmon's own.
#[must_use]
pub fn records(bytes: &[u8], lab: &LabName) -> usize {
    const HIERARCHY: &str = "/sys/fs/cgroup";
    let record = serde_json::from_slice::<Record>(bytes).ok().map(|record| {
        let dir = Path::new("/run/netmon").join(lab.as_str()).join("services/0-web");
        let record = Record { dir, ..record }.without_foreign_cgroup(lab, Some(Path::new(HIERARCHY)));
        let own = Path::new(HIERARCHY).join("netmon").join(lab.as_str());
        if let Some(group) = record.cgroup {
            assert!(group.starts_with(own) && !group.ends_with(".."), "{}", group.display());
        }
    });
    let is_identity = std::str::from_utf8(bytes)
        .is_ok_and(|text| text.split_once('\n').is_some_and(|(stat, _)| Stat::parse(stat).is_some()));
    let others =
        [reads::<SupervisorRecord>(bytes), reads::<ServiceSet>(bytes), reads::<Vec<ServiceStatus>>(bytes)];
    let found = [record.is_some(), is_identity].into_iter().chain(others);
    found.filter(|is_found| *is_found).count()
}

fn reads<T: DeserializeOwned>(bytes: &[u8]) -> bool {
    serde_json::from_slice::<T>(bytes).is_ok()
}
