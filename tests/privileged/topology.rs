//! Labs built and removed on a real kernel, checked with `ip` and `ping`.

use std::{fs, path::Path, time::Duration};

use netmon::{
    ownership::Claim,
    topology::{self, AttachObserver, Endpoint, Report, Step, TopologyError, error::BoxError},
};
use netmon_kernel::netlink::Netlink;
use netmon_model::{lab::Lab, progress::Silent};
use netmon_tests::{
    eventually::eventually,
    host::left_behind,
    labs::{direct, empty, end, link, namespace, route, star, valid},
    sandbox::{run, sandbox},
};

fn up(lab: &Lab) -> Result<Vec<Endpoint>, TopologyError> {
    let mut endpoints = Vec::new();
    topology::up(lab, &Claim::take(&lab.name)?, &mut endpoints, &Silent)?;
    Ok(endpoints)
}

fn steps(lab: &Lab) -> Vec<Step> {
    topology::plan(lab).unwrap().steps().cloned().collect()
}

fn down(lab: &Lab) -> Report {
    let report = topology::down(&Claim::take(&lab.name).unwrap(), |_, _| Vec::new(), &Silent);
    assert_eq!(report.errors, Vec::<String>::new());
    report
}

#[test]
fn the_classic_lab_is_what_ip_and_ping_say_it_is() {
    sandbox(|| {
        let before = left_behind();
        let lab = direct();
        let endpoints = up(&lab).unwrap();
        assert_eq!(run("ip", &["netns", "list"]).split_whitespace().next(), Some("direct_netns"));
        run("ping", &["-c", "3", "-i", "0.01", "-W", "1", "10.200.0.3"]);
        run("ip", &["netns", "exec", "direct_netns", "ping", "-c", "1", "-W", "1", "fd00:200::2"]);
        let inside = |arguments: &[&str]| run("ip", &[&["-n", "direct_netns"], arguments].concat());
        assert!(inside(&["route"]).contains("default via 10.200.0.2 dev veth1"));
        assert!(inside(&["-6", "route"]).contains("default via fd00:200::2 dev veth1"));
        assert!(inside(&["link", "show", "lo"]).contains("alias netmon:direct"));
        assert!(inside(&["link", "show", "lo"]).contains("UP"));
        assert!(inside(&["link", "show", "veth1"]).contains("alias netmon:direct"));
        assert!(run("ip", &["link", "show", "veth0"]).contains("alias netmon:direct"));
        let seen = run("ip", &["netns", "exec", "direct_netns", "cat", "/etc/resolv.conf"]);
        assert_eq!(seen.lines().nth(1), Some("nameserver 10.200.0.2"));
        let forward = ["netns", "exec", "direct_netns", "sysctl", "-n", "net.ipv4.ip_forward"];
        assert_eq!(run("ip", &forward).trim(), "1");
        let [a, b] = &endpoints[..] else { panic!("{endpoints:?}") };
        assert_eq!((a.ifindex, a.peer_ifindex), (b.peer_ifindex, b.ifindex));
        assert_ne!(a.cookie, b.cookie);
        drop(endpoints);
        let report = down(&lab);
        assert_eq!((report.namespaces, report.interfaces), (1, 1));
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn up_twice_is_a_plan_without_steps_and_the_same_endpoints() {
    sandbox(|| {
        let lab = direct();
        let first = up(&lab).unwrap();
        assert_eq!(steps(&lab), []);
        let index =
            |endpoints: &[Endpoint]| endpoints.iter().map(|e| (e.cookie, e.ifindex)).collect::<Vec<_>>();
        assert_eq!(index(&up(&lab).unwrap()), index(&first));
    });
}

#[test]
fn a_changed_lab_changes_only_what_differs() {
    sandbox(|| {
        let mut lab = direct();
        let first = up(&lab).unwrap();
        lab.links[0].b.addresses.push(valid("10.201.0.3/24"));
        lab.links[0].mtu = Some(1400);
        lab.namespaces[0].routes.remove(1);
        lab.namespaces[0].nameservers = None;
        lab.namespaces.push(namespace("second"));
        lab.links.push(link(end("direct_netns", "up0", &[]), end("second", "up0", &[])));
        let plan = topology::plan(&lab).unwrap().to_string();
        assert!(!plan.contains("link root:veth0") && plan.contains("+ namespace second"), "{plan}");
        let second = up(&lab).unwrap();
        assert_eq!(steps(&lab), []);
        assert_eq!((second[0].ifindex, second[0].cookie), (first[0].ifindex, first[0].cookie));
        // And back again.
        assert_eq!(up(&direct()).unwrap().len(), 2);
        assert_eq!(run("ip", &["netns", "list"]).split_whitespace().next(), Some("direct_netns"));
        drop((first, second));
        down(&lab);
    });
}

#[test]
fn addresses_of_one_network_change_even_if_the_primary_goes() {
    sandbox(|| {
        let with = |addresses: &[&str]| {
            let mut lab = direct();
            lab.links[0].b.addresses = addresses.iter().map(|address| valid(address)).collect();
            lab
        };
        let all = with(&["10.200.0.3/24", "10.200.0.4/24", "10.200.0.5/24", "fd00:200::3/64"]);
        drop(up(&all).unwrap());
        let before = left_behind();
        let mut wrong = with(&["10.200.0.5/24", "fd00:200::3/64"]);
        wrong.namespaces[0].routes.push(route("10.9.0.0/16", "10.77.0.1"));
        up(&wrong).unwrap_err();
        assert_eq!(left_behind(), before);
        assert_eq!(steps(&all), []);

        let lab = with(&["10.200.0.5/24", "fd00:200::3/64"]);
        drop(up(&lab).unwrap());
        assert_eq!(steps(&lab), []);
        run("ping", &["-c", "1", "-W", "1", "10.200.0.5"]);
        let routes = run("ip", &["-n", "direct_netns", "route"]);
        assert!(routes.contains("default via 10.200.0.2 dev veth1"), "{routes}");
    });
}

#[test]
fn a_link_that_is_created_again_keeps_its_sysctls_and_the_routes_of_its_network() {
    sandbox(|| {
        let mut lab = direct();
        let key = "net.ipv4.conf.veth1.rp_filter";
        lab.namespaces[0].sysctls.insert(key.to_owned(), "2".to_owned());
        lab.links.push(link(end("root", "s0", &[]), end("direct_netns", "s1", &["10.200.0.33/24"])));
        drop(up(&lab).unwrap());
        lab.links[0].a.interface = valid("other0");
        drop(up(&lab).unwrap());
        assert_eq!(steps(&lab), []);
        let value = run("ip", &["netns", "exec", "direct_netns", "sysctl", "-n", key]);
        assert_eq!(value.trim(), "2");
        let routes = run("ip", &["-n", "direct_netns", "route"]);
        assert!(routes.contains("default via 10.200.0.2"), "{routes}");
    });
}

#[test]
fn a_foreign_object_is_a_conflict_and_nothing_is_changed() {
    sandbox(|| {
        run("ip", &["netns", "add", "direct_netns"]);
        run("ip", &["link", "add", "veth0", "type", "veth", "peer", "name", "other"]);
        fs::create_dir_all("/etc/netns/direct_netns").unwrap();
        fs::write("/etc/netns/direct_netns/resolv.conf", "nameserver 9.9.9.9\n").unwrap();
        let before = left_behind();
        let error = up(&direct()).unwrap_err();
        assert!(error.is_conflict());
        for taken in ["namespace direct_netns", "interface veth0", "/etc/netns/direct_netns/resolv.conf"] {
            assert!(error.to_string().contains(taken), "{error}");
        }
        assert_eq!(left_behind(), before);
        down(&direct());
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn objects_of_another_lab_are_foreign() {
    sandbox(|| {
        let (one, mut two) = (direct(), direct());
        two.name = valid("two");
        up(&one).unwrap();
        let before = left_behind();
        assert!(up(&two).unwrap_err().is_conflict());
        down(&two);
        assert_eq!(left_behind(), before);
    });
}

/// An instrument that refuses, as on a kernel without eBPF.
struct Refuses;

impl AttachObserver for Refuses {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        for endpoint in endpoints {
            let interfaces = Netlink::open_in(&endpoint.netns)?.interfaces()?;
            let there = interfaces.iter().find(|there| there.name == endpoint.interface.as_str());
            assert!(there.is_some_and(|there| !there.up && there.index == endpoint.ifindex.0), "{there:?}");
        }
        Err("no programs today".into())
    }
}

#[test]
fn a_failure_half_way_leaves_the_host_as_it_was() {
    sandbox(|| {
        let before = left_behind();
        let lab = direct();
        let claim = Claim::take(&lab.name).unwrap();
        let error = topology::up(&lab, &claim, &mut Refuses, &Silent).unwrap_err();
        assert!(
            matches!(&error, TopologyError::Undone(step) if matches!(**step, TopologyError::AttachObserver(_))),
            "{error}"
        );
        drop(claim);
        assert_eq!(left_behind(), before);
        // A setting that the kernel does not have, and a route that leads nowhere: both fail in late steps.
        let mut wrong = direct();
        wrong.namespaces[0].sysctls.insert("net.ipv4.no_such_key".to_owned(), "1".to_owned());
        assert!(up(&wrong).unwrap_err().to_string().contains("net.ipv4.no_such_key"));
        assert_eq!(left_behind(), before);
        let mut wrong = direct();
        wrong.namespaces[0].routes.push(route("10.9.0.0/16", "10.77.0.1"));
        let error = netmon_model::error::chain(&up(&wrong).unwrap_err());
        assert!(error.contains("10.77.0.1"), "{error}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_failure_while_changing_a_lab_leaves_the_lab_as_it_was() {
    sandbox(|| {
        let lab = direct();
        drop(up(&lab).unwrap());
        let state = fs::read("/run/netmon/direct/state.json").unwrap();
        let before = left_behind();
        let mut wrong = direct();
        wrong.namespaces.push(namespace("second"));
        wrong.links.push(link(end("root", "s0", &["10.5.0.1/24"]), end("second", "s1", &[])));
        wrong.links[0].a.addresses.push(valid("10.6.0.1/24"));
        wrong.namespaces[1].routes.push(route("10.9.0.0/16", "10.77.0.1"));
        up(&wrong).unwrap_err();
        assert_eq!(left_behind(), before);
        assert_eq!(fs::read("/run/netmon/direct/state.json").unwrap(), state);
        assert_eq!(steps(&lab), []);
    });
}

#[test]
fn a_damaged_state_costs_only_a_warning() {
    sandbox(|| {
        let before = left_behind();
        let lab = direct();
        for damage in ["", "{\"version\":1", "\0\0\0", "[]"] {
            drop(up(&lab).unwrap());
            fs::write("/run/netmon/direct/state.json", damage).unwrap();
            assert_eq!(steps(&lab), []);
            down(&lab);
            assert_eq!(left_behind(), before);
        }
    });
}

#[test]
fn a_lab_that_is_held_says_by_whom() {
    sandbox(|| {
        let lab = direct();
        let held = Claim::take(&lab.name).unwrap();
        let error = up(&lab).unwrap_err();
        assert!(
            error.is_conflict() && error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
        drop(held);
        up(&lab).unwrap();
    });
}

#[test]
fn a_namespace_held_by_a_foreign_process_loses_its_links_and_its_name() {
    sandbox(|| {
        let before = left_behind();
        let lab = direct();
        drop(up(&lab).unwrap());
        let mut sleeper = std::process::Command::new("ip")
            .args(["netns", "exec", "direct_netns", "sleep", "60"])
            .spawn()
            .unwrap();
        let inside = || {
            let comm = fs::read_to_string(format!("/proc/{}/comm", sleeper.id())).unwrap_or_default();
            comm.trim() == "sleep"
        };
        eventually("a process in the namespace", Duration::from_secs(10), || inside().then_some(()));
        let report = down(&lab);
        let named = report.warnings.iter().any(|w| w.contains(&format!("process {} (sleep)", sleeper.id())));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert!(named, "{:?}", report.warnings);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn an_unfinished_namespace_name_is_cleared_only_if_it_has_netmons_mark() {
    sandbox(|| {
        fs::create_dir_all("/run/netns").unwrap();
        fs::write("/run/netns/direct_netns", "netmon:direct").unwrap();
        fs::write("/run/netns/stranger", "").unwrap();
        drop(up(&direct()).unwrap());
        down(&direct());
        assert!(Path::new("/run/netns/stranger").exists());
        assert!(!Path::new("/run/netns/direct_netns").exists());
    });
}

#[test]
fn both_ends_may_be_in_one_namespace_and_both_in_root() {
    sandbox(|| {
        let before = left_behind();
        let mut lab = empty("pairs");
        lab.namespaces.push(namespace("one"));
        lab.links.push(link(end("one", "a0", &["10.1.0.1/24"]), end("one", "a1", &["10.1.1.1/24"])));
        lab.links.push(link(end("root", "a0", &["10.2.0.1/24"]), end("root", "a1", &["10.2.1.1/24"])));
        drop(up(&lab).unwrap());
        assert_eq!(steps(&lab), []);
        down(&lab);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_hundred_namespaces_come_and_go() {
    sandbox(|| {
        let before = left_behind();
        let lab = star(100);
        assert_eq!(up(&lab).unwrap().len(), 200);
        assert_eq!(run("ip", &["netns", "list"]).lines().count(), 100);
        assert_eq!(steps(&lab), []);
        run("ping", &["-c", "1", "-W", "1", "10.100.1.142"]);
        assert_eq!(down(&lab).namespaces, 100);
        assert_eq!(left_behind(), before);
    });
}
