//! `/api/v1/probes`: the results of the lab's probes.

use netmon_model::{
    names::NsName,
    snapshot::{ProbeSnapshot, Snapshot},
};
use serde::{Deserialize, Serialize};

use super::{Lab, Summary, nanoseconds, unix_ms};

/// Every probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// The lab that is watched; null if there is none.
    pub lab: Option<Lab>,
    /// Every probe, in the order of the lab file.
    pub probes: Vec<Probe>,
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The namespace that it is sent from.
    pub from: NsName,
    /// Its name, or else its target: the `target` label of its metrics.
    pub name: String,
    /// `icmp`, `tcp`, `http` or `dns`.
    pub kind: String,
    /// The address or URL that it attempts.
    pub target: String,
    /// Time from one attempt to the next.
    pub interval_ns: u64,
    /// Whether the last attempt succeeded; null until the first counted attempt has finished.
    pub success: Option<bool>,
    /// How long the last attempt took, if it succeeded.
    pub last_ns: Option<u64>,
    /// Why the last attempt failed, if it did.
    pub error: Option<String>,
    /// Durations of the successful attempts.
    pub duration: Summary,
    /// Number of failed attempts.
    pub failures: u64,
}

impl Probes {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            taken_at_unix_ms: unix_ms(snapshot.taken_at),
            lab: Lab::of_first(snapshot),
            probes: snapshot.probes.iter().map(Probe::from).collect(),
        }
    }
}

impl From<&ProbeSnapshot> for Probe {
    fn from(probe: &ProbeSnapshot) -> Self {
        Self {
            from: probe.from.clone(),
            name: probe.name.clone(),
            kind: probe.kind.to_owned(),
            target: probe.target.clone(),
            interval_ns: nanoseconds(probe.interval),
            success: probe.success,
            last_ns: probe.last.map(nanoseconds),
            error: probe.error.clone(),
            duration: Summary::from(&probe.durations),
            failures: probe.failures,
        }
    }
}
