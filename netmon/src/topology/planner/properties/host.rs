//! A host in memory, with as much of Linux as plans depend on: what a step takes along, and what the kernel refuses.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use netmon_kernel::netlink::{loss_filter::LossFilter, route};
use netmon_model::{
    impairment::Queue,
    lab::{Lab, Route},
    mac::Mac,
    names::{IfIndex, IfName, NsName, Place},
};

use crate::{
    ownership::mark::Owner,
    topology::{
        actual::{Actual, ActualAddress, ActualInterface, ActualNamespace, Contents},
        installed_impairment::InstalledImpairment,
        resolv::ResolvConf,
        step::Step,
        sysctl,
    },
};

/// Below this MTU, an interface has no IPv6 (`IPV6_MIN_MTU`).
const IPV6_MIN_MTU: u32 = 1280;

/// Namespaces with what is in them. All of it is one lab's, except namespaces in `foreign`.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) namespaces: BTreeMap<NsName, Namespace>,
    /// Namespaces that are not the lab's, where its interfaces may be moved to.
    pub(super) foreign: BTreeSet<NsName>,
    /// Names without a namespace, as a killed process leaves them.
    pub(super) remnants: BTreeSet<NsName>,
    pub(super) interfaces: BTreeMap<Place, Interface>,
    pub(super) files: BTreeMap<NsName, Vec<std::net::IpAddr>>,
    /// The last index that was given out. Unlike on Linux, an index is unique across namespaces.
    last_index: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Namespace {
    pub(super) routes: Vec<InstalledRoute>,
    /// The routes of the lab that was reached last.
    pub(super) had_routes: Vec<Route>,
    /// Settings of the whole namespace. Each interface has its own.
    pub(super) sysctls: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct InstalledRoute {
    pub(super) route: Route,
    /// Whether a step added it.
    pub(super) is_own: bool,
    device: IfName,
}

#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) index: IfIndex,
    /// The other end. `None` for a bridge.
    pub(super) peer: Option<Place>,
    pub(super) marked: bool,
    pub(super) controller: Option<IfName>,
    pub(super) mac: Mac,
    pub(super) mtu: u32,
    pub(super) up: bool,
    pub(super) addresses: Vec<Address>,
    /// Whether a secondary address becomes primary when its primary goes (`promote_secondaries`).
    promotes: bool,
    pub(super) sysctls: BTreeMap<String, String>,
    pub(super) impairment: InstalledImpairment,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) net: IpNet,
    /// Whether a step added it.
    pub(super) is_own: bool,
    /// An earlier IPv4 address has the same network. The kernel removes this one with it (`__inet_del_ifa`), unless
    /// `promote_secondaries` is set.
    is_secondary: bool,
}

/// Why the kernel refused a step.
pub(super) type Refusal = String;

impl Host {
    /// A host with nothing of the lab.
    pub(super) fn new() -> Self {
        Self {
            namespaces: [(NsName::root(), Namespace::default())].into(),
            foreign: BTreeSet::new(),
            remnants: BTreeSet::new(),
            interfaces: BTreeMap::new(),
            files: BTreeMap::new(),
            last_index: 1,
        }
    }

    /// Reads the host, as [`crate::topology::actual::read`] does.
    pub(super) fn read(&self, lab: &Lab) -> Actual {
        let mut actual = Actual::default();
        for name in &self.foreign {
            actual.namespaces.insert(name.clone(), ActualNamespace::Foreign);
        }
        for name in &self.remnants {
            actual.namespaces.insert(name.clone(), ActualNamespace::Remnant);
        }
        for (name, namespace) in &self.namespaces {
            let mut contents = Contents::default();
            for (place, there) in self.interfaces.iter().filter(|(place, _)| place.namespace == *name) {
                contents.interfaces.insert(place.interface.to_string(), self.seen(place, there));
            }
            if let Some(wanted) = lab.namespaces.iter().find(|wanted| wanted.name == *name) {
                let (own, others): (Vec<_>, Vec<_>) = namespace.routes.iter().partition(|there| there.is_own);
                contents.routes = own.into_iter().map(|there| there.route.clone()).collect();
                contents.other_routes = others.into_iter().map(|there| self.listed(name, there)).collect();
                contents.had_routes.clone_from(&namespace.had_routes);
                let value = |key: &String| Some((key.clone(), self.sysctl(name, key)?));
                contents.sysctls = wanted.sysctls.keys().filter_map(value).collect();
            }
            actual.namespaces.insert(name.clone(), ActualNamespace::Known(contents));
        }
        let strays = self.interfaces.iter().filter(|(place, _)| self.foreign.contains(&place.namespace));
        actual.strays = strays.map(|(place, there)| (place.clone(), there.index)).collect();
        let found = |(name, servers): (&NsName, &Vec<_>)| (name.clone(), ResolvConf::Ours(servers.clone()));
        actual.files = self.files.iter().map(found).collect();
        actual
    }

