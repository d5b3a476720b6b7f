//! Plans for an empty host, for a built lab, and for foreign objects.

mod by_hand;

mod lent;

use std::collections::BTreeMap;

use netmon_kernel::netlink::loss_filter::LossFilter;
use netmon_model::{
    impairment::{Impairment, Queue},
    lab::{Bridge, Route},
    mac::Mac,
    names::IfIndex,
};

use super::*;
use crate::topology::{
    actual::{ActualAddress, Contents},
    installed_impairment::InstalledImpairment,
};

/// Returns a lab with two namespaces, a link from root to each, and a route in the first.
fn lab() -> Lab {
    let mut lab = netmon_labfile::built_in();
    lab.namespaces[0].routes =
        vec![Route { to: "0.0.0.0/0".parse().unwrap(), via: "10.200.0.2".parse().unwrap() }];
    let mut second = lab.namespaces[0].clone();
    second.name = "second".parse().unwrap();
    second.routes.clear();
    second.nameservers = None;
    second.sysctls = [("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.eth0.rp_filter", "0")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    lab.namespaces.push(second);
    let mut link = lab.links[0].clone();
    link.name = "to-second".parse().unwrap();
    link.a.interface = "veth2".parse().unwrap();
    link.b = End {
        namespace: "second".parse().unwrap(),
        interface: "eth0".parse().unwrap(),
        bridge: None,
        mac: None,
        addresses: vec![],
        impairment: Impairment::default(),
    };
    link.a.addresses.clear();
    lab.links.push(link);
    lab
}

/// Returns the host exactly as the lab wants it. Interface indexes count up from 10.
fn built(lab: &Lab) -> Actual {
    let mut actual = nothing();
    for wanted in &lab.namespaces {
        let contents = Contents {
            routes: wanted.routes.clone(),
            had_routes: wanted.routes.clone(),
            other_routes: Vec::new(),
            loopback_is_down: false,
            sysctls: wanted.sysctls.clone(),
            had_ports: BTreeMap::new(),
            interfaces: BTreeMap::new(),
        };
        actual.namespaces.insert(wanted.name.clone(), ActualNamespace::Known(contents));
        if let Some(servers) = &wanted.nameservers {
            actual.files.insert(wanted.name.clone(), ResolvConf::Ours(servers.clone()));
        }
    }
    for (link, number) in lab.links.iter().zip((10..).step_by(2)) {
        for (end, index, peer) in [(&link.a, number, number + 1), (&link.b, number + 1, number)] {
            let there = ActualInterface {
                owner: Owner::Ours,
                marked: true,
                index: IfIndex(index),
                peer_index: Some(IfIndex(peer)),
                peer_is_here: false,
                is_bridge: false,
                controller: None,
                mac: None,
                mtu: 1500,
                up: true,
                addresses: own(&end.addresses),
                impairment: InstalledImpairment::default(),
            };
            inside(&mut actual, &end.namespace).interfaces.insert(end.interface.to_string(), there);
        }
    }
    actual
}

fn own(addresses: &[IpNet]) -> Vec<ActualAddress> {
    addresses.iter().map(|net| ActualAddress { net: *net, owner: Owner::Ours }).collect()
}

fn nothing() -> Actual {
    let root = (NsName::root(), ActualNamespace::Known(Contents::default()));
    Actual { namespaces: [root].into(), ..Actual::default() }
}

fn inside<'a>(actual: &'a mut Actual, namespace: &NsName) -> &'a mut Contents {
    match actual.namespaces.get_mut(namespace) {
        Some(ActualNamespace::Known(contents)) => contents,
        other => panic!("{namespace}: {other:?}"),
    }
}

fn kept(lab: &Lab, actual: &Actual) -> Vec<String> {
    plan(lab, actual).unwrap().kept.iter().map(ToString::to_string).collect()
}

fn shown(lab: &Lab, actual: &Actual) -> Vec<String> {
    plan(lab, actual).unwrap().steps().map(ToString::to_string).collect()
}

