//! Makes a survey of what was read: namespaces with unique names, links, ends without a peer. Pure.

use std::collections::{BTreeMap, BTreeSet};

use netmon_kernel::netlink::observer::{Nsid, ObservedInterface};
use netmon_model::{
    names::{IfIndex, LabName, LinkName, NsName},
    survey::{
        End, LeftOut, Link, LoneEnd, LoneReason, MAX_LEFT_OUT, Namespace, PairKind, SkipReason, Survey,
        VERSION,
    },
};

use super::{
    census::{Census, Keeper},
    join::{At, Joined, join},
    naming::{Candidate, Catalog, Named, choose, unique},
    selection::{PHYSICAL, Selection},
    walk::{Listing, Table},
};
use crate::ownership::mark::Mark;

/// Everything that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readings<'r> {
    /// The interfaces.
    pub(super) table: &'r Table,
    /// What keeps the namespaces.
    pub(super) census: &'r Census,
    /// What is known of containers.
    pub(super) catalog: &'r Catalog,
}

/// Makes the survey.
pub(super) fn assemble(readings: Readings<'_>, selection: &Selection) -> Survey {
    let host = Host { table: readings.table, namespaces: namespaces(readings) };
    let mut survey = Survey { version: VERSION, ..Survey::default() };
    let Joined { pairs, lone } = join(readings.table, |kind| selection.wants_kind(kind));
    let mut links: Vec<Link> = pairs.into_iter().filter_map(|(kind, ends)| host.link(kind, ends)).collect();
    links.sort_by(|one, other| one.name.cmp(&other.name));
    let mut budget = Budget::new(selection);
    survey.links = links
        .into_iter()
        .filter(|link| budget.admits(&[&link.a, &link.b], link.kind.as_str(), &host, selection))
        .collect();
    let lone = lone.into_iter().filter_map(|(at, reason)| host.lone(at, reason));
    survey.lone_ends =
        lone.filter(|lone| budget.admits(&[&lone.end], &lone.kind, &host, selection)).collect();
    survey.lone_ends.sort_by(|one, other| {
        (&one.end.netns, &one.end.interface).cmp(&(&other.end.netns, &other.end.interface))
    });
    (survey.skipped, survey.left_out) = (budget.skipped, budget.left_out);
    survey.namespaces = host.wanted(&survey, selection);
    survey.remarks = remarks(readings.census);
    survey
}

fn remarks(census: &Census) -> Vec<String> {
    let unreadable = census.unreadable;
    let remark = format!(
        "{unreadable} namespaces cannot be opened, and have no cookie here (CAP_SYS_PTRACE): their links are listed"
    );
    (unreadable > 0).then_some(remark).into_iter().collect()
}

/// How many endpoints are still admitted, and which were not.
struct Budget {
    left: usize,
    skipped: BTreeMap<SkipReason, usize>,
    left_out: Vec<LeftOut>,
}

impl Budget {
    fn new(selection: &Selection) -> Self {
        Self { left: selection.limit as usize, skipped: BTreeMap::new(), left_out: Vec::new() }
    }

    /// Returns whether these ends, which belong together, are in the survey.
    fn admits(&mut self, ends: &[&End], kind: &str, host: &Host<'_>, selection: &Selection) -> bool {
        let is_wanted = selection.wants(|| host.with_netns(ends));
        let reason = match (is_wanted, self.left.checked_sub(ends.len())) {
            (true, Some(left)) => {
                self.left = left;
                return true;
            }
            (true, None) => SkipReason::Limit,
            (false, _) => SkipReason::Selection,
        };
        *self.skipped.entry(reason).or_default() += ends.len();
        let room = MAX_LEFT_OUT.saturating_sub(self.left_out.len());
        self.left_out.extend(ends.iter().take(room).map(|end| LeftOut {
            netns: end.netns.clone(),
            interface: end.interface.clone(),
            kind: kind.to_owned(),
            reason,
        }));
        false
    }
}

/// The interfaces, with the namespaces that they are in.
struct Host<'t> {
    table: &'t Table,
    namespaces: BTreeMap<Nsid, Namespace>,
}

/// Names every namespace of the table.
fn namespaces(readings: Readings<'_>) -> BTreeMap<Nsid, Namespace> {
    let nothing = Keeper::default();
    let keepers: Vec<(Nsid, &Keeper)> = readings
        .table
        .keys()
        .map(|nsid| (*nsid, readings.census.keepers.get(nsid).unwrap_or(&nothing)))
        .collect();
    let named: Vec<Named> = keepers.iter().map(|(_, one)| choose(&one.evidence, readings.catalog)).collect();
    let candidates: Vec<Candidate> =
        keepers.iter().zip(&named).map(|((nsid, keeper), named)| candidate(*nsid, keeper, named)).collect();
    let unique = unique(&candidates);
    keepers
        .into_iter()
        .zip(named.into_iter().zip(unique))
        .map(|((nsid, keeper), (named, name))| (nsid, namespace(&readings.table[&nsid], keeper, named, name)))
        .collect()
}