    fn listed(&self, name: &NsName, there: &InstalledRoute) -> route::InstalledRoute {
        let place = Place { namespace: name.clone(), interface: there.device.clone() };
        let index = self.interfaces.get(&place).map(|device| device.index);
        route::InstalledRoute::example(there.route.to, &[there.route.via], index.as_slice(), false)
    }

    fn seen(&self, place: &Place, there: &Interface) -> ActualInterface {
        let peer = there.peer.as_ref();
        let primaries_first = there
            .addresses
            .iter()
            .filter(|a| !a.is_secondary)
            .chain(there.addresses.iter().filter(|a| a.is_secondary));
        let controller = there.controller.as_ref().and_then(|bridge| {
            let bridge = Place { namespace: place.namespace.clone(), interface: bridge.clone() };
            Some(self.interfaces.get(&bridge)?.index)
        });
        ActualInterface {
            owner: Owner::Ours,
            marked: there.marked,
            index: there.index,
            peer_index: peer.and_then(|peer| Some(self.interfaces.get(peer)?.index)),
            peer_is_here: peer.is_none_or(|peer| peer.namespace == place.namespace),
            is_bridge: peer.is_none(),
            controller,
            mac: Some(there.mac),
            mtu: there.mtu,
            up: there.up,
            addresses: primaries_first
                .map(|there| ActualAddress { net: there.net, owner: Owner::ours_if(there.is_own) })
                .collect(),
            impairment: there.impairment.clone(),
        }
    }

    /// Returns the value of a setting, or `None` if there is no such setting.
    pub(super) fn sysctl(&self, namespace: &NsName, key: &str) -> Option<String> {
        let values = match sysctl::interface_of(key) {
            Some(interface) => {
                let interface = interface.parse().ok()?;
                &self.interfaces.get(&Place { namespace: namespace.clone(), interface })?.sysctls
            }
            None => &self.namespaces.get(namespace)?.sysctls,
        };
        Some(values.get(key).cloned().unwrap_or_else(|| "0".to_owned()))
    }

    /// Carries out a step.
    pub(super) fn apply(&mut self, step: &Step) -> Result<(), Refusal> {
        match step {
            // A step may name the other end of a pair that was just removed.
            Step::RemoveLink(place) | Step::RemoveBridge(place) => self.remove_interface(place),
            Step::RemoveNamespace { namespace } => self.remove_namespace(namespace)?,
            Step::ClearName { namespace } => {
                self.remnants.remove(namespace).then_some(()).ok_or("no such remnant")?;
            }
            Step::RemoveResolvConf { namespace } => {
                self.files.remove(namespace).ok_or("no such file")?;
            }
            Step::CreateNamespace { namespace } => self.create_namespace(namespace)?,
            Step::WriteResolvConf { namespace, nameservers } => {
                self.files.insert(namespace.clone(), nameservers.clone());
            }
            Step::SetSysctl { namespace, key, value } => self.set_sysctl(namespace, key, value)?,
            Step::PromoteSecondaries(place) => self.interface(place)?.promotes = true,
            Step::CreateBridge(place) => self.create_interface(place, None, None)?,
            Step::CreateLink { a, b, mtu, .. } => {
                self.create_interface(a, Some(b), *mtu)?;
                self.create_interface(b, Some(a), *mtu)?;
            }
            Step::Mark(place) => self.interface(place)?.marked = true,
            Step::SetMac { place, mac } => self.interface(place)?.mac = *mac,
            Step::SetMtu { place, mtu } => self.set_mtu(place, *mtu)?,
            Step::SetBridge { place, bridge } => self.set_bridge(place, bridge)?,
            Step::LeaveBridge(place) => self.interface(place)?.controller = None,
            Step::RemoveAddress { place, address } => self.remove_address(place, *address)?,
            Step::AddAddress { place, address } => self.add_address(place, *address, true)?,
            Step::Impair { place, mtu, impairment } => {
                let loss = impairment.loss.map(|loss| LossFilter { ppm: loss.ppm(), made_clsact: true });
                let queue = Queue::for_impairment(impairment, *mtu);
                let has_clsact = loss.is_some();
                self.interface(place)?.impairment =
                    InstalledImpairment { queue, loss, has_clsact, ..InstalledImpairment::default() };
            }
            Step::SetUp(place) => self.interface(place)?.up = true,
            Step::RemoveRoute { namespace, route } => self.remove_route(namespace, route)?,
            Step::AddRoute { namespace, route } => self.add_route(namespace, route)?,
            Step::ReplaceRoute { namespace, route, .. } => {
                let inside = self.namespaces.get_mut(namespace).ok_or("no such namespace")?;
                inside.routes.retain(|there| there.route.to != route.to);
                self.add_route(namespace, route)?;
            }
        }
        Ok(())
    }

