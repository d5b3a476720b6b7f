//! Plans of labs that use what they do not own: a bridge in root, and a container's namespace.

use netmon_model::lab::ContainerNamespace;

use super::*;
use crate::topology::lent::missing_bridges;

/// Returns the lab with both ends in root as ports of docker0, which it does not own.
fn on_docker0() -> Lab {
    let mut lab = bridged();
    let name = "docker0".parse::<netmon_model::names::IfName>().unwrap();
    lab.bridges.clear();
    lab.links.iter_mut().for_each(|link| link.a.bridge = Some(name.clone()));
    lab.foreign_bridges.push(name);
    lab
}

/// Returns the host before the lab is built, with docker0.
fn with_docker0(mut actual: Actual) -> Actual {
    let bridge = ActualInterface {
        owner: Owner::Foreign,
        is_bridge: true,
        index: IfIndex(5),
        peer_index: None,
        peer_is_here: true,
        ..inside(&mut built(&lab()), &NsName::root()).interfaces["veth0"].clone()
    };
    inside(&mut actual, &NsName::root()).interfaces.insert("docker0".to_owned(), bridge);
    actual
}

#[test]
fn a_bridge_that_the_lab_does_not_own_gets_ports_and_nothing_else() {
    let steps = shown(&on_docker0(), &with_docker0(nothing()));
    let of_bridge: Vec<&String> = steps.iter().filter(|step| step.contains("docker0")).collect();
    assert_eq!(of_bridge, ["~ root:veth0: port of bridge docker0", "~ root:veth2: port of bridge docker0"]);
    let mut actual = with_docker0(built(&on_docker0()));
    for end in ["veth0", "veth2"] {
        inside(&mut actual, &NsName::root()).interfaces.get_mut(end).unwrap().controller = Some(IfIndex(5));
    }
    assert_eq!(shown(&on_docker0(), &actual), Vec::<String>::new());
}

#[test]
fn a_port_leaves_a_foreign_bridge_only_if_the_lab_made_it_one() {
    let mut without = on_docker0();
    without.foreign_bridges.clear();
    without.links.iter_mut().for_each(|link| link.a.bridge = None);
    let mut actual = with_docker0(built(&without));
    let root = inside(&mut actual, &NsName::root());
    for end in ["veth0", "veth2"] {
        root.interfaces.get_mut(end).unwrap().controller = Some(IfIndex(5));
    }
    root.had_ports.insert("veth2".parse().unwrap(), "docker0".parse().unwrap());
    assert_eq!(shown(&without, &actual), ["~ root:veth2: no longer a port"]);
}

#[test]
fn a_bridge_that_is_not_there_or_is_something_else_is_named() {
    let said = |actual: &Actual| missing_bridges(&on_docker0(), actual);
    assert_eq!(said(&nothing()), ["bridge docker0 does not exist, and lab direct does not own it"]);
    let mut actual = with_docker0(nothing());
    assert_eq!(said(&actual), Vec::<String>::new());
    let change = |actual: &mut Actual, change: &dyn Fn(&mut ActualInterface)| {
        change(inside(actual, &NsName::root()).interfaces.get_mut("docker0").unwrap());
    };
    change(&mut actual, &|there| there.is_bridge = false);
    assert_eq!(said(&actual), ["interface docker0 is not a bridge"]);
    change(&mut actual, &|there| there.owner = Owner::Ours);
    assert_eq!(
        said(&actual),
        ["bridge docker0 was created by lab direct: remove `owned = false`, or the bridge"]
    );
}

/// Returns the lab with its second namespace as that of a container.
fn into_container() -> Lab {
    let mut lab = lab();
    let name = lab.namespaces.pop().unwrap().name;
    lab.containers.push(ContainerNamespace { name, container: "shop-web-1".to_owned() });
    lab
}

#[test]
fn a_container_gets_an_end_of_a_link_and_nothing_else() {
    let mut actual = nothing();
    actual.containers.insert("second".parse().unwrap(), Contents::default());
    let steps = shown(&into_container(), &actual);
    let mut of_container: Vec<&str> =
        steps.iter().map(String::as_str).filter(|step| step.contains("second")).collect();
    let link = of_container.remove(0);
    assert!(link.starts_with("+ link to-second: root:veth2 <-> second:eth0"), "{link}");
    assert!(of_container.iter().all(|step| step.contains("second:eth0")), "{of_container:?}");
}

#[test]
fn an_interface_of_a_container_that_has_the_name_of_an_end_is_a_conflict() {
    let mut actual = nothing();
    let theirs = ActualInterface {
        owner: Owner::Foreign,
        ..inside(&mut built(&lab()), &NsName::root()).interfaces["veth0"].clone()
    };
    let contents = Contents { interfaces: [("eth0".to_owned(), theirs)].into(), ..Contents::default() };
    actual.containers.insert("second".parse().unwrap(), contents);
    let said = plan(&into_container(), &actual).unwrap_err().to_string();
    assert_eq!(said, "interface eth0 in namespace second already exists and is not part of lab direct");
}

#[test]
fn a_namespace_that_becomes_a_containers_is_removed_with_its_links() {
    let mut actual = built(&lab());
    actual.containers.insert("second".parse().unwrap(), Contents::default());
    let steps = shown(&into_container(), &actual);
    assert!(steps.contains(&"- link root:veth2".to_owned()), "{steps:?}");
    assert!(steps.contains(&"- namespace second".to_owned()), "{steps:?}");
    assert!(!steps.iter().any(|step| step.starts_with("+ namespace")), "{steps:?}");
}
