//! Random labs. Their names and addresses are few, so that two labs have much in common and names change their
//! meaning from one to the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use netmon_model::{
    impairment::Impairment,
    lab::{Bridge, End, Lab, Link, Namespace, Route, Source},
    mac::Mac,
    names::{IfName, NsName, Place},
};
use proptest::{collection::vec, prelude::*};

/// Namespaces of labs; `root` is the one after the last.
const NAMESPACES: u8 = 3;
/// Names of interfaces, bridges among them.
const INTERFACES: u8 = 5;

/// Numbers of a namespace and of an interface name.
type At = (u8, u8);

#[derive(Clone, Debug)]
struct NamespaceRecipe {
    nameservers: Option<bool>,
    forwards: Option<bool>,
    /// The number of an interface, and the value of its `rp_filter`.
    rp_filter: Option<(u8, u8)>,
    /// Numbers of a destination, and of the address whose network has the next hop.
    routes: Vec<(u8, u8)>,
}

#[derive(Clone, Debug)]
struct EndRecipe {
    at: At,
    is_port: bool,
    mac: Option<u8>,
    addresses: Vec<AddressRecipe>,
    impairment: (u8, u8, u8),
}

/// Numbers of a network and of a host, and whether the prefix is the longer of two.
type AddressRecipe = (u8, u8, bool);

#[derive(Clone, Debug)]
struct LinkRecipe {
    name: u8,
    mtu: u8,
    a: EndRecipe,
    b: EndRecipe,
}

/// Generates labs that could stand in a lab file.
pub(super) fn lab() -> impl Strategy<Value = Lab> {
    let namespace = (
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        proptest::option::of((0..INTERFACES, 0..3_u8)),
        vec((0..5_u8, any::<u8>()), 0..3),
    )
        .prop_map(|(nameservers, forwards, rp_filter, routes)| NamespaceRecipe {
            nameservers,
            forwards,
            rp_filter,
            routes,
        });
    let namespaces = proptest::collection::btree_map(0..NAMESPACES, namespace, 0..=usize::from(NAMESPACES));
    let bridges = vec((at(), addresses()), 0..3);
    let link = (0..6_u8, 0..4_u8, end(), end()).prop_map(|(name, mtu, a, b)| LinkRecipe { name, mtu, a, b });
    (namespaces, bridges, vec(link, 0..6))
        .prop_map(|(namespaces, bridges, links)| assemble(&namespaces, bridges, links))
}

fn at() -> impl Strategy<Value = At> {
    (0..=NAMESPACES, 0..INTERFACES)
}

fn addresses() -> impl Strategy<Value = Vec<AddressRecipe>> {
    vec((0..6_u8, 1..5_u8, any::<bool>()), 0..4)
}

fn end() -> impl Strategy<Value = EndRecipe> {
    let mac = proptest::option::weighted(0.2, 0..4_u8);
    (at(), proptest::bool::weighted(0.3), mac, addresses(), (0..3_u8, 0..3_u8, 0..3_u8)).prop_map(
        |(at, is_port, mac, addresses, impairment)| EndRecipe { at, is_port, mac, addresses, impairment },
    )
}

pub(super) fn namespace_name(number: u8) -> NsName {
    if number < NAMESPACES { format!("n{number}").parse().unwrap() } else { NsName::root() }
}

pub(super) fn interface_name(number: u8) -> IfName {
    format!("e{number}").parse().unwrap()
}

/// Returns an address. The first three networks are IPv4.
pub(super) fn address((network, host, is_longer): AddressRecipe) -> IpNet {
    let text = match (network % 6, is_longer) {
        (network @ 0..3, false) => format!("10.{network}.0.{host}/24"),
        (network @ 0..3, true) => format!("10.{network}.0.{host}/25"),
        (network, _) => format!("fd00:{network}::{host}/64"),
    };
    text.parse().unwrap()
}

/// Names and addresses that are taken, while a lab is assembled.
#[derive(Default)]
struct Taken {
    places: BTreeSet<Place>,
    links: BTreeSet<u8>,
    addresses: BTreeSet<(NsName, IpAddr)>,
}

impl Taken {
    /// Returns a place in a namespace of the lab or in root, or `None` if it is taken.
    fn place(&self, known: &BTreeMap<u8, NamespaceRecipe>, (namespace, interface): At) -> Option<Place> {
        (namespace == NAMESPACES || known.contains_key(&namespace)).then_some(())?;
        let place = Place { namespace: namespace_name(namespace), interface: interface_name(interface) };
        (!self.places.contains(&place)).then_some(place)
    }

    fn addresses(&mut self, namespace: &NsName, recipes: &[AddressRecipe]) -> Vec<IpNet> {
        let addresses = recipes.iter().map(|recipe| address(*recipe));
        addresses.filter(|address| self.addresses.insert((namespace.clone(), address.addr()))).collect()
    }
}