fn candidate(nsid: Nsid, keeper: &Keeper, named: &Named) -> Candidate {
    let identity = keeper.evidence.cookie.map_or_else(|| format!("n{nsid}"), |cookie| cookie.0.to_string());
    Candidate { name: named.name.clone(), runtime: named.runtime, identity, is_root: keeper.evidence.is_root }
}

fn namespace(listing: &Listing, keeper: &Keeper, named: Named, name: NsName) -> Namespace {
    let (interfaces, denied) = match listing {
        Listing::Interfaces(interfaces) => (Some(interfaces.len()), None),
        Listing::Unreadable(why) => (None, Some(why.clone())),
    };
    Namespace {
        name,
        named_by: named.named_by,
        cookie: keeper.evidence.cookie,
        runtime: named.runtime,
        container: named.container,
        pod: named.pod,
        members: named.members,
        processes: keeper.processes,
        files: keeper.files.clone(),
        interfaces,
        owner_uid: keeper.owner_uid,
        remark: denied.or(named.remark),
    }
}

impl Host<'_> {
    fn interface(&self, at: At) -> Option<&ObservedInterface> {
        let all = self.table.get(&at.nsid)?.interfaces();
        all.iter().find(|interface| interface.ifindex == at.ifindex)
    }

    fn end(&self, at: At) -> Option<End> {
        let (netns, interface) = (self.namespaces.get(&at.nsid)?, self.interface(at)?);
        let name_of = |ifindex: IfIndex| Some(self.interface(At { ifindex, ..at })?.name.clone());
        Some(End {
            netns: netns.name.clone(),
            cookie: netns.cookie,
            interface: interface.name.clone(),
            ifindex: interface.ifindex,
            mac: interface.mac,
            is_up: interface.is_up,
            bridge: interface.controller.and_then(name_of),
        })
    }

    fn lab(&self, at: At) -> Option<LabName> {
        Mark::lab_in(self.interface(at)?.alias.as_deref()?)
    }

    /// Makes a link of a pair. End `a` is the one in root, or the first by name.
    fn link(&self, kind: PairKind, ends: [At; 2]) -> Option<Link> {
        let lab = ends.iter().find_map(|at| self.lab(*at));
        let (one, other) = (self.end(ends[0])?, self.end(ends[1])?);
        let key = |end: &End| (!end.netns.is_root(), end.netns.clone(), end.interface.clone());
        let (a, b) = if key(&one) <= key(&other) { (one, other) } else { (other, one) };
        Some(Link { name: link_name(&a, &b)?, kind, lab, a, b })
    }

    fn lone(&self, at: At, reason: LoneReason) -> Option<LoneEnd> {
        let kind = self.interface(at)?.kind.clone().unwrap_or_else(|| PHYSICAL.to_owned());
        Some(LoneEnd { end: self.end(at)?, kind, reason })
    }

    fn with_netns<'h>(&'h self, ends: &[&'h End]) -> Vec<(&'h Namespace, &'h End)> {
        let of = |end: &End| self.namespaces.values().find(|netns| netns.name == end.netns);
        ends.iter().filter_map(|end| Some((of(end)?, *end))).collect()
    }

    /// Returns the namespaces of what is left of the survey, and those that are wanted by themselves: root, then by name.
    fn wanted(&self, survey: &Survey, selection: &Selection) -> Vec<Namespace> {
        let ends =
            survey.links.iter().flat_map(Link::ends).chain(survey.lone_ends.iter().map(|lone| &lone.end));
        let used: BTreeSet<&NsName> = ends.map(|end| &end.netns).collect();
        let wanted = |netns: &&Namespace| used.contains(&netns.name) || selection.wants_namespace(netns);
        let mut namespaces: Vec<Namespace> = self.namespaces.values().filter(wanted).cloned().collect();
        namespaces.sort_by(|one, other| {
            (!one.name.is_root(), &one.name).cmp(&(!other.name.is_root(), &other.name))
        });
        namespaces
    }
}

/// A link with an end in root is called after the other one: the name of root's end is drawn by the runtime.
fn link_name(a: &End, b: &End) -> Option<LinkName> {
    let name = |end: &End| format!("{}:{}", end.netns, end.interface);
    let text =
        if a.netns.is_root() && !b.netns.is_root() { name(b) } else { format!("{}--{}", name(a), name(b)) };
    // The kernel refuses names of interfaces with white space, but the text of another kernel may be anything.
    text.replace(|c: char| c.is_whitespace() || c.is_control(), "_").parse().ok()
}

#[cfg(test)]
mod tests;
