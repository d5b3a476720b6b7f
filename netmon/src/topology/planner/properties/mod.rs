//! Properties of plans, over random labs: carrying out a plan turns any host into what the lab wants.

mod host;
mod labs;

use std::collections::BTreeSet;

use netmon_model::{
    impairment::{Loss, Queue, USUAL_MTU},
    lab::{End, Lab, Link},
    names::{IfIndex, NsName, Place},
};
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

use self::host::Host;
use crate::topology::{plan::Plan, planner, step::Step};

/// The next hop of an IPv6 route that another program set.
const FOREIGN_HOP: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Something that another program does to a lab.
#[derive(Clone, Debug)]
enum Drift {
    SetDown,
    SetMtu(u32),
    Unmark,
    Delete,
    LeaveBridge,
    AddAddress((u8, u8, bool), bool),
    RemoveAddress(u8),
    LoseImpairment,
    /// To a namespace of the lab, or to a foreign one.
    Move(Option<u8>, u8),
    LoseRoutes,
    /// Another program replaces all routes.
    ReplaceRoutes,
    SetSysctl,
    /// A process is killed while it creates this namespace.
    HalfName(u8),
}

fn drift() -> impl Strategy<Value = Drift> {
    prop_oneof![
        Just(Drift::SetDown),
        prop_oneof![Just(1000_u32), Just(1500)].prop_map(Drift::SetMtu),
        Just(Drift::Unmark),
        Just(Drift::Delete),
        Just(Drift::LeaveBridge),
        ((0..6_u8, 1..5_u8, any::<bool>()), any::<bool>()).prop_map(|(a, own)| Drift::AddAddress(a, own)),
        any::<u8>().prop_map(Drift::RemoveAddress),
        Just(Drift::LoseImpairment),
        (any::<Option<u8>>(), 0..6_u8).prop_map(|(namespace, name)| Drift::Move(namespace, name)),
        Just(Drift::LoseRoutes),
        Just(Drift::ReplaceRoutes),
        Just(Drift::SetSysctl),
        (0..3_u8).prop_map(Drift::HalfName),
    ]
}

/// Does it to one of the interfaces. Does nothing if it is not possible.
fn disturb(host: &mut Host, chosen: u8, drift: &Drift) {
    if let Drift::HalfName(number) = drift {
        let name = labs::namespace_name(*number);
        if !host.namespaces.contains_key(&name) {
            host.remnants.insert(name);
        }
        return;
    }
    let places: Vec<Place> = host.interfaces.keys().cloned().collect();
    let Some(place) = places.get(usize::from(chosen) % places.len().max(1)) else { return };
    let there = host.interface(place).unwrap();
    match drift {
        Drift::SetDown => host.set_down(place).unwrap(),
        // A bridge has no MTU of its own.
        Drift::SetMtu(_) if there.peer.is_none() => {}
        Drift::SetMtu(mtu) => host.apply(&Step::SetMtu { place: place.clone(), mtu: *mtu }).unwrap(),
        Drift::Unmark => there.marked = false,
        Drift::Delete => host.remove_interface(place),
        Drift::LeaveBridge => there.controller = None,
        Drift::AddAddress(recipe, is_own) => {
            drop(host.add_address(place, labs::address(*recipe), *is_own));
        }
        Drift::RemoveAddress(which) => {
            let nets: Vec<_> = there.addresses.iter().map(|address| address.net).collect();
            let net = nets.get(usize::from(*which) % nets.len().max(1));
            net.map_or(Ok(()), |net| host.remove_address(place, *net)).unwrap();
        }
        Drift::LoseImpairment => there.impairment = Default::default(),
        Drift::Move(namespace, name) => move_away(host, place, *namespace, *name),
        Drift::LoseRoutes => {
            host.namespaces.entry(place.namespace.clone()).and_modify(|inside| inside.routes.clear());
        }
        Drift::ReplaceRoutes => {
            let inside = host.namespaces.get_mut(&place.namespace);
            for there in inside.into_iter().flat_map(|inside| &mut inside.routes) {
                there.is_own = false;
                there.route.via =
                    if there.route.via.is_ipv4() { [192, 0, 2, 1].into() } else { FOREIGN_HOP.into() };
            }
        }
        Drift::SetSysctl => {
            let key = format!("net.ipv4.conf.{}.rp_filter", place.interface);
            there.sysctls.insert(key, "2".to_owned());
        }
        Drift::HalfName(_) => {}
    }
}

