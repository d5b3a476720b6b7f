//! The graph to draw: namespaces and the links between them, from a lab file or a running lab.

use std::collections::HashSet;

use ipnet::IpNet;
use netmon_model::{
    lab::{self, Lab},
    names::{EndName, IfName, LabName, LinkName, NsName},
    snapshot::NamespaceContents,
};
use serde::Serialize;

use crate::api::{self, Amounts, Links};

/// A lab as namespaces and links.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Graph {
    /// The lab's name. `None` if the agent runs no lab.
    pub(crate) lab: Option<LabName>,
    /// Whether an agent reported it, so that there are numbers.
    pub(crate) is_running: bool,
    /// `root` comes first, if the lab uses it.
    pub(crate) namespaces: Vec<Namespace>,
    /// In the lab's order.
    pub(crate) links: Vec<Link>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Namespace {
    pub(crate) name: NsName,
    /// Its bridges, each with its addresses.
    pub(crate) bridges: Vec<String>,
    /// The services that run in it.
    pub(crate) services: Vec<String>,
}

impl Namespace {
    fn with_contents(name: &NsName, contents: &[NamespaceContents]) -> Self {
        let contents = contents.iter().find(|one| one.namespace == *name);
        Self {
            name: name.clone(),
            bridges: contents.map(|one| one.bridges.clone()).unwrap_or_default(),
            services: contents.map(|one| one.services.clone()).unwrap_or_default(),
        }
    }

    /// Returns the lines of its box.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &str> {
        self.bridges.iter().chain(&self.services).map(String::as_str)
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Link {
    pub(crate) name: LinkName,
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) a_to_b: Option<Traffic>,
    pub(crate) b_to_a: Option<Traffic>,
    /// The impairments of packets from a to b, and from b to a.
    pub(crate) impaired: [Amounts; 2],
}

/// An end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct End {
    pub(crate) namespace: NsName,
    pub(crate) interface: EndName,
    pub(crate) addresses: Vec<IpNet>,
    /// The bridge that it is a port of.
    pub(crate) bridge: Option<IfName>,
    /// Whether the interface is up. `None` if the graph was made from a file.
    pub(crate) up: Option<bool>,
}

/// The traffic of a link in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Traffic {
    /// Packets since the agent began.
    pub(crate) packets: u64,
    pub(crate) packets_per_second: Option<f64>,
    pub(crate) bytes_per_second: Option<f64>,
    /// The median one-way latency: over the last seconds, or since the agent began if no packet arrived lately.
    pub(crate) latency_p50_ns: Option<u64>,
    /// Lost segments since the agent began.
    pub(crate) lost_segments: Option<u64>,
}

impl Graph {
    /// Creates the graph of a lab file.
    pub(crate) fn from_lab(lab: &Lab) -> Self {
        let links: Vec<_> = lab.links.iter().map(Link::from).collect();
        let names = lab.namespaces.iter().map(|namespace| &namespace.name);
        let served = lab.services.iter().map(|service| &service.namespace);
        let bridged = lab.bridges.iter().map(|bridge| &bridge.namespace);
        let all = names.chain(ends(&links).map(|end| &end.namespace)).chain(served).chain(bridged);
        let contents = NamespaceContents::of_lab(lab);
        let namespaces = distinct(all, |name| Namespace::with_contents(name, &contents));
        Self { lab: Some(lab.name.clone()), is_running: false, namespaces, links }
    }

    /// Creates the graph of a running lab. A link is left out while only one of its ends is known.
    pub(crate) fn from_links(reported: &Links) -> Self {
        let contents = reported.lab.as_ref().map(|lab| lab.namespaces.as_slice()).unwrap_or_default();
        let mut links: Vec<_> = reported.links.iter().filter_map(Link::measured).collect();
        for end in links.iter_mut().flat_map(|link| [&mut link.a, &mut link.b]) {
            let mut ports =
                contents.iter().filter(|one| one.namespace == end.namespace).flat_map(|one| &one.ports);
            end.bridge = ports.find(|(port, _)| end.interface == *port).map(|(_, bridge)| bridge.clone());
        }
        let names = ends(&links).map(|end| &end.namespace).chain(contents.iter().map(|one| &one.namespace));
        let namespaces = distinct(names, |name| Namespace::with_contents(name, contents));
        Self { lab: reported.lab.as_ref().map(|lab| lab.name.clone()), is_running: true, namespaces, links }
    }

    /// Returns the name of the lab, or `links` without a lab.
    pub(crate) fn title(&self) -> &str {
        self.lab.as_ref().map_or("links", LabName::as_str)
    }

    /// Returns the index of a namespace in the list.
    pub(crate) fn index_of(&self, name: &NsName) -> usize {
        self.namespaces.iter().position(|namespace| namespace.name == *name).unwrap_or_default()
    }
}

fn ends(links: &[Link]) -> impl Iterator<Item = &End> {
    links.iter().flat_map(|link| [&link.a, &link.b])
}

/// Returns each namespace once, root first.
fn distinct<'n>(
    names: impl Iterator<Item = &'n NsName>,
    contents: impl Fn(&NsName) -> Namespace,
) -> Vec<Namespace> {
    let mut seen = HashSet::new();
    let mut distinct: Vec<_> = names.filter(|name| seen.insert(*name)).collect();
    distinct.sort_by_key(|name| !name.is_root());
    distinct.into_iter().map(contents).collect()
}

impl From<&lab::Link> for Link {
    fn from(link: &lab::Link) -> Self {
        let end = |end: &lab::End| End {
            namespace: end.namespace.clone(),
            interface: end.interface.clone().into(),
            addresses: end.addresses.clone(),
            bridge: end.bridge.clone(),
            up: None,
        };
        let impaired = [link.a.impairment, link.b.impairment].map(Amounts::from);
        Self {
            name: link.name.clone(),
            a: end(&link.a),
            b: end(&link.b),
            a_to_b: None,
            b_to_a: None,
            impaired,
        }
    }
}

impl Link {
    /// Creates a link from an agent's report. Returns `None` while only one end is known.
    fn measured(link: &api::Link) -> Option<Self> {
        let end = |end: &api::Endpoint| End {
            namespace: end.namespace.clone(),
            interface: end.interface.clone(),
            addresses: end.addresses.clone(),
            bridge: None,
            up: Some(end.up),
        };
        let (b, from_a, from_b) = (link.b.as_ref()?, link.a_to_b.as_ref()?, link.b_to_a.as_ref()?);
        let declared = |of: &api::LinkDirection| of.impairment.map(|of| of.declared).unwrap_or_default();
        Some(Self {
            name: link.name.clone(),
            a: end(&link.a),
            b: end(b),
            a_to_b: Some(Traffic::new(from_a, &link.a.egress)),
            b_to_a: Some(Traffic::new(from_b, &b.egress)),
            impaired: [declared(from_a), declared(from_b)],
        })
    }
}

impl Traffic {
    fn new(direction: &api::LinkDirection, sent: &api::Hook) -> Self {
        let median = |summary: &Option<api::Summary>| summary.as_ref().and_then(|summary| summary.p50_ns);
        Self {
            packets: sent.packets,
            packets_per_second: sent.packets_per_second,
            bytes_per_second: sent.bytes_per_second,
            latency_p50_ns: median(&direction.recent_latency).or(median(&direction.latency)),
            lost_segments: direction.lost_segments,
        }
    }
}
