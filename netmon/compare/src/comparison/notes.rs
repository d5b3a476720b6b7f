//! What else differs between two sides, or limits what a comparison can say.

use std::fmt;

use serde::Serialize;

use crate::{
    batches::Run,
    recording::{Header, Machine},
    statistics::estimate::MIN_BATCHES,
};

/// A remark on a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The sides were recorded on different machines, or under different kernels.
    Machine {
        /// What differs.
        what: &'static str,
        /// It on the old side.
        old: String,
        /// It on the new side.
        new: String,
    },
    /// The labs have different names.
    Lab {
        /// The name on the old side.
        old: String,
        /// The name on the new side.
        new: String,
    },
    /// The lab files differ.
    LabFile,
    /// The versions of netmon differ.
    Version {
        /// The version on the old side.
        old: String,
        /// The version on the new side.
        new: String,
    },
    /// Some recordings were cut off.
    CutOff {
        /// How many.
        recordings: usize,
    },
    /// Nothing is known of some times.
    Gaps {
        /// How many.
        gaps: usize,
    },
    /// A recording is too short to be compared.
    Short {
        /// Its windows.
        windows: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine { what, old, new } => write!(f, "another {what}: {old}, now {new}"),
            Self::Lab { old, new } => write!(f, "another lab: {old}, now {new}"),
            Self::LabFile => f.write_str("the lab file has changed"),
            Self::Version { old, new } => write!(f, "another version of netmon: {old}, now {new}"),
            Self::CutOff { recordings } => write!(f, "{recordings} of the recordings were cut off"),
            Self::Gaps { gaps } => write!(f, "the recordings have {gaps} gaps"),
            Self::Short { windows } => {
                write!(f, "a recording of {windows} windows is too short: at least {MIN_BATCHES} are needed")
            }
        }
    }
}

/// Returns the remarks on two sides. Of several runs, the first one of each side stands for all.
pub(super) fn of(old: &[Run], new: &[Run]) -> Vec<Note> {
    let all = || old.iter().chain(new);
    let mut notes = Vec::new();
    if let (Some(old), Some(new)) = (old.first(), new.first()) {
        headers(&old.summary.header, &new.summary.header, &mut notes);
    }
    let recordings = all().filter(|run| run.summary.end.is_none()).count();
    notes.extend((recordings > 0).then_some(Note::CutOff { recordings }));
    let gaps = all().map(|run| run.summary.gaps.len()).sum();
    notes.extend((gaps > 0).then_some(Note::Gaps { gaps }));
    let short = all().map(|run| run.windows).filter(|windows| *windows < MIN_BATCHES as u64).min();
    notes.extend(short.map(|windows| Note::Short { windows }));
    notes
}

fn headers(old: &Header, new: &Header, notes: &mut Vec<Note>) {
    if let (Some(old), Some(new)) = (&old.machine, &new.machine) {
        notes.extend(machines(old, new));
    }
    if old.netmon != new.netmon {
        notes.push(Note::Version { old: old.netmon.clone(), new: new.netmon.clone() });
    }
    let (Some(old), Some(new)) = (&old.lab, &new.lab) else { return };
    if old.name != new.name {
        notes.push(Note::Lab { old: old.name.to_string(), new: new.name.to_string() });
    } else if old.text.is_some() && new.text.is_some() && old.text != new.text {
        notes.push(Note::LabFile);
    }
}

fn machines(old: &Machine, new: &Machine) -> impl Iterator<Item = Note> {
    let facts = |of: &Machine| {
        [
            ("host", of.host.clone()),
            ("kernel", of.kernel.clone()),
            ("processor", of.processor.clone()),
            ("number of processors", of.processors.to_string()),
            ("clock source", of.clock_source.clone()),
        ]
    };
    let both = facts(old).into_iter().zip(facts(new));
    let differs = both.filter(|((_, old), (_, new))| old != new);
    differs.map(|((what, old), (_, new))| Note::Machine { what, old, new })
}
