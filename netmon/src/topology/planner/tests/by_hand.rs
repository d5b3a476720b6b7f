//! Plans for a lab in which other programs changed addresses and routes.

use netmon_kernel::netlink::route::InstalledRoute;

use super::*;

/// Puts an address that netmon did not add on the end in the first namespace.
fn add_foreign(actual: &mut Actual, address: &str) {
    let there = inside(actual, &"direct_netns".parse().unwrap()).interfaces.get_mut("veth1").unwrap();
    there.addresses.push(ActualAddress { net: address.parse().unwrap(), owner: Owner::Foreign });
}

#[test]
fn an_address_that_another_program_added_stays() {
    let mut actual = built(&lab());
    for address in ["10.200.0.77/24", "10.66.0.58/24", "fd66::5/64", "fe80::5/64"] {
        add_foreign(&mut actual, address);
    }
    assert_eq!(shown(&lab(), &actual), Vec::<String>::new());
}

#[test]
fn a_secondary_of_another_program_outlives_the_primary_of_the_file() {
    let mut lab = lab();
    let mut actual = built(&lab);
    add_foreign(&mut actual, "10.200.0.77/24");
    lab.namespaces[0].routes.clear();
    inside(&mut actual, &"direct_netns".parse().unwrap()).routes.clear();
    lab.links[0].b.addresses = vec!["10.200.0.33/24".parse().unwrap()];
    assert_eq!(
        shown(&lab, &actual),
        [
            "~ direct_netns:veth1: keep foreign secondary addresses (promote_secondaries)",
            "- address 10.200.0.3/24 of direct_netns:veth1",
            "+ address 10.200.0.33/24 on direct_netns:veth1",
        ]
    );
}

#[test]
fn a_link_local_address_of_the_file_is_compared_as_any_other() {
    let mut lab = lab();
    lab.links[0].b.addresses.push("fe80::1/64".parse().unwrap());
    let actual = built(&lab);
    assert_eq!(shown(&lab, &actual), Vec::<String>::new());
    lab.links[0].b.addresses.pop();
    assert_eq!(shown(&lab, &actual), ["- address fe80::1/64 of direct_netns:veth1"]);
}

/// Puts another route in the place of the default route of the first namespace.
fn replace_route(actual: &mut Actual, others: Vec<InstalledRoute>) {
    let inside = inside(actual, &"direct_netns".parse().unwrap());
    inside.routes.clear();
    inside.other_routes = others;
}

fn default_via(via: &[&str], interface: u32, is_own: bool) -> InstalledRoute {
    let via: Vec<_> = via.iter().map(|text| text.parse().unwrap()).collect();
    InstalledRoute::example("0.0.0.0/0".parse().unwrap(), &via, &[IfIndex(interface)], is_own)
}

#[test]
fn a_route_that_another_program_replaced_is_replaced_again_among_the_other_repairs() {
    let mut actual = built(&lab());
    replace_route(&mut actual, vec![default_via(&["10.200.0.4"], 11, false)]);
    inside(&mut actual, &NsName::root()).interfaces.get_mut("veth0").unwrap().mtu = 1300;
    assert_eq!(
        shown(&lab(), &actual),
        ["~ root:veth0: mtu 1500", "~ direct_netns: route to 0.0.0.0/0 via 10.200.0.2, not via 10.200.0.4"]
    );
}

#[test]
fn next_hops_that_another_program_appended_are_replaced_by_the_one_of_the_file() {
    let mut actual = built(&lab());
    replace_route(&mut actual, vec![default_via(&["10.200.0.2", "10.200.0.4"], 11, true)]);
    let step = "~ direct_netns: route to 0.0.0.0/0 via 10.200.0.2, not via 10.200.0.2 and 10.200.0.4";
    assert_eq!(shown(&lab(), &actual), [step]);
}

#[test]
fn a_route_that_was_there_before_the_file_had_one_is_a_conflict_that_names_it() {
    let mut actual = built(&lab());
    replace_route(&mut actual, vec![default_via(&["10.200.0.4"], 11, false)]);
    inside(&mut actual, &"direct_netns".parse().unwrap()).had_routes.clear();
    let error = plan(&lab(), &actual).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(
        error.to_string(),
        "namespace direct_netns has a route to 0.0.0.0/0 via 10.200.0.4, which netmon did not add and which is in the \
         way of the one via 10.200.0.2 (`ip -n direct_netns route delete 0.0.0.0/0` deletes it)"
    );
}

#[test]
fn an_equal_route_of_another_program_serves_and_one_that_goes_with_its_interface_is_not_in_the_way() {
    let mut actual = built(&lab());
    replace_route(&mut actual, vec![default_via(&["10.200.0.2"], 11, false)]);
    assert_eq!(shown(&lab(), &actual), Vec::<String>::new());
    replace_route(&mut actual, vec![default_via(&["10.200.0.4"], 11, false)]);
    let first = inside(&mut actual, &"direct_netns".parse().unwrap());
    first.had_routes.clear();
    first.interfaces.get_mut("veth1").unwrap().peer_index = Some(IfIndex(99));
    assert_eq!(shown(&lab(), &actual).last().unwrap(), "+ direct_netns: route to 0.0.0.0/0 via 10.200.0.2");
}

#[test]
fn a_loopback_interface_that_was_set_down_goes_up_again() {
    let mut actual = built(&lab());
    inside(&mut actual, &"second".parse().unwrap()).loopback_is_down = true;
    inside(&mut actual, &NsName::root()).loopback_is_down = true;
    assert_eq!(shown(&lab(), &actual), ["~ second:lo: up"], "lo of root is not the lab's");
}

fn notes(lab: &Lab, actual: &Actual) -> Vec<String> {
    plan(lab, actual).unwrap().notes
}

#[test]
fn a_network_that_the_host_has_already_is_noted_with_its_interface() {
    let mut actual = built(&lab());
    assert_eq!(notes(&lab(), &actual), Vec::<String>::new());
    let addresses = ["10.200.0.2/24", "10.200.7.7/16", "192.0.2.1/24", "fe80::1/64"];
    let theirs = ActualInterface {
        owner: Owner::Foreign,
        index: IfIndex(7),
        addresses: addresses
            .map(|net| ActualAddress { net: net.parse().unwrap(), owner: Owner::Foreign })
            .into(),
        ..inside(&mut actual, &NsName::root()).interfaces["veth0"].clone()
    };
    inside(&mut actual, &NsName::root()).interfaces.insert("dd".to_owned(), theirs);
    let end = "as veth0 of the lab";
    assert_eq!(
        notes(&lab(), &actual),
        [
            format!(
                "interface dd of this host has the same address {end} (10.200.0.2/24 and 10.200.0.2/24): one of the two may not be reached"
            ),
            format!(
                "interface dd of this host has the same network {end} (10.200.7.7/16 and 10.200.0.2/24): one of the two may not be reached"
            ),
        ]
    );
    assert_eq!(shown(&lab(), &actual), Vec::<String>::new());
}

#[test]
fn a_link_whose_ends_are_in_different_networks_is_noted() {
    let mut lab = lab();
    lab.namespaces[0].routes.clear();
    lab.links[0].b.addresses = vec!["10.5.0.1/24".parse().unwrap()];
    let noted = notes(&lab, &nothing());
    assert!(noted[0].ends_with("(10.200.0.2/24 and 10.5.0.1/24): they cannot reach each other"), "{noted:?}");
    assert_eq!(noted.len(), 1, "an end without addresses is no mistake: {noted:?}");
}
