//! What labs left on this host, found by netmon's own marks: the list that `netmon clean` shows and works off,
//! and `netmon doctor` shows.
//!
//! [`scan`] only reads. A lab that somebody holds is his; one that was made to stay, and is whole, stands;
//! anything else with a mark on it is what remains of a lab. Removing is done as ever, a lab at a time
//! ([`crate::topology::down`]), under a claim that [`FoundLab::claim`] gives only while the lab is as it was found.

mod filters;
mod scan;
mod verdict;

use std::path::PathBuf;

use netmon_kernel::pins::Found;
use netmon_model::names::{LabName, NsName, Place};
use serde::Serialize;

pub use self::{filters::FoundFilter, scan::scan};
use crate::{
    ownership::{
        claim::{Claim, Holder},
        state::State,
        temporary,
    },
    topology::error::TopologyError,
};

/// Everything on this host that carries a mark of netmon's, by lab.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Leftovers {
    /// The labs, in the order of their names.
    pub labs: Vec<FoundLab>,
    /// Whether /run/netns was made, or made a mount, by netmon, and nobody uses it.
    pub netns_directory: bool,
    /// What could not be looked at, and why: there may be more.
    pub not_looked_at: Vec<String>,
}

/// What there is of one lab.
#[derive(Clone, Debug, Serialize)]
pub struct FoundLab {
    /// The lab.
    pub lab: LabName,
    /// Whether it is anybody's.
    #[serde(flatten)]
    pub condition: Condition,
    /// Its namespaces, by name; also names that were left half made.
    pub namespaces: Vec<NsName>,
    /// Its interfaces in root, and where else somebody moved them. Those in its namespaces go with them.
    pub interfaces: Vec<Place>,
    /// Filters of netmon's on its interfaces. Only those of a lab that somebody holds have somebody to read
    /// what they count.
    pub filters: Vec<FoundFilter>,
    /// Where its counting goes on without an agent: its eBPF maps and links.
    pub pins: Vec<Found>,
    /// Its files under /etc/netns.
    pub files: Vec<PathBuf>,
    /// The cgroups of its services.
    pub cgroups: Vec<PathBuf>,
    /// Its folder under /run/netmon, with its state.
    pub folder: Option<PathBuf>,
    /// What was written down about it.
    #[serde(skip)]
    state: Option<State>,
    /// Whether it was to go with its agent.
    #[serde(skip)]
    temporary: bool,
}

/// Whether a lab is anybody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "condition", rename_all = "lowercase")]
pub enum Condition {
    /// A process works on it now.
    Held {
        /// Which one.
        holder: Holder,
    },
    /// It was made to stay, and is whole.
    Standing,
    /// It is what is left of a lab.
    Dead {
        /// How that is known.
        why: String,
    },
}

impl FoundLab {
    /// Whether it is what is left of a lab.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.condition, Condition::Dead { .. })
    }

    /// Whether a process works on it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.condition, Condition::Held { .. })
    }

    /// Filters that nobody reads and that do not count on for somebody, on a lab that may stay.
    #[must_use]
    pub fn has_orphaned_filters(&self) -> bool {
        self.condition == Condition::Standing && !self.filters.is_empty() && self.pins.is_empty()
    }

    /// Takes the lab for this process, as it was found.
    ///
    /// # Errors
    ///
    /// When somebody holds it by now, or built or changed it since.
    pub fn claim(&self) -> Result<Claim, TopologyError> {
        let claim = Claim::take(&self.lab)?;
        let unchanged =
            State::load(&self.lab) == self.state && temporary::is_temporary(&self.lab) == self.temporary;
        if unchanged { Ok(claim) } else { Err(TopologyError::Changed(self.lab.clone())) }
    }
}

impl Leftovers {
    /// Whether there is nothing to clean up, as far as could be seen.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.netns_directory && !self.labs.iter().any(|lab| lab.is_dead() || lab.has_orphaned_filters())
    }
}
