//! `netmon discover`: every namespace that links lead to, whatever keeps it, and nothing outside of the test.

use std::{collections::BTreeSet, time::Duration};

use netmon_model::survey::{LoneReason, NamedBy, Runtime};
use netmon_tests::{
    contained::Contained,
    eventually::eventually,
    island::{Island, ends, link_names, lone, namespace},
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A veth pair from root to each of some namespaces.
fn spokes(island: &Island, names: &[&str]) {
    for name in names {
        island
            .sh(&format!("ip netns add {name}; ip link add to-{name} type veth peer name eth0 netns {name}"));
    }
}

/// Waits until a process with this name is in no namespace of the test's but its own.
fn await_line(island: &Island, script: &str) -> String {
    eventually(script, PATIENCE, || Some(island.sh(script).trim().to_owned()).filter(|line| !line.is_empty()))
}

#[test]
fn namespaces_are_found_with_their_links_and_bridges() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["blue", "red"]);
        island.sh("ip link add br0 type bridge; ip link set to-blue master br0; ip link set to-blue up; \
                   ip -n blue link set eth0 up; ip link add x netns blue type veth peer name y netns red");
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["blue:eth0", "blue:x--red:y", "red:eth0"]);
        assert_eq!(ends(&survey.links[0]), ["root:to-blue(br0)", "blue:eth0"]);
        assert_eq!(ends(&survey.links[1]), ["blue:x", "red:y"]);
        assert!(survey.links[0].a.is_up && survey.links[0].b.is_up && !survey.links[2].b.is_up);
        assert_eq!(survey.lone_ends, []);
        island.assert_nothing_outside(&survey, 3);
        let blue = namespace(&survey, "blue");
        assert_eq!((blue.named_by, blue.runtime), (NamedBy::Netns, Runtime::Netns));
        assert_eq!(blue.cookie, Some(island.cookie("/run/netns/blue")));
        assert_eq!(
            (&blue.files[..], blue.processes, blue.interfaces),
            (&["/run/netns/blue".to_owned()][..], 0, Some(3))
        );
    });
}

#[test]
fn ends_with_the_same_ifindex_in_every_namespace_are_joined_rightly() {
    sandbox(|| {
        let island = Island::open();
        island.sh("for n in a b c; do ip netns add $n; done
             ip link add p0 index 77 netns a type veth peer name p1 index 77 netns b
             ip link add q0 index 78 netns b type veth peer name q1 index 78 netns c
             ip link add r0 index 78 netns a type veth peer name r1 index 77 netns c");
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["a:p0--b:p1", "a:r0--c:r1", "b:q0--c:q1"]);
        assert_eq!(survey.lone_ends, []);
        island.assert_nothing_outside(&survey, 4);
    });
}

#[test]
fn a_namespace_without_a_name_is_found_through_its_process_and_one_behind_it_too() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["near", "far"]);
        island.sh("ip link delete to-far; ip link add in netns near type veth peer name out netns far");
        let _near = Contained::start(&island, "near", "near", "plain", true);
        let _far = Contained::start(&island, "far", "far", "plain", true);
        let survey = island.survey(&[]);
        assert_eq!(survey.links.len(), 2, "{:?}", link_names(&survey));
        for name in ["near", "far"] {
            let pid = island.sh(&format!("cat /run/sandbox/{name}.pid"));
            let netns = namespace(&survey, &format!("sleep-{}", pid.trim()));
            assert_eq!((netns.runtime, netns.processes, netns.files.len()), (Runtime::Process, 1, 0));
        }
        island.assert_nothing_outside(&survey, 3);
    });
}

#[test]
fn a_namespace_that_only_a_descriptor_keeps_is_found_with_its_holder() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["leaked"]);
        let cookie = island.cookie("/run/netns/leaked");
        let _holder = island.start("holder", "exec 9</run/netns/leaked; exec sleep 1000");
        let pid = await_line(
            &island,
            "p=$(cat /run/sandbox/holder.pid) && [ $(cat /proc/$p/comm) = sleep ] && echo $p || true",
        );
        island.sh("ip netns delete leaked");
        let survey = island.survey(&[]);
        let name = format!("sleep-{pid}");
        assert_eq!(link_names(&survey), [format!("{name}:eth0")]);
        let leaked = namespace(&survey, &name);
        assert_eq!(
            leaked.remark.as_deref(),
            Some(&*format!("kept by a descriptor of sleep (process {pid})"))
        );
        assert_eq!((leaked.cookie, leaked.processes), (Some(cookie), 0));
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn a_namespace_of_another_users_user_namespace_is_found_with_its_owner() {
    sandbox(|| {
        let island = Island::open();
        let _user = island.start("user", "exec setpriv --reuid 65534 --clear-groups unshare -Urn sleep 1000");
        let ready = "p=$(cat /run/sandbox/user.pid) && [ $(cat /proc/$p/comm) = sleep ] && echo $p || true";
        let pid = await_line(&island, ready);
        island.sh(&format!("ip link add to-user type veth peer name eth0; ip link set eth0 netns {pid}"));
        let survey = island.survey(&[]);
        let name = format!("sleep-{pid}");
        assert_eq!(link_names(&survey), [format!("{name}:eth0")]);
        assert_eq!(namespace(&survey, &name).owner_uid, Some(65534));
        assert_eq!(namespace(&survey, "root").owner_uid, None);
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn two_macvlans_on_one_veth_end_are_ends_without_a_peer() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["a", "b"]);
        island.sh("ip link add v0 type veth peer name v1
             for n in a b; do ip link add mac-$n link v0 type macvlan; ip link set mac-$n netns $n; done
             ip -n a tuntap add tap0 mode tap");
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["a:eth0", "b:eth0", "root:v0--root:v1"]);
        let lone: Vec<_> = survey.lone_ends.iter().map(|one| (lone(one), one.reason)).collect();
        let expected = [
            ("a:mac-a macvlan", LoneReason::OnLowerDevice),
            ("a:tap0 tun", LoneReason::Program),
            ("b:mac-b macvlan", LoneReason::OnLowerDevice),
        ];
        assert_eq!(lone, expected.map(|(end, reason)| (end.to_owned(), reason)));
        island.assert_nothing_outside(&survey, 3);
    });
}

