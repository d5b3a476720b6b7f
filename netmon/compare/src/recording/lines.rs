//! The lines of a recording. A reader skips lines and fields that it does not know.

use netmon_model::names::LabName;
use serde::{Deserialize, Serialize};

use crate::series::{Amount, Series};

/// A line. Exactly one field is present.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recording: Option<Header>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) series: Option<Vec<Series>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<RecordedWindow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gap: Option<Gap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<End>,
}

/// The first line: what is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u32,
    /// The version of the netmon that recorded.
    pub netmon: String,
    /// Wall-clock time of the first reading, milliseconds since 1970.
    pub began_at_unix_ms: u64,
    /// The intended length of a window in milliseconds.
    pub interval_ms: u64,
    /// The agent that measured.
    pub agent: Agent,
    /// The lab. `None` if the agent watched none.
    pub lab: Option<Lab>,
    /// The host. `None` if the agent was on another host than the recorder.
    pub machine: Option<Machine>,
}

/// The agent that measured. Another start is another agent, whose counters begin again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its version.
    pub version: String,
    /// Wall-clock time at which it began to serve, milliseconds since 1970.
    pub started_at_unix_ms: u64,
}

/// The lab that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name.
    pub name: LabName,
    /// The path of its file; `built-in` for the built-in lab.
    pub file: String,
    /// The text of the file when the recording began. `None` if it could not be read.
    #[serde(default)]
    pub text: Option<String>,
}

/// The host, as far as it can change a figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its host name.
    pub host: String,
    /// The release and version of the kernel, as `uname -r -v` prints them.
    pub kernel: String,
    /// The architecture, as `uname -m` prints it.
    pub architecture: String,
    /// The model of the first processor.
    pub processor: String,
    /// The processors that netmon may run on.
    pub processors: usize,
    /// Main memory in bytes.
    pub memory_bytes: u64,
    /// The clock source of the kernel.
    pub clock_source: String,
}

/// What happened from one reading to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedWindow {
    /// Wall-clock time at its end, milliseconds since 1970.
    #[serde(rename = "t")]
    pub ended_at_unix_ms: u64,
    /// Its length in nanoseconds.
    pub ns: u64,
    /// The amounts of all series that are not zero in this window.
    pub amounts: Vec<SeriesAmount>,
    /// The series whose amount is not known: their counters began again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<usize>,
}

/// The amount of a series in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesAmount {
    /// The series: its position in all lines `series` together, from 0.
    pub series: usize,
    /// The amount.
    #[serde(flatten)]
    pub amount: Amount,
}

/// A time without windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Wall-clock time at which it was noticed, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Why nothing was recorded.
    pub reason: String,
}

/// The last line of a recording that was not cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Wall-clock time of the end, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The number of windows.
    pub windows: u64,
    /// Why the recording ended.
    pub reason: EndReason,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The time that was asked for had passed.
    Complete,
    /// A signal ended the recorder.
    Interrupted,
    /// The agent did not answer any more.
    AgentGone,
}
