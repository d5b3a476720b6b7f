//! The temporary lab: two namespaces and three links, with this process's id in their names.

use std::collections::BTreeMap;

use netmon_model::{
    impairment::Impairment,
    lab::{End, Lab, Link, Namespace, Source},
    names::{InvalidName, LabName, LinkName},
    progress::Silent,
};

use super::SelftestError;
use crate::{
    ownership::{Claim, state, temporary},
    topology::{self, AttachObserver, BoxError, Endpoint},
    watch::Meter,
};

/// The prefix of the names of all these labs.
const PREFIX: &str = "netmon-selftest-";

/// The links, in the order of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TestLink {
    /// No address and no IPv6: only frames made by hand pass.
    Silent = 0,
    /// Addresses of both families, for sockets.
    Talk = 1,
    /// IPv4 behind a queue.
    Queue = 2,
}

impl TestLink {
    const ALL: [(Self, &str); 3] = [(Self::Silent, "silent"), (Self::Talk, "talk"), (Self::Queue, "queue")];

    fn addresses(self, side: u8, has_ipv6: bool) -> Vec<String> {
        match self {
            Self::Silent => Vec::new(),
            Self::Talk if has_ipv6 => vec![format!("10.98.1.{side}/24"), format!("fd98:1::{side}/64")],
            Self::Talk => vec![format!("10.98.1.{side}/24")],
            Self::Queue => vec![format!("10.98.2.{side}/24")],
        }
    }
}

/// Returns whether this kernel has IPv6.
pub(super) fn has_ipv6() -> bool {
    std::path::Path::new("/proc/sys/net/ipv6").exists()
}

/// Describes the lab, as a lab file would.
fn describe(name: &LabName) -> Result<Lab, InvalidName> {
    let [a, b] = ["a", "b"].map(|side| format!("{name}-{side}"));
    let namespace = |name: &str| -> Result<Namespace, InvalidName> {
        let mut sysctls = BTreeMap::new();
        for silent in ["silent", "queue"].into_iter().filter(|_| has_ipv6()) {
            sysctls.insert(format!("net.ipv6.conf.{silent}.disable_ipv6"), "1".to_owned());
        }
        Ok(Namespace { name: name.parse()?, nameservers: None, routes: Vec::new(), sysctls })
    };
    let end = |namespace: &str, (link, interface): (TestLink, &str), side| -> Result<End, InvalidName> {
        let addresses = link.addresses(side, has_ipv6());
        Ok(End {
            namespace: namespace.parse()?,
            interface: interface.parse()?,
            bridge: None,
            mac: None,
            impairment: Impairment::default(),
            // The texts above are valid addresses.
            addresses: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        })
    };
    let mut links = Vec::new();
    for link in TestLink::ALL {
        let (a, b) = (end(&a, link, 1)?, end(&b, link, 2)?);
        let name = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
        links.push(Link { name, a, b, mtu: None });
    }
    Ok(Lab {
        name: name.clone(),
        source: Source::BuiltIn,
        directory: None,
        namespaces: vec![namespace(&a)?, namespace(&b)?],
        containers: Vec::new(),
        bridges: Vec::new(),
        foreign_bridges: Vec::new(),
        links,
        services: Vec::new(),
        expectations: Vec::new(),
        probes: Vec::new(),
    })
}

/// The lab, which is removed when this is dropped.
pub(super) struct TemporaryLab(Option<Claim>);

impl TemporaryLab {
    /// Builds the lab, and attaches programs to its hooks before any packet passes.
    pub(super) fn build(meter: &mut Meter) -> Result<(Self, Vec<Endpoint>), SelftestError> {
        let name: LabName = format!("{PREFIX}{}", std::process::id()).parse()?;
        let lab = describe(&name)?;
        let claim = Claim::take(&name)?;
        temporary::make_temporary(&name)?;
        let this = Self(Some(claim));
        let mut observer = Observer { meter, endpoints: Vec::new() };
        if let Some(claim) = &this.0 {
            topology::up(&lab, claim, &mut observer, &Silent)?;
        }
        Ok((this, observer.endpoints))
    }

    /// Removes the lab. The caller must have dropped all endpoints, which keep its namespaces alive.
    pub(super) fn remove(&mut self) -> Vec<String> {
        self.0.take().map(|claim| remove_lab(&claim)).unwrap_or_default()
    }
}

impl Drop for TemporaryLab {
    fn drop(&mut self) {
        for error in self.remove() {
            log::warn!("{error}");
        }
    }
}

fn remove_lab(claim: &Claim) -> Vec<String> {
    topology::down(claim, |_, _| Vec::new(), &Silent).errors
}

/// Removes the labs of killed selftests. A running selftest holds the claim on its lab.
pub(super) fn remove_leftovers() {
    for lab in state::labs().into_iter().filter(is_of_selftest) {
        let Ok(claim) = Claim::take(&lab) else { continue };
        log::info!("removing lab {lab}, left behind by a killed selftest");
        for error in remove_lab(&claim) {
            log::warn!("{error}");
        }
    }
}

/// Returns whether the lab has a selftest's name and the marker of a temporary lab.
fn is_of_selftest(lab: &LabName) -> bool {
    let pid = lab.as_str().strip_prefix(PREFIX);
    pid.is_some_and(|pid| pid.parse::<u32>().is_ok()) && temporary::is_temporary(lab)
}

/// Attaches the meter, and collects the endpoints for the traffic.
struct Observer<'a> {
    meter: &'a mut Meter,
    endpoints: Vec<Endpoint>,
}

impl AttachObserver for Observer<'_> {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        self.meter.attach(endpoints)?;
        self.endpoints = endpoints.to_vec();
        Ok(())
    }
}
