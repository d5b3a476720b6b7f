//! The throw-away lab: two namespaces, three links, under names that carry this process' number.

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

/// How the names of all such labs begin.
const PREFIX: &str = "netmon-selftest-";

/// The links, in the order of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// No address, no IPv6: nothing passes but frames made by hand.
    Silent = 0,
    /// Addresses of both families: sockets talk over it.
    Talk = 1,
    /// IPv4 behind a queue.
    Queue = 2,
}

impl Line {
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

/// Whether this kernel has IPv6 at all.
pub(super) fn has_ipv6() -> bool {
    std::path::Path::new("/proc/sys/net/ipv6").exists()
}

/// The lab's description.
fn describe(name: &LabName) -> Result<Lab, InvalidName> {
    let [a, b] = ["a", "b"].map(|side| format!("{name}-{side}"));
    let namespace = |name: &str| -> Result<Namespace, InvalidName> {
        let mut sysctls = BTreeMap::new();
        for silent in ["silent", "queue"].into_iter().filter(|_| has_ipv6()) {
            sysctls.insert(format!("net.ipv6.conf.{silent}.disable_ipv6"), "1".to_owned());
        }
        Ok(Namespace { name: name.parse()?, nameservers: None, routes: Vec::new(), sysctls })
    };
    let end = |namespace: &str, (line, interface): (Line, &str), side| -> Result<End, InvalidName> {
        let addresses = line.addresses(side, has_ipv6());
        Ok(End {
            namespace: namespace.parse()?,
            interface: interface.parse()?,
            bridge: None,
            mac: None,
            impairment: Impairment::default(),
            // Written above, so they are addresses.
            addresses: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        })
    };
    let mut links = Vec::new();
    for line in Line::ALL {
        let (a, b) = (end(&a, line, 1)?, end(&b, line, 2)?);
        let name = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
        links.push(Link { name, a, b, mtu: None });
    }
    Ok(Lab {
        name: name.clone(),
        source: Source::BuiltIn,
        directory: None,
        namespaces: vec![namespace(&a)?, namespace(&b)?],
        bridges: Vec::new(),
        links,
        services: Vec::new(),
        expectations: Vec::new(),
        probes: Vec::new(),
    })
}

/// The lab, which goes when this does.
pub(super) struct ThrowAway(Option<Claim>);

impl ThrowAway {
    /// Builds it, with programs on its hooks before anything passes.
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

    /// Takes it away. No endpoint may be held any more.
    pub(super) fn take_down(&mut self) -> Vec<String> {
        self.0.take().map(|claim| remove(&claim)).unwrap_or_default()
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        for error in self.take_down() {
            log::warn!("{error}");
        }
    }
}

fn remove(claim: &Claim) -> Vec<String> {
    topology::down(claim, |_, _| Vec::new(), &Silent).errors
}

/// Removes what a selftest left that was killed. One that runs holds its lab.
pub(super) fn clean_up_after_others() {
    for lab in state::labs().into_iter().filter(is_throw_away) {
        let Ok(claim) = Claim::take(&lab) else { continue };
        log::info!("removing lab {lab}, which a selftest left that was killed");
        for error in remove(&claim) {
            log::warn!("{error}");
        }
    }
}

/// Ours by its name, and noted as one that does not stay.
fn is_throw_away(lab: &LabName) -> bool {
    let pid = lab.as_str().strip_prefix(PREFIX);
    pid.is_some_and(|pid| pid.parse::<u32>().is_ok()) && temporary::is_temporary(lab)
}

/// Attaches the meter, and keeps the endpoints for the traffic.
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
