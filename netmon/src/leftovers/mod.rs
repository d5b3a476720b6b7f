//! Finds what labs have left on this host, by netmon's marks, for `netmon clean` and `netmon doctor`.
//!
//! [`scan`] only reads. It finds labs that a process holds, complete labs that were built to stay, and the remains of
//! others. Each lab is removed as usual ([`crate::topology::down`]), under a claim: [`FoundLab::claim`] fails if the lab
//! has changed since it was found.

mod cleaning;
#[cfg(test)]
pub(crate) mod example;
mod filters;
mod scan;
mod verdict;

use std::path::PathBuf;

use netmon_kernel::pins::LabPins;
use netmon_model::names::{LabName, NsName, Place};
use serde::Serialize;

pub use self::{
    cleaning::{Cleaned, Selection},
    filters::FoundFilter,
    scan::scan,
};
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
    /// The labs, sorted by name.
    pub labs: Vec<FoundLab>,
    /// Whether netmon created /run/netns, or made it a mount point, and no lab uses it.
    pub netns_directory: bool,
    /// What could not be read, and why. There may be more leftovers there.
    pub unreadable: Vec<String>,
}

/// Everything that was found of one lab.
#[derive(Clone, Debug, Serialize)]
pub struct FoundLab {
    /// The lab.
    pub lab: LabName,
    /// Whether it is in use, complete or dead.
    #[serde(flatten)]
    pub condition: Condition,
    /// Its namespaces, including names without a namespace.
    pub namespaces: Vec<NsName>,
    /// Its interfaces in root and in foreign namespaces. Those in its own namespaces are removed with these.
    pub interfaces: Vec<Place>,
    /// netmon's filters on its interfaces.
    pub filters: Vec<FoundFilter>,
    /// Its pinned eBPF maps and links, which count without an agent.
    pub pins: Vec<LabPins>,
    /// Its files under /etc/netns.
    pub files: Vec<PathBuf>,
    /// The cgroups of its services.
    pub cgroups: Vec<PathBuf>,
    /// Its folder under /run/netmon.
    pub folder: Option<PathBuf>,
    /// Its recorded state.
    #[serde(skip)]
    state: Option<State>,
    /// Whether it was built to be removed with its agent.
    #[serde(skip)]
    temporary: bool,
}

/// Whether a lab is in use, complete or dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "condition", rename_all = "lowercase")]
pub enum Condition {
    /// A process holds it.
    Held {
        /// The process.
        holder: Holder,
    },
    /// It was built to stay, and is complete.
    Standing,
    /// It is incomplete, or was to be removed with an agent that has ended.
    Dead {
        /// How this is known.
        reason: String,
    },
}

impl FoundLab {
    /// Returns whether it is what is left of a lab.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.condition, Condition::Dead { .. })
    }

    /// Returns whether a process holds it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.condition, Condition::Held { .. })
    }

    /// Returns whether a complete lab has filters whose counters no process reads, and no later agent will.
    #[must_use]
    pub fn has_orphaned_filters(&self) -> bool {
        self.condition == Condition::Standing && !self.filters.is_empty() && self.pins.is_empty()
    }

    /// Claims the lab for this process.
    ///
    /// # Errors
    ///
    /// Fails if another process holds it, or if it has changed since it was found.
    pub fn claim(&self) -> Result<Claim, TopologyError> {
        let claim = Claim::take(&self.lab)?;
        let unchanged =
            State::load(&self.lab) == self.state && temporary::is_temporary(&self.lab) == self.temporary;
        if unchanged { Ok(claim) } else { Err(TopologyError::Changed(self.lab.clone())) }
    }
}

impl Leftovers {
    /// Returns whether there is nothing to clean up, as far as could be read.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.netns_directory && !self.labs.iter().any(|lab| lab.is_dead() || lab.has_orphaned_filters())
    }
}