#[test]
fn a_plain_file_in_run_netns_is_no_namespace_and_no_error() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["real"]);
        island
            .sh("touch /run/netns/waiting; mkfifo /run/netns/pipe; ln -s /proc/self/ns/mnt /run/netns/other");
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["real:eth0"]);
        assert_eq!(survey.remarks, Vec::<String>::new());
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn netmon_started_inside_a_namespace_calls_that_one_root() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["inner"]);
        let json = island.sh(&format!(
            "ip netns exec inner {} discover -o json",
            netmon_tests::binary::netmon().display()
        ));
        let survey: netmon_model::survey::Survey = serde_json::from_str(&json).expect("a survey");
        assert_eq!(namespace(&survey, "root").cookie, Some(island.cookie("/run/netns/inner")));
        assert_eq!(survey.links.len(), 1);
        assert_eq!(survey.links[0].a.interface, "eth0");
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn five_hundred_namespaces_are_found_and_numbered_nowhere_but_in_the_observer() {
    const COUNT: usize = 500;
    sandbox(|| {
        let island = Island::open();
        island.sh(&format!(
            "for i in $(seq {COUNT}); do echo netns add n$i; done | ip -batch -
             for i in $(seq {COUNT}); do echo link add h$i type veth peer name eth0 netns n$i; done | ip -batch -"
        ));
        let numbers = island.sh("ip netns list-id | sort");
        let survey = island.survey(&[]);
        let names: BTreeSet<&str> = link_names(&survey).into_iter().collect();
        let expected: BTreeSet<String> = (1..=COUNT).map(|i| format!("n{i}:eth0")).collect();
        assert!(names.iter().copied().eq(expected.iter().map(String::as_str)), "{} links", names.len());
        assert!(survey.links.iter().all(|link| link.a.interface == link.b.netns.as_str().replace('n', "h")));
        island.assert_nothing_outside(&survey, COUNT + 1);
        assert_eq!(island.sh("ip netns list-id | sort"), numbers);
        let limited = island.survey(&["--discover-limit", "100"]);
        assert_eq!((limited.links.len(), limited.skipped.values().sum::<usize>()), (50, 900));
    });
}

#[test]
fn filters_choose_by_namespace_interface_and_runtime() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["shop-web", "shop-db", "other"]);
        let links = |arguments: &[&str]| -> Vec<String> {
            link_names(&island.survey(arguments)).into_iter().map(str::to_owned).collect()
        };
        assert_eq!(links(&["--include", "shop-*"]), ["shop-db:eth0", "shop-web:eth0"]);
        assert_eq!(links(&["--include", "shop-*", "--exclude", "*-db"]), ["shop-web:eth0"]);
        assert_eq!(links(&["--include", "interface=to-o*"]), ["other:eth0"]);
        assert_eq!(links(&["--exclude", "runtime=netns"]), Vec::<String>::new());
        let (code, said) = island.netmon(&["discover", "--include", "colour=red"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("write netns=PATTERN"), "{said}");
    });
}

#[test]
fn the_listing_shows_each_link_and_counts_namespaces_without_one() {
    sandbox(|| {
        let island = Island::open();
        spokes(&island, &["blue"]);
        island.sh("ip netns add empty; ip link set to-blue up; ip -n blue link set eth0 up");
        let (code, text) = island.netmon(&["discover"]);
        assert_eq!(code, 0, "{text}");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let row = text.lines().find(|line| line.starts_with("blue:eth0")).expect("a row");
        assert_eq!(words(row), ["blue:eth0", "veth", "root:to-blue", "blue:eth0", "up"]);
        assert!(text.starts_with("1 link in 2 namespaces\n"), "{text}");
        assert!(text.contains("1 namespace without links; --all lists them"), "{text}");
        let (_, all) = island.netmon(&["discover", "--all"]);
        assert!(
            all.lines().any(|line| words(line).starts_with(&["empty".to_owned(), "netns".to_owned()])),
            "{all}"
        );
    });
}