fn move_away(host: &mut Host, from: &Place, namespace: Option<u8>, name: u8) {
    let names: Vec<NsName> = host.namespaces.keys().cloned().collect();
    let namespace = match namespace {
        Some(number) => names[usize::from(number) % names.len()].clone(),
        None => {
            let foreign: NsName = "theirs".parse().unwrap();
            host.foreign.insert(foreign.clone());
            foreign
        }
    };
    let to = Place { namespace, interface: labs::interface_name(name) };
    if host.interfaces.contains_key(&to) {
        return;
    }
    host.set_down(from).unwrap();
    let Some(mut moved) = host.interfaces.remove(from) else { return };
    moved.controller = None;
    moved.sysctls.clear();
    moved.addresses.clear();
    if let Some(peer) = moved.peer.as_ref().and_then(|peer| host.interfaces.get_mut(peer)) {
        peer.peer = Some(to.clone());
    }
    host.interfaces.insert(to, moved);
}

/// Plans for `lab` and carries out as many steps. Checks what a plan promises of the links that stay.
fn carry_out(host: &mut Host, lab: &Lab, most: usize) -> Result<Plan, TestCaseError> {
    let plan = planner::plan(lab, &host.read(lab)).unwrap();
    check_kept(&plan, lab)?;
    let indexes = |host: &Host| kept_indexes(&plan, lab, host);
    let (before, foreign) = (indexes(host), foreign_addresses(host));
    for step in plan.steps().take(most) {
        if let Err(refusal) = host.apply(step) {
            return Err(TestCaseError::fail(format!("{step}: {refusal}\n{plan}")));
        }
    }
    prop_assert_eq!(indexes(host), before, "{}", plan);
    for (place, index, net) in foreign {
        let Some(there) = host.interfaces.get(&place).filter(|there| there.index == index) else { continue };
        let has = there.addresses.iter().any(|address| address.net.addr() == net.addr());
        let lost_ipv6 = net.addr().is_ipv6() && there.mtu < 1280;
        prop_assert!(has || lost_ipv6, "{}: foreign address {} is lost\n{}", place, net, plan);
    }
    Ok(plan)
}

/// The addresses that no step added, with their interfaces.
fn foreign_addresses(host: &Host) -> Vec<(Place, IfIndex, ipnet::IpNet)> {
    let of = |(place, there): (&Place, &host::Interface)| {
        let foreign = there.addresses.iter().filter(|address| !address.is_own);
        foreign.map(|address| (place.clone(), there.index, address.net)).collect::<Vec<_>>()
    };
    host.interfaces.iter().flat_map(of).collect()
}

/// The interfaces of links that stay, which are each other's peers.
fn kept_indexes(plan: &Plan, lab: &Lab, host: &Host) -> Vec<(Option<IfIndex>, Option<IfIndex>)> {
    let index = |end: &End, peer: &End| {
        let there = host.interfaces.get(&end.place())?;
        (there.peer == Some(peer.place())).then_some(there.index)
    };
    let kept = lab.links.iter().filter(|link| plan.kept.contains(&link.name));
    kept.map(|link| (index(&link.a, &link.b), index(&link.b, &link.a))).collect()
}

/// Links that stay are neither removed nor created, and all others are created.
fn check_kept(plan: &Plan, lab: &Lab) -> Result<(), TestCaseError> {
    let ends = |link: &Link| [link.a.place(), link.b.place()];
    let kept: BTreeSet<Place> =
        lab.links.iter().filter(|link| plan.kept.contains(&link.name)).flat_map(ends).collect();
    let mut created = BTreeSet::new();
    for step in plan.steps() {
        match step {
            Step::RemoveLink(place) | Step::RemoveBridge(place) | Step::CreateBridge(place) => {
                prop_assert!(!kept.contains(place), "{}", step);
            }
            Step::RemoveNamespace { namespace } => {
                prop_assert!(kept.iter().all(|place| place.namespace != *namespace), "{}", step);
            }
            Step::CreateLink { link, .. } => drop(created.insert(link.clone())),
            _ => {}
        }
    }
    let others = lab.links.iter().map(|link| &link.name).filter(|link| !plan.kept.contains(*link));
    prop_assert_eq!(created, others.cloned().collect::<BTreeSet<_>>());
    Ok(())
}

/// Brings the host to `lab`, after which nothing is left to do.
fn reach(host: &mut Host, lab: &Lab) -> Result<(), TestCaseError> {
    let plan = carry_out(host, lab, usize::MAX)?;
    check_host(host, lab).map_err(|error| TestCaseError::fail(format!("{error}\n{plan}")))?;
    for wanted in &lab.namespaces {
        host.namespaces
            .entry(wanted.name.clone())
            .and_modify(|inside| inside.had_routes.clone_from(&wanted.routes));
    }
    let again = planner::plan(lab, &host.read(lab)).unwrap();
    prop_assert!(again.is_empty(), "first {}then {}", plan, again);
    prop_assert_eq!(again.kept.len(), lab.links.len());
    Ok(())
}