    pub(super) fn interface(&mut self, place: &Place) -> Result<&mut Interface, Refusal> {
        self.interfaces.get_mut(place).ok_or_else(|| format!("{place}: no such interface"))
    }

    /// Removes an interface together with its peer and its routes. Its ports are no longer ports.
    pub(super) fn remove_interface(&mut self, place: &Place) {
        let Some(gone) = self.interfaces.remove(place) else { return };
        self.drop_routes(place, |_| true);
        for (_, port) in self.interfaces.iter_mut().filter(|(port, _)| port.namespace == place.namespace) {
            port.controller.take_if(|bridge| *bridge == place.interface);
        }
        if let Some(peer) = gone.peer {
            self.remove_interface(&peer);
        }
    }

    fn create_interface(
        &mut self,
        place: &Place,
        peer: Option<&Place>,
        mtu: Option<u32>,
    ) -> Result<(), Refusal> {
        if !self.namespaces.contains_key(&place.namespace) || self.interfaces.contains_key(place) {
            return Err(format!("{place}: no namespace, or the name is taken"));
        }
        self.last_index += 1;
        let [.., c, d] = self.last_index.to_be_bytes();
        let interface = Interface {
            index: IfIndex(self.last_index),
            peer: peer.cloned(),
            marked: false,
            controller: None,
            mac: Mac([0x0a, 0, 0, 0, c, d]),
            mtu: mtu.unwrap_or(1500),
            up: false,
            addresses: Vec::new(),
            promotes: false,
            sysctls: BTreeMap::new(),
            impairment: InstalledImpairment::default(),
        };
        self.interfaces.insert(place.clone(), interface);
        Ok(())
    }

    fn create_namespace(&mut self, name: &NsName) -> Result<(), Refusal> {
        if self.foreign.contains(name) || self.remnants.contains(name) || self.namespaces.contains_key(name) {
            return Err("the name is taken".to_owned());
        }
        self.namespaces.insert(name.clone(), Namespace::default());
        Ok(())
    }

    fn remove_namespace(&mut self, name: &NsName) -> Result<(), Refusal> {
        let inside: Vec<Place> =
            self.interfaces.keys().filter(|place| place.namespace == *name).cloned().collect();
        inside.iter().for_each(|place| self.remove_interface(place));
        self.namespaces.remove(name).map(drop).ok_or_else(|| "no such namespace".to_owned())
    }

