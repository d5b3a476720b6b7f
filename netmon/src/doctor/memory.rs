//! What the maps of an agent will take.

use netmon_model::lab::Lab;
use serde::Serialize;

use crate::datapath::{
    Datapath,
    memory::{MapNeed, reckoned},
};

/// For how much it is reckoned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scale {
    /// Whose endpoints they are, in words.
    pub of: String,
    /// Ends of links.
    pub endpoints: u32,
    /// Connections that are followed.
    pub flow_entries: u32,
}

impl Scale {
    /// For a lab.
    #[must_use]
    pub fn of_lab(lab: &Lab, flow_entries: u32) -> Self {
        let endpoints = u32::try_from(2 * lab.links.len()).unwrap_or(u32::MAX);
        Self { of: format!("lab {}", lab.name), endpoints, flow_entries }
    }
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// For how much.
    #[serde(flatten)]
    pub scale: Scale,
    /// Whether the maps were loaded and the kernel was asked; else the large ones are reckoned.
    pub measured: bool,
    /// Each map.
    pub maps: Vec<MapNeed>,
    /// All of them.
    pub total_bytes: u64,
}

/// Of the object that was loaded, if it was.
pub(super) fn of(scale: Scale, datapath: Option<Datapath>) -> Memory {
    let measured = datapath.and_then(|mut datapath| datapath.memory_for(scale.endpoints).ok());
    Memory::new(scale, measured)
}

impl Memory {
    fn new(scale: Scale, measured: Option<Vec<MapNeed>>) -> Self {
        let is_measured = measured.is_some();
        let maps = measured.unwrap_or_else(|| reckoned(scale.endpoints, scale.flow_entries));
        let total_bytes = maps.iter().map(|map| map.bytes).sum();
        Self { scale, measured: is_measured, maps, total_bytes }
    }
}

#[cfg(test)]
mod tests {
    use netmon_labfile;

    use super::*;

    #[test]
    fn more_endpoints_take_more_and_the_total_is_the_sum() {
        let scale = |endpoints| Scale { of: String::new(), endpoints, flow_entries: 0 };
        let (few, many) = (Memory::new(scale(2), None), Memory::new(scale(2000), None));
        assert!(many.total_bytes > 7 * few.total_bytes, "{} {}", many.total_bytes, few.total_bytes);
        assert_eq!(few.total_bytes, few.maps.iter().map(|map| map.bytes).sum::<u64>());
    }

    #[test]
    fn a_link_has_two_endpoints() {
        assert_eq!(Scale::of_lab(&netmon_labfile::open(None).unwrap(), 0).endpoints, 2);
    }
}