fn assemble(
    known: &BTreeMap<u8, NamespaceRecipe>,
    bridges: Vec<(At, Vec<AddressRecipe>)>,
    links: Vec<LinkRecipe>,
) -> Lab {
    let mut taken = Taken::default();
    let mut lab = Lab {
        name: "random".parse().unwrap(),
        source: Source::BuiltIn,
        directory: None,
        namespaces: Vec::new(),
        containers: Vec::new(),
        bridges: Vec::new(),
        foreign_bridges: Vec::new(),
        links: Vec::new(),
        services: Vec::new(),
        expectations: Vec::new(),
        probes: Vec::new(),
    };
    for (at, addresses) in bridges {
        let Some(place) = taken.place(known, at) else { continue };
        taken.places.insert(place.clone());
        let addresses = taken.addresses(&place.namespace, &addresses);
        lab.bridges.push(Bridge { name: place.interface, namespace: place.namespace, addresses });
    }
    for LinkRecipe { name, mtu, a, b } in links {
        let places = (taken.place(known, a.at), taken.place(known, b.at));
        let (Some(at_a), Some(at_b)) = places else { continue };
        if at_a == at_b || !taken.links.insert(name) {
            continue;
        }
        taken.places.extend([at_a.clone(), at_b.clone()]);
        let (a, b) = (make_end(at_a, &a, &lab, &mut taken), make_end(at_b, &b, &lab, &mut taken));
        let mtu = [None, Some(1280), Some(1400), Some(9000)][usize::from(mtu)];
        lab.links.push(Link { name: format!("l{name}").parse().unwrap(), a, b, mtu });
    }
    lab.namespaces = known.iter().map(|(number, recipe)| make_namespace(*number, recipe, &lab)).collect();
    lab
}

fn make_end(place: Place, recipe: &EndRecipe, lab: &Lab, taken: &mut Taken) -> End {
    let bridge = lab.bridges.iter().find(|bridge| recipe.is_port && bridge.namespace == place.namespace);
    let addresses =
        if bridge.is_some() { Vec::new() } else { taken.addresses(&place.namespace, &recipe.addresses) };
    let (delay, rate, loss) = recipe.impairment;
    let choose =
        |choice: u8, texts: [&'static str; 2]| texts.get(usize::from(choice).wrapping_sub(1)).copied();
    End {
        namespace: place.namespace,
        interface: place.interface,
        bridge: bridge.map(|bridge| bridge.name.clone()),
        mac: recipe.mac.map(|last| Mac([2, 0, 0, 0, 0, last])),
        addresses,
        impairment: Impairment {
            delay: choose(delay, ["10ms", "20ms"]).map(|text| text.parse().unwrap()),
            rate: choose(rate, ["10mbit", "20mbit"]).map(|text| text.parse().unwrap()),
            loss: choose(loss, ["1%", "50%"]).map(|text| text.parse().unwrap()),
            ..Impairment::default()
        },
    }
}

fn make_namespace(number: u8, recipe: &NamespaceRecipe, lab: &Lab) -> Namespace {
    let name = namespace_name(number);
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]);
    let held = ends.map(|end| (end.place(), &end.addresses));
    let held = held.chain(lab.bridges.iter().map(|bridge| (bridge.place(), &bridge.addresses)));
    let held: Vec<_> = held.filter(|(place, _)| place.namespace == name).collect();
    let mut sysctls = BTreeMap::new();
    if let Some(forwards) = recipe.forwards {
        sysctls.insert("net.ipv4.ip_forward".to_owned(), u8::from(forwards).to_string());
    }
    let filtered = recipe.rp_filter.map(|(interface, value)| (interface_name(interface), value));
    if let Some((interface, value)) =
        filtered.filter(|(wanted, _)| held.iter().any(|(place, _)| place.interface == *wanted))
    {
        sysctls.insert(format!("net.ipv4.conf.{interface}.rp_filter"), value.to_string());
    }
    let addresses: Vec<IpNet> = held.iter().flat_map(|(_, addresses)| addresses.iter().copied()).collect();
    let nameservers =
        recipe.nameservers.map(|has_one| has_one.then(|| "10.0.0.9".parse().unwrap()).into_iter().collect());
    Namespace { name, nameservers, routes: make_routes(&recipe.routes, &addresses), sysctls }
}

fn make_routes(recipes: &[(u8, u8)], addresses: &[IpNet]) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for (destination, through) in recipes.iter().filter(|_| !addresses.is_empty()) {
        let through = addresses[usize::from(*through) % addresses.len()];
        let (to, via) = match through {
            IpNet::V4(net) => {
                let [a, b, c, _] = net.addr().octets();
                let to = ["0.0.0.0/0", "10.8.0.0/16", "10.9.0.0/16"][usize::from(*destination) % 3];
                (to, IpAddr::from([a, b, c, 100 + destination]))
            }
            IpNet::V6(net) => {
                let mut via = net.addr().octets();
                via[15] = 100 + destination;
                (["::/0", "fd09::/16"][usize::from(*destination) % 2], IpAddr::from(via))
            }
        };
        let route = Route { to: to.parse().unwrap(), via };
        if routes.iter().all(|other| other.to != route.to) {
            routes.push(route);
        }
    }
    routes
}