    fn set_sysctl(&mut self, namespace: &NsName, key: &str, value: &str) -> Result<(), Refusal> {
        self.sysctl(namespace, key).ok_or("no such setting")?;
        let values = match sysctl::interface_of(key).and_then(|name| name.parse().ok()) {
            Some(interface) => {
                &mut self.interface(&Place { namespace: namespace.clone(), interface })?.sysctls
            }
            None => &mut self.namespaces.entry(namespace.clone()).or_default().sysctls,
        };
        values.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn set_mtu(&mut self, place: &Place, mtu: u32) -> Result<(), Refusal> {
        let interface = self.interface(place)?;
        interface.mtu = mtu;
        if mtu < IPV6_MIN_MTU {
            interface.addresses.retain(|address| address.net.addr().is_ipv4());
            self.drop_routes(place, |route| route.via.is_ipv6());
        }
        Ok(())
    }

    fn set_bridge(&mut self, place: &Place, bridge: &IfName) -> Result<(), Refusal> {
        let at = Place { namespace: place.namespace.clone(), interface: bridge.clone() };
        if self.interface(&at)?.peer.is_some() {
            return Err(format!("{at} is no bridge"));
        }
        self.interface(place)?.controller = Some(bridge.clone());
        Ok(())
    }

    pub(super) fn add_address(&mut self, place: &Place, net: IpNet, is_own: bool) -> Result<(), Refusal> {
        let interface = self.interface(place)?;
        // Of IPv6, one address cannot have two prefix lengths (`ipv6_add_addr`).
        let is_same = |there: IpNet| there == net || (net.addr().is_ipv6() && there.addr() == net.addr());
        if interface.addresses.iter().any(|there| is_same(there.net)) {
            return Err(format!("{place} has {net} already"));
        }
        if net.addr().is_ipv6() && interface.mtu < IPV6_MIN_MTU {
            return Err(format!("{place} has no IPv6"));
        }
        let is_secondary =
            net.addr().is_ipv4() && interface.addresses.iter().any(|there| there.net.trunc() == net.trunc());
        interface.addresses.push(Address { net, is_own, is_secondary });
        Ok(())
    }

    pub(super) fn remove_address(&mut self, place: &Place, net: IpNet) -> Result<(), Refusal> {
        let interface = self.interface(place)?;
        let at = interface.addresses.iter().position(|there| there.net == net);
        let gone = interface.addresses.remove(at.ok_or_else(|| format!("{place} has no {net}"))?);
        if net.addr().is_ipv4() && !gone.is_secondary {
            let mut others = interface.addresses.iter_mut().filter(|there| there.net.trunc() == net.trunc());
            if interface.promotes {
                others.next().into_iter().for_each(|first| first.is_secondary = false);
            } else {
                interface.addresses.retain(|there| !there.is_secondary || there.net.trunc() != net.trunc());
            }
        }
        // Routes over the interface stay, unless it was the last IPv4 address (`fib_inetaddr_event`).
        if !interface.addresses.iter().any(|there| there.net.addr().is_ipv4()) {
            self.drop_routes(place, |route| route.via.is_ipv4());
        }
        Ok(())
    }

    /// Sets an interface down, which removes its IPv6 addresses and all routes over it.
    pub(super) fn set_down(&mut self, place: &Place) -> Result<(), Refusal> {
        let interface = self.interface(place)?;
        interface.up = false;
        interface.addresses.retain(|there| there.net.addr().is_ipv4());
        self.drop_routes(place, |_| true);
        Ok(())
    }

    fn drop_routes(&mut self, place: &Place, goes: impl Fn(&Route) -> bool) {
        if let Some(namespace) = self.namespaces.get_mut(&place.namespace) {
            namespace.routes.retain(|there| there.device != place.interface || !goes(&there.route));
        }
    }

    pub(super) fn remove_route(&mut self, namespace: &NsName, route: &Route) -> Result<(), Refusal> {
        let namespace = self.namespaces.get_mut(namespace).ok_or("no such namespace")?;
        let is_meant = |there: &InstalledRoute| there.is_own && there.route == *route;
        let at = namespace.routes.iter().position(is_meant).ok_or("no such route")?;
        namespace.routes.remove(at);
        Ok(())
    }

    fn add_route(&mut self, name: &NsName, route: &Route) -> Result<(), Refusal> {
        let length = |there: &Interface| {
            let reaching = there.addresses.iter().filter(|address| address.net.contains(&route.via));
            reaching.map(|address| address.net.prefix_len()).max()
        };
        let device = self
            .interfaces
            .iter()
            .filter(|(place, there)| place.namespace == *name && there.up)
            .filter_map(|(place, there)| Some((length(there)?, place.interface.clone())))
            .max_by_key(|(length, _)| *length);
        let (_, device) = device.ok_or_else(|| format!("{} cannot be reached", route.via))?;
        let namespace = self.namespaces.get_mut(name).ok_or("no such namespace")?;
        if namespace.routes.iter().any(|there| there.route.to == route.to) {
            return Err(format!("there is a route to {} already", route.to));
        }
        namespace.routes.push(InstalledRoute { route: route.clone(), is_own: true, device });
        Ok(())
    }
}