#[test]
fn from_nothing_ends_go_up_after_all_addresses_and_routes_come_last() {
    let steps = shown(&lab(), &nothing());
    let at =
        |text: &str| steps.iter().position(|step| step.contains(text)).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(steps[0], "+ namespace direct_netns");
    assert!(at("ip_forward") < at("+ link"));
    assert!(at("+ link to-second") < at("eth0.rp_filter"));
    assert!(at("eth0.rp_filter") < at(": up"));
    assert!(steps.iter().rposition(|step| step.contains("address")) < Some(at(": up")));
    assert_eq!(steps.last().unwrap(), "+ direct_netns: route to 0.0.0.0/0 via 10.200.0.2");
}

#[test]
fn a_lab_that_is_built_needs_no_step() {
    assert_eq!(shown(&lab(), &built(&lab())), Vec::<String>::new());
    assert_eq!(kept(&lab(), &built(&lab())), ["root:veth0--direct_netns:veth1", "to-second"]);
}

#[test]
fn routes_through_an_address_that_goes_are_removed_and_added_again() {
    let mut lab = lab();
    let before = built(&lab);
    lab.links[0].b.addresses = vec!["10.200.0.33/24".parse().unwrap()];
    assert_eq!(
        shown(&lab, &before),
        [
            "- direct_netns: route to 0.0.0.0/0 via 10.200.0.2",
            "- address 10.200.0.3/24 of direct_netns:veth1",
            "+ address 10.200.0.33/24 on direct_netns:veth1",
            "+ direct_netns: route to 0.0.0.0/0 via 10.200.0.2",
        ]
    );
}

#[test]
fn a_link_layer_address_is_set_where_another_one_is_and_nowhere_else() {
    let mut lab = lab();
    let (here, other) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
    let mut actual = built(&lab);
    lab.links[0].b.mac = Some(here);
    assert_eq!(shown(&lab, &actual), ["~ direct_netns:veth1: link-layer address 02:00:00:00:00:01"]);
    let end = |actual: &mut Actual, mac| {
        let namespace = "direct_netns".parse().unwrap();
        inside(actual, &namespace).interfaces.get_mut("veth1").unwrap().mac = Some(mac);
    };
    end(&mut actual, other);
    assert_eq!(shown(&lab, &actual).len(), 1);
    end(&mut actual, here);
    assert_eq!(shown(&lab, &actual), Vec::<String>::new());
}

#[test]
fn ends_that_are_not_each_others_peers_are_created_again() {
    let mut actual = built(&lab());
    let second = "second".parse().unwrap();
    inside(&mut actual, &second).interfaces.get_mut("eth0").unwrap().peer_index = Some(IfIndex(99));
    let steps = shown(&lab(), &actual);
    assert_eq!(steps[..2], ["- link root:veth2", "- link second:eth0"]);
    assert!(steps[2].starts_with("+ link to-second"), "{steps:?}");
    assert_eq!(kept(&lab(), &actual), ["root:veth0--direct_netns:veth1"]);
}

#[test]
fn what_the_file_no_longer_has_is_removed_and_other_labs_stay() {
    let mut smaller = lab();
    let mut actual = built(&smaller);
    actual.namespaces.insert("other".parse().unwrap(), ActualNamespace::Foreign);
    smaller.namespaces.pop();
    smaller.links.pop();
    assert_eq!(shown(&smaller, &actual), ["- link root:veth2", "- namespace second"]);
}

#[test]
fn every_name_that_is_taken_is_a_conflict_of_its_own() {
    let mut actual = built(&lab());
    actual.namespaces.insert("second".parse().unwrap(), ActualNamespace::Foreign);
    actual.files.insert("direct_netns".parse().unwrap(), ResolvConf::Foreign);
    inside(&mut actual, &NsName::root()).interfaces.get_mut("veth0").unwrap().owner = Owner::Foreign;
    let mut lab = lab();
    lab.namespaces[0].nameservers = Some(vec![]);
    match plan(&lab, &actual) {
        Err(TopologyError::Conflict(taken)) => assert_eq!(taken.len(), 3, "{taken:?}"),
        other => panic!("{other:?}"),
    }
    actual.other_labs.insert("second".parse().unwrap(), "own".parse().unwrap());
    let said = plan(&lab, &actual).unwrap_err().to_string();
    assert!(said.contains("namespace second already exists and belongs to lab own"), "{said}");
}

