//! What networks there are on the host that netmon did not make: namespaces, what joins them, and what they are called.
//!
//! [`survey`] reads it once, and [`Discovery`] follows it. Nothing is held inside a namespace: no descriptor, socket or thread,
//! so that a container ends as it would without netmon. Namespaces are listed from an observer
//! ([`netmon_kernel::netlink::observer`]), which enters none of them.
//!
//! I/O and decisions are apart. [`census`] reads what keeps namespaces alive, [`walk`] their interfaces, [`catalog`] what runtimes
//! say. [`join`], [`naming`], [`assemble`] and [`changes`] are pure.

mod assemble;
mod catalog;
mod census;
mod changes;
mod container;
mod daemon;
mod fading;
mod follow;
mod join;
mod moving;
mod naming;
mod pending;
mod selection;
mod settle;
mod walk;

use std::{collections::BTreeSet, io, time::Instant};

use netmon_kernel::netlink::{
    NetlinkError,
    observer::{self, Nsid, Questions},
};
use netmon_model::survey::Survey;
use thiserror::Error;

use self::{
    assemble::{Readings, assemble},
    census::Census,
    daemon::Daemons,
    fading::Fading,
    naming::Catalog,
    walk::{Table, walk},
};
pub use self::{
    container::{ContainerError, Containers},
    follow::Discovery,
    selection::{DEFAULT_LIMIT, DeviceKind, Filter, InvalidFilter, InvalidKind, PHYSICAL, Selection},
};

/// Discovery failed.
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// The observer cannot be made, or cannot ask.
    #[error("cannot observe the namespaces of this host")]
    Observer(#[from] NetlinkError),
    /// Events can no longer be read.
    #[error("cannot read what happens in the namespaces of this host")]
    Events(#[source] io::Error),
}

/// Reads what there is on the host now.
///
/// # Errors
///
/// Fails without `CAP_SYS_ADMIN` or `CAP_NET_ADMIN`. A namespace that cannot be read is no error, and is said in the survey.
///
/// # Examples
///
/// ```no_run
/// use netmon::discover::{Selection, survey};
///
/// for link in survey(&Selection::default())?.links {
///     println!("{}: {} to {}", link.name, link.a.netns, link.b.netns);
/// }
/// # Ok::<(), netmon::discover::DiscoverError>(())
/// ```
pub fn survey(selection: &Selection) -> Result<Survey, DiscoverError> {
    let mut host = HostState::new(observer::open()?);
    host.read_everything();
    Ok(host.survey(selection))
}

/// What was read of the host.
struct HostState {
    questions: Questions,
    table: Table,
    census: Census,
    catalog: Catalog,
    fading: Fading,
    daemons: Daemons,
    remarks: Vec<String>,
    /// Namespaces without a known keeper, for which every descriptor of the host was read already.
    searched: BTreeSet<Nsid>,
}

impl HostState {
    fn new(questions: Questions) -> Self {
        Self {
            questions,
            table: Table::new(),
            census: Census::default(),
            catalog: Catalog::default(),
            fading: Fading::default(),
            daemons: Daemons::default(),
            remarks: Vec::new(),
            searched: BTreeSet::new(),
        }
    }

    /// Reads everything again.
    fn read_everything(&mut self) {
        self.take_census();
        self.table.clear();
        self.searched.clear();
        let starts: Vec<Nsid> = self.census.keepers.keys().copied().collect();
        walk(&mut self.questions, starts, &mut self.table);
        self.find_holders();
        self.read_catalog();
    }

    /// Reads again what keeps the namespaces. Namespaces that it meets for the first time are listed.
    fn read_census(&mut self) {
        let known = self.census.keepers.iter();
        let holders = known.filter(|(_, keeper)| keeper.evidence.holder.is_some());
        let holders: Vec<_> = holders.map(|(nsid, keeper)| (*nsid, keeper.clone())).collect();
        self.take_census();
        for (nsid, keeper) in holders {
            self.census.keepers.entry(nsid).or_insert(keeper);
        }
        let new: Vec<Nsid> =
            self.census.keepers.keys().filter(|nsid| !self.table.contains_key(nsid)).copied().collect();
        walk(&mut self.questions, new, &mut self.table);
        self.find_holders();
        self.read_catalog();
    }

    fn take_census(&mut self) {
        let before = std::mem::take(&mut self.census.keepers);
        self.census = census::take(&mut self.questions);
        self.fading.keep_evidence(before, &mut self.census.keepers, Instant::now());
    }

    /// Searches once for the holder of each namespace that no process is in and no file keeps.
    fn find_holders(&mut self) {
        let lost: BTreeSet<Nsid> =
            self.without_keeper().filter(|nsid| !self.searched.contains(nsid)).collect();
        if !lost.is_empty() {
            census::find_holders(&mut self.questions, &lost, &mut self.census);
            self.searched.extend(lost);
        }
    }

    /// Returns the namespaces of the table that the census has not met.
    fn without_keeper(&self) -> impl Iterator<Item = Nsid> {
        self.table.keys().filter(|nsid| !self.census.keepers.contains_key(nsid)).copied()
    }

    /// Returns whether a namespace has not been met by a census, nor searched for.
    fn has_strangers(&self) -> bool {
        self.without_keeper().any(|nsid| !self.searched.contains(&nsid))
    }

    fn read_catalog(&mut self) {
        let before = std::mem::take(&mut self.catalog);
        (self.catalog, self.remarks) = catalog::gather(&self.census, &mut self.daemons);
        self.fading.keep_facts(&self.census.keepers, &before, &mut self.catalog);
    }

    /// Removes a namespace that has ended.
    fn forget(&mut self, nsid: Nsid) {
        self.table.remove(&nsid);
        self.census.keepers.remove(&nsid);
        self.searched.remove(&nsid);
        self.fading.forget(nsid);
    }

    fn survey(&self, selection: &Selection) -> Survey {
        let readings = Readings { table: &self.table, census: &self.census, catalog: &self.catalog };
        let mut survey = assemble(readings, selection);
        survey.remarks.extend(self.remarks.iter().cloned());
        survey
    }
}