/// Compares the host with the lab, without the planner.
fn check_host(host: &Host, lab: &Lab) -> Result<(), TestCaseError> {
    let set = |names: &[NsName]| names.iter().cloned().collect::<BTreeSet<_>>();
    let there: Vec<NsName> = host.namespaces.keys().filter(|name| !name.is_root()).cloned().collect();
    let wanted: Vec<NsName> = lab.namespaces.iter().map(|namespace| namespace.name.clone()).collect();
    prop_assert_eq!(set(&there), set(&wanted));
    prop_assert!(host.remnants.is_empty());
    for namespace in &lab.namespaces {
        prop_assert_eq!(host.files.get(&namespace.name), namespace.nameservers.as_ref());
        let routes = host.namespaces[&namespace.name].routes.iter().filter(|there| there.is_own);
        let routes = routes.map(|there| there.route.clone());
        let sorted = |mut routes: Vec<netmon_model::lab::Route>| {
            routes.sort_by_key(|route| (route.to, route.via));
            routes
        };
        prop_assert_eq!(sorted(routes.collect()), sorted(namespace.routes.clone()));
        for (key, value) in &namespace.sysctls {
            let there = host.sysctl(&namespace.name, key);
            prop_assert_eq!(there.as_ref(), Some(value), "{}", key);
        }
    }
    for bridge in &lab.bridges {
        let there = &host.interfaces[&bridge.place()];
        prop_assert!(there.up && there.marked && there.peer.is_none(), "{:?}", there);
        check_addresses(there, &bridge.addresses)?;
    }
    for link in &lab.links {
        check_end(host, link, &link.a, &link.b)?;
        check_end(host, link, &link.b, &link.a)?;
    }
    prop_assert_eq!(host.interfaces.len(), lab.bridges.len() + 2 * lab.links.len());
    Ok(())
}

fn check_end(host: &Host, link: &Link, end: &End, peer: &End) -> Result<(), TestCaseError> {
    let there = &host.interfaces[&end.place()];
    prop_assert!(there.up && there.marked, "{:?}", there);
    prop_assert_eq!(there.peer.as_ref(), Some(&peer.place()));
    prop_assert_eq!(&there.controller, &end.bridge);
    let mtu = link.mtu.unwrap_or(USUAL_MTU);
    prop_assert_eq!(there.mtu, mtu);
    prop_assert!(end.mac.is_none_or(|mac| mac == there.mac));
    prop_assert_eq!(there.impairment.queue, Queue::for_impairment(&end.impairment, mtu));
    prop_assert_eq!(there.impairment.loss.map(|loss| loss.ppm), end.impairment.loss.map(Loss::ppm));
    check_addresses(there, &end.addresses)
}

fn check_addresses(there: &host::Interface, wanted: &[ipnet::IpNet]) -> Result<(), TestCaseError> {
    let has = |net: &ipnet::IpNet| there.addresses.iter().any(|address| address.net == *net);
    let is_extra = |address: &host::Address| address.is_own && !wanted.contains(&address.net);
    prop_assert!(wanted.iter().all(has), "{:?} {:?}", there, wanted);
    prop_assert!(!there.addresses.iter().any(is_extra), "{:?} {:?}", there, wanted);
    Ok(())
}

/// The same labs each time. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` try more, or others.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0x6e65_746d_6f6e),
        given => given,
    };
    // Failures become tests of their own, with a name that says what failed.
    ProptestConfig { cases: default.cases.max(1000), rng_seed: seed, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_host_reaches_any_lab_from_nothing_and_from_any_other(
        labs in vec(labs::lab(), 1..4),
    ) {
        let mut host = Host::new();
        for lab in &labs {
            reach(&mut host, lab)?;
        }
    }

    #[test]
    fn a_host_reaches_a_lab_from_another_that_other_programs_changed(
        (from, to) in (labs::lab(), labs::lab()),
        drifts in vec((any::<u8>(), drift()), 0..6),
    ) {
        let mut host = Host::new();
        reach(&mut host, &from)?;
        for (chosen, drift) in &drifts {
            disturb(&mut host, *chosen, drift);
        }
        reach(&mut host, &to)?;
    }

    #[test]
    fn a_host_reaches_a_lab_after_a_change_that_was_killed_at_any_step(
        (from, to, then) in (labs::lab(), labs::lab(), labs::lab()),
        killed_after in 0..60_usize,
    ) {
        let mut host = Host::new();
        reach(&mut host, &from)?;
        carry_out(&mut host, &to, killed_after)?;
        reach(&mut host, &then)?;
    }
}