/// Returns the lab with both ends in root on a bridge that has an address.
fn bridged() -> Lab {
    let mut lab = lab();
    for link in &mut lab.links {
        link.a.addresses.clear();
        link.a.bridge = Some("br0".parse().unwrap());
    }
    let addresses = vec!["10.200.0.2/24".parse().unwrap()];
    lab.bridges.push(Bridge { name: "br0".parse().unwrap(), namespace: NsName::root(), addresses });
    lab
}

/// Returns the host as [`bridged`] wants it.
fn built_with_bridge() -> Actual {
    let lab = bridged();
    let mut actual = built(&lab);
    let bridge = ActualInterface {
        is_bridge: true,
        index: IfIndex(5),
        peer_index: None,
        peer_is_here: true,
        addresses: own(&lab.bridges[0].addresses),
        ..inside(&mut actual, &NsName::root()).interfaces["veth0"].clone()
    };
    let interfaces = &mut inside(&mut actual, &NsName::root()).interfaces;
    interfaces.values_mut().for_each(|end| end.controller = Some(IfIndex(5)));
    interfaces.insert("br0".to_owned(), bridge);
    actual
}

#[test]
fn a_bridge_is_made_before_its_ports_and_is_up_before_them() {
    let steps = shown(&bridged(), &nothing());
    let at = |text: &str| {
        steps.iter().position(|step| step == text).unwrap_or_else(|| panic!("{text}: {steps:?}"))
    };
    assert!(at("+ bridge root:br0") < at("+ address 10.200.0.2/24 on root:br0"));
    assert!(at("+ bridge root:br0") < at("~ root:veth0: port of bridge br0"));
    assert!(at("~ root:veth0: port of bridge br0") < at("~ root:br0: up"));
    assert!(at("~ root:br0: up") < at("~ root:veth0: up"));
    assert_eq!(shown(&bridged(), &built_with_bridge()), Vec::<String>::new());
}

#[test]
fn removing_a_bridge_keeps_the_links_of_its_ports() {
    let mut without = bridged();
    without.bridges.clear();
    for link in &mut without.links {
        link.a.bridge = None;
    }
    assert_eq!(
        shown(&without, &built_with_bridge()),
        ["- bridge root:br0", "~ root:veth0: no longer a port", "~ root:veth2: no longer a port"]
    );
}

#[test]
fn a_port_of_a_foreign_bridge_stays_one() {
    let mut actual = built(&lab());
    let interfaces = &mut inside(&mut actual, &NsName::root()).interfaces;
    let theirs = ActualInterface {
        owner: Owner::Foreign,
        is_bridge: true,
        index: IfIndex(7),
        ..interfaces["veth0"].clone()
    };
    interfaces.get_mut("veth0").unwrap().controller = Some(IfIndex(7));
    interfaces.insert("their-bridge".to_owned(), theirs);
    assert_eq!(shown(&lab(), &actual), Vec::<String>::new());
    let mut lab = bridged();
    lab.bridges[0].name = "their-bridge".parse().unwrap();
    lab.links.iter_mut().for_each(|link| link.a.bridge = Some(lab.bridges[0].name.clone()));
    assert!(matches!(plan(&lab, &actual), Err(TopologyError::Conflict(taken)) if taken.len() == 1));
}

#[test]
fn an_end_of_a_link_is_not_taken_for_a_bridge_of_its_name() {
    let before = built(&lab());
    let mut lab = bridged();
    lab.bridges[0].name = "veth0".parse().unwrap();
    lab.links.remove(0);
    lab.links[0].a.bridge = Some("veth0".parse().unwrap());
    let steps = shown(&lab, &before);
    assert!(steps[0].starts_with("- direct_netns: route"), "{steps:?}");
    assert_eq!(steps[1..3], ["- link direct_netns:veth1", "- link root:veth0"]);
    assert!(steps.contains(&"+ bridge root:veth0".to_owned()), "{steps:?}");
}

/// Returns the lab with a loss and a rate on the first link's end in root.
fn impaired() -> Lab {
    let mut lab = lab();
    lab.links[0].a.impairment.loss = "1%".parse().ok();
    lab.links[0].a.impairment.rate = "10mbit".parse().ok();
    lab
}

