//! Memory that the maps of an agent will take.

use netmon_model::lab::Lab;
use serde::Serialize;

use crate::datapath::{
    Datapath,
    memory::{MapNeed, computed},
};

/// The size of the agent whose memory is calculated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scale {
    /// Where the number of endpoints comes from: `lab NAME` or `--endpoints`.
    pub basis: String,
    /// Ends of links.
    pub endpoints: u32,
    /// Connections that the agent can follow.
    pub flow_entries: u32,
}

impl Scale {
    /// Returns the scale of an agent that watches `lab`.
    #[must_use]
    pub fn for_lab(lab: &Lab, flow_entries: u32) -> Self {
        let endpoints = u32::try_from(2 * lab.links.len()).unwrap_or(u32::MAX);
        Self { basis: format!("lab {}", lab.name), endpoints, flow_entries }
    }
}

/// Memory by map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The size of the agent.
    #[serde(flatten)]
    pub scale: Scale,
    /// Whether the maps were loaded and their sizes read from the kernel. Otherwise only the large maps are listed, and
    /// their sizes are calculated.
    pub measured: bool,
    /// The maps.
    pub maps: Vec<MapNeed>,
    /// The sum over `maps`.
    pub total_bytes: u64,
}

impl Memory {
    /// Reads the sizes from the loaded object if there is one, and calculates them otherwise.
    pub(super) fn for_scale(scale: Scale, datapath: Option<Datapath>) -> Self {
        let measured = datapath.and_then(|mut datapath| datapath.memory_for(scale.endpoints).ok());
        Self::new(scale, measured)
    }

    fn new(scale: Scale, measured: Option<Vec<MapNeed>>) -> Self {
        let is_measured = measured.is_some();
        let maps = measured.unwrap_or_else(|| computed(scale.endpoints, scale.flow_entries));
        let total_bytes = maps.iter().map(|map| map.bytes).sum();
        Self { scale, measured: is_measured, maps, total_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_endpoints_take_more_memory_and_the_total_is_the_sum_of_the_maps() {
        let scale = |endpoints| Scale { basis: String::new(), endpoints, flow_entries: 0 };
        let (few, many) = (Memory::new(scale(2), None), Memory::new(scale(2000), None));
        assert!(many.total_bytes > 7 * few.total_bytes, "{} {}", many.total_bytes, few.total_bytes);
        assert_eq!(few.total_bytes, few.maps.iter().map(|map| map.bytes).sum::<u64>());
    }

    #[test]
    fn a_link_has_two_endpoints() {
        assert_eq!(Scale::for_lab(&netmon_labfile::open(None).unwrap(), 0).endpoints, 2);
    }
}
