//! `netmon discover --follow`: what appears, moves, is renamed and goes away; and that it holds nothing inside.

use std::time::Duration;

use netmon_model::survey::Change;
use netmon_tests::{
    contained::{Contained, id},
    eventually::eventually,
    following::{Following, Picture},
    island::{Island, ends},
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn add(island: &Island, name: &str) {
    island.sh(&format!("ip netns add {name}; ip link add to-{name} type veth peer name eth0 netns {name}"));
}

#[test]
fn a_link_is_joined_renamed_moved_and_gone() {
    sandbox(|| {
        let island = Island::open();
        let following = Following::start(&island, "");
        add(&island, "blue");
        island.sh("ip netns add red");
        following.until_links(&["blue:eth0"]);
        island.sh("ip -n blue link set eth0 name lan0");
        following.until_links(&["blue:lan0"]);
        island.sh("ip -n blue link set lan0 netns red name wan0");
        following.until_links(&["red:wan0"]);
        let gone = |change: &Change| matches!(change, Change::LinkGone { .. });
        assert!(!following.changes().iter().any(gone), "it was one link all the time");
        island.sh("ip link delete to-blue");
        following.until_links(&[]);
        assert_eq!(following.changes().iter().filter(|change| gone(change)).count(), 1);
    });
}

#[test]
fn a_container_start_as_docker_does_it_ends_under_its_last_name() {
    sandbox(|| {
        let island = Island::open();
        let following = Following::start(&island, "");
        island.sh(
            "ip link add docker0 type bridge
             ip netns add box
             ip link add veth1a2b type veth peer name veth3c4d
             ip link set veth1a2b master docker0; ip link set veth1a2b up
             ip link set veth3c4d netns box; ip -n box link set veth3c4d name eth0; ip -n box link set eth0 up",
        );
        let link = following.until("the link of the box", |picture| {
            picture.links.get("box:eth0").filter(|link| link.a.is_up && link.b.is_up).cloned()
        });
        assert_eq!(ends(&link), ["root:veth1a2b(docker0)", "box:eth0"]);
        assert_eq!(following.picture().links.len(), 1);
    });
}

#[test]
fn nothing_is_held_so_a_deleted_namespace_is_destroyed_at_once() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue");
        add(&island, "held");
        let following = Following::start(&island, "");
        following.until_links(&["blue:eth0", "held:eth0"]);
        let _holder = island.start("holder", "exec 9</run/netns/held; exec sleep 1000");
        eventually("the holder", PATIENCE, || {
            let ready =
                "[ \"$(cat /proc/$(cat /run/sandbox/holder.pid)/comm)\" = sleep ] && echo yes || true";
            (island.sh(ready).trim() == "yes").then_some(())
        });
        let cookie = following.picture().namespaces["blue"].cookie;
        island.sh("ip netns delete blue; ip netns delete held");
        // The end in root goes with the namespace: the kernel itself says that nothing keeps it.
        eventually("the end of the namespace", PATIENCE, || {
            island.sh("ip -o link show to-blue 2>/dev/null || true").is_empty().then_some(())
        });
        assert!(
            !island.sh("ip -o link show to-held").is_empty(),
            "the control: a descriptor keeps its namespace"
        );
        following.until("the change", |picture| (!picture.namespaces.contains_key("blue")).then_some(()));
        let gone = Change::NamespaceGone { name: "blue".parse().expect("a name"), cookie };
        assert!(following.changes().contains(&gone), "{:?}", following.changes());
        let held = following.descriptors();
        assert!(!held.is_empty() && !held.iter().any(|target| target.starts_with("net:[")), "{held:?}");
        let survey = island.survey(&[]);
        assert!(survey.namespaces.iter().all(|netns| netns.cookie != cookie));
    });
}

#[test]
fn a_container_that_is_killed_takes_its_namespace_along_twenty_times() {
    sandbox(|| {
        let island = Island::open();
        let following = Following::start(&island, "");
        for _ in 0..20 {
            add(&island, "box");
            island.sh("ip link set to-box up; ip -n box link set eth0 up");
            let container = Contained::start(&island, "box", "box", &format!("docker/{}", id('a')), true);
            assert!(!island.sh("ip -o link show to-box").is_empty(), "its process keeps the namespace");
            drop(container);
            eventually("the end of the namespace", PATIENCE, || {
                island.sh("ip -o link show to-box 2>/dev/null || true").is_empty().then_some(())
            });
        }
        following.until("root alone", |picture| picture.namespaces.keys().eq(["root"]).then_some(()));
        following.until_links(&[]);
    });
}

#[test]
fn a_hundred_namespaces_come_and_go_without_a_trace() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "stays");
        let following = Following::start(&island, "");
        following.until_links(&["stays:eth0"]);
        let (before, descriptors) = (following.picture(), following.descriptors().len());
        for _ in 0..3 {
            island.sh("for i in $(seq 100); do echo netns add n$i; done | ip -batch -
                 for i in $(seq 100); do echo link add h$i type veth peer name v$i; done | ip -batch -
                 for i in $(seq 100); do echo link set v$i netns n$i name eth0; done | ip -batch -");
            following.until("a hundred more links", |picture| (picture.links.len() == 101).then_some(()));
            island.sh("for i in $(seq 100); do echo netns delete n$i; done | ip -batch -");
            following.until("the picture of before", |picture| same(picture, &before).then_some(()));
        }
        assert_eq!(following.descriptors().len(), descriptors);
    });
}

fn same(one: &Picture, other: &Picture) -> bool {
    one.links.keys().eq(other.links.keys()) && one.namespaces.keys().eq(other.namespaces.keys())
}

#[test]
fn lost_events_are_made_good() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue");
        let following = Following::start(&island, "");
        following.until_links(&["blue:eth0"]);
        // The kernel announces an alias only of an interface that is up.
        island.sh("ip link set to-blue up");
        following.sh("kill -STOP $pid");
        // Each line is an event of 2.3 kB; the buffer has 16 MiB.
        island.sh("for i in $(seq 6000); do echo link set to-blue alias a$i; echo link set to-blue alias b$i; done | ip -batch -");
        add(&island, "late");
        following.sh("kill -CONT $pid");
        following.until_links(&["blue:eth0", "late:eth0"]);
        following.until("a resync", |picture| (picture.resyncs == 1).then_some(()));
        island.sh("ip netns delete late");
        following.until_links(&["blue:eth0"]);
    });
}

#[test]
fn a_reader_that_leaves_ends_the_command() {
    sandbox(|| {
        let island = Island::open();
        let command = format!(
            "{} discover --follow -o json | head -n 1 >/dev/null; echo ended",
            netmon_tests::binary::netmon().display()
        );
        let piped = island.start("piped", &command);
        eventually("the end of the pipe", PATIENCE, || {
            add_and_delete(&island);
            piped.output().contains("ended").then_some(())
        });
    });
}

/// Makes two changes.
fn add_and_delete(island: &Island) {
    add(island, "brief");
    island.sh("ip netns delete brief");
    eventually("the end of the namespace", PATIENCE, || {
        island.sh("ip -o link show to-brief 2>/dev/null || true").is_empty().then_some(())
    });
}