fn install(actual: &mut Actual, impairment: InstalledImpairment) {
    let there = inside(actual, &NsName::root()).interfaces.get_mut("veth0").unwrap();
    there.impairment = impairment;
}

/// Returns the impairment of [`impaired`] as it is installed.
fn as_wanted() -> InstalledImpairment {
    InstalledImpairment {
        queue: Queue::for_impairment(&impaired().links[0].a.impairment, 1500),
        loss: Some(LossFilter { ppm: 10_000, made_clsact: true }),
        has_clsact: true,
        ..InstalledImpairment::default()
    }
}

#[test]
fn an_impairment_is_installed_before_the_end_is_up_and_only_where_it_differs() {
    let (lab, step) = (impaired(), "~ root:veth0: impair loss 1%, rate 10mbit");
    let steps = shown(&lab, &nothing());
    let at = |text: &str| steps.iter().position(|step| step == text).unwrap();
    assert!(at(step) < at("~ root:veth0: up"), "{steps:?}");
    let mut actual = built(&lab);
    assert_eq!(shown(&lab, &actual), [step]);
    install(&mut actual, as_wanted());
    assert_eq!(shown(&lab, &actual), Vec::<String>::new());
    assert_eq!(shown(&self::lab(), &actual), ["~ root:veth0: impair none"]);
    let other_loss =
        InstalledImpairment { loss: Some(LossFilter { ppm: 20_000, made_clsact: true }), ..as_wanted() };
    install(&mut actual, other_loss);
    assert_eq!(shown(&lab, &actual), [step]);
}

#[test]
fn another_mtu_needs_another_queue() {
    let mut lab = impaired();
    // Ten packets of 9000 bytes are longer than 50 ms at this rate.
    lab.links[0].mtu = Some(9000);
    let mut actual = built(&lab);
    install(&mut actual, as_wanted());
    let steps = shown(&lab, &actual);
    assert!(steps.contains(&"~ root:veth0: impair loss 1%, rate 10mbit".to_owned()), "{steps:?}");
}

#[test]
fn a_foreign_queue_or_filter_is_a_conflict_only_for_an_impairment_in_its_place() {
    let mut actual = built(&lab());
    let foreign = InstalledImpairment {
        foreign_queue: Some("htb".to_owned()),
        has_clsact: true,
        other_filters: 1,
        in_the_way_of_loss: Some("the egress filter theirs".to_owned()),
        ..InstalledImpairment::default()
    };
    install(&mut actual, foreign);
    assert_eq!(shown(&lab(), &actual), Vec::<String>::new());
    let error = plan(&impaired(), &actual).unwrap_err();
    let said = error.to_string();
    assert!(error.is_conflict());
    assert!(said.contains("veth0 in namespace root has a qdisc htb that is not netmon's"), "{said}");
    assert!(said.contains("has the egress filter theirs, which is not netmon's"), "{said}");
}

#[test]
fn the_sysctls_of_a_link_that_is_created_again_are_set_again() {
    let mut actual = built(&lab());
    let second = "second".parse().unwrap();
    inside(&mut actual, &second).interfaces.get_mut("eth0").unwrap().peer_index = Some(IfIndex(99));
    let steps = shown(&lab(), &actual);
    assert!(steps.contains(&"~ second: net.ipv4.conf.eth0.rp_filter = 0".to_owned()), "{steps:?}");
    assert!(!steps.contains(&"~ second: net.ipv4.ip_forward = 1".to_owned()), "{steps:?}");
}

#[test]
fn a_route_is_added_again_if_any_address_that_reaches_its_next_hop_goes() {
    let mut lab = lab();
    lab.links[0].b.addresses = ["10.200.0.3/24", "10.200.0.4/25"].map(|net| net.parse().unwrap()).into();
    let before = built(&lab);
    lab.links[0].b.addresses.pop();
    assert_eq!(
        shown(&lab, &before),
        [
            "- direct_netns: route to 0.0.0.0/0 via 10.200.0.2",
            "- address 10.200.0.4/25 of direct_netns:veth1",
            "+ direct_netns: route to 0.0.0.0/0 via 10.200.0.2",
        ]
    );
}
