//! `netmon run --discover` beside a real dockerd: containers under their users' names, counted exactly, and not disturbed.

use std::{sync::mpsc, thread, time::Duration};

use netmon_tests::{
    agent::scrape,
    eventually::eventually,
    host::left_behind,
    host_agent::HostAgent,
    island::namespace,
    runtimes::{Docker, RuntimeHost, counted::assert_exact},
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(40);

/// Runs a test beside dockerd. Nothing is run where there is none, which is reported.
fn beside_docker(test: impl FnOnce(&RuntimeHost, &Docker<'_>) + Send) {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let docker = Docker::start(&host);
        test(&host, &docker);
    });
}

/// Labels of docker compose.
fn compose(project: &str, service: &str) -> String {
    format!("--label com.docker.compose.project={project} --label com.docker.compose.service={service}")
}

#[test]
fn docker_containers_are_counted_exactly_under_their_names() {
    beside_docker(|host, docker| {
        docker.serve("web", "");
        let agent = HostAgent::start(host.island(), "");
        assert_eq!(agent.links(), ["web:eth0"]);
        docker.serve("one-off", &compose("shop", "db"));
        agent.until_links(&["shop.db:eth0", "web:eth0"]);
        assert_exact(host.island(), &docker.ends("web", "web"), "", &docker.address("web"));
        assert_exact(host.island(), &docker.ends("one-off", "shop.db"), "", &docker.address("one-off"));
        let survey = host.island().survey(&[]);
        assert_eq!(namespace(&survey, "web").remark, None);
        host.island().assert_nothing_outside(&survey, 3);
        // One container asks another, through the bridge.
        let from = format!("nsenter -t {} -n", docker.pid("one-off"));
        assert_exact(host.island(), &docker.ends("web", "web"), &from, &docker.address("web"));
    });
}

#[test]
fn docker_and_its_containers_end_with_the_test_and_leave_nothing_on_the_host() {
    let before = left_behind();
    // A thread that stays outside.
    let (ask, asked) = mpsc::channel();
    let outside = thread::spawn(move || asked.recv().map(|()| left_behind()));
    beside_docker(|host, docker| {
        docker.serve("web", "");
        let agent = HostAgent::start(host.island(), "");
        agent.until_links(&["web:eth0"]);
        ask.send(()).expect("a thread that listens");
        let seen = outside.join().expect("no panic").expect("a question");
        assert_eq!(seen, before, "all of it is in namespaces of its own");
    });
    assert_eq!(left_behind(), before);
}

#[test]
fn docker_rename_under_traffic_loses_no_packet_and_no_series_is_doubled() {
    beside_docker(|host, docker| {
        let island = host.island();
        docker.serve("web", "");
        let agent = HostAgent::start(island, "");
        agent.until_links(&["web:eth0"]);
        let address = docker.address("web");
        let _pinging =
            island.start("ping", &format!("exec ping -q -i 0.002 -c 1500 {address} > /run/sandbox/pinged"));
        docker.run("rename web front");
        agent.until_links(&["front:eth0"]);
        eventually("the end of ping", PATIENCE, || {
            island.sh("cat /run/sandbox/pinged || true").contains("1500 received").then_some(())
        });
        let labels = [("netns", "front"), ("interface", "eth0"), ("protocol", "icmp")];
        let metrics = scrape();
        assert_eq!(metrics.sum("netmon_packets_total", &labels), 3000.0, "1500 in each direction");
        assert_eq!(metrics.count("netmon_endpoint_up", &[("interface", "eth0")]), 1);
    });
}

#[test]
fn docker_containers_that_share_a_network_are_listed_and_counted_once() {
    beside_docker(|host, docker| {
        let island = host.island();
        docker.serve("web", "");
        docker.run("run -d --name sidecar --network container:web box sleep 1000");
        docker.run("run -d --name second --network container:web box sleep 1000");
        docker.run("run -d --name exporter --network host box sleep 1000");
        let agent = HostAgent::start(island, "");
        assert_eq!(agent.links(), ["web:eth0"]);
        let survey = island.survey(&[]);
        let members = |name: &str| -> Vec<String> {
            let mut names: Vec<_> =
                namespace(&survey, name).members.iter().map(|member| member.name.clone()).collect();
            names.sort();
            names
        };
        assert_eq!(members("web"), ["second", "sidecar", "web"]);
        assert_eq!(members("root"), ["exporter"]);
        assert_exact(island, &docker.ends("web", "web"), "", &docker.address("web"));
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn a_docker_container_that_is_removed_frees_its_network_at_once_with_a_second_pair_in_it() {
    beside_docker(|host, docker| {
        let island = host.island();
        docker.serve("web", "");
        let pid = docker.pid("web");
        island.sh(&format!(
            "ip link add extra type veth peer name eth1; ip link set eth1 netns {pid}
             ip link set extra up; nsenter -t {pid} -n ip link set eth1 up"
        ));
        let agent = HostAgent::start(island, "");
        assert_eq!(agent.links(), ["web:eth0", "web:eth1"]);
        let [outside, _] = docker.ends("web", "web");
        let cookie = island.cookie(&format!("/proc/{pid}/ns/net"));
        docker.run("rm -f web");
        eventually("the end of both pairs", Duration::from_secs(1), || {
            let look =
                format!("ls -d /sys/class/net/extra /sys/class/net/{} 2>/dev/null || true", outside.device);
            island.sh(&look).is_empty().then_some(())
        });
        assert!(island.survey(&[]).namespaces.iter().all(|netns| netns.cookie != Some(cookie)));
        agent.until_links(&[]);
    });
}

#[test]
fn docker_that_is_restarted_is_asked_again_for_names() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let docker = Docker::start(&host);
        docker.serve("web", "");
        let agent = HostAgent::start(host.island(), "");
        agent.until_links(&["web:eth0"]);
        docker.stop();
        agent.until_links(&[]);
        let docker = Docker::again(&host);
        docker.run("start web");
        agent.until_links(&["web:eth0"]);
        docker.run("rename web front");
        agent.until_links(&["front:eth0"]);
        assert_exact(host.island(), &docker.ends("front", "front"), "", &docker.address("front"));
    });
}

#[test]
fn a_copy_of_run_in_a_container_keeps_a_deleted_name_and_causes_no_error() {
    beside_docker(|host, docker| {
        let island = host.island();
        island.sh("ip netns add a; ip link add to-a type veth peer name eth0 netns a");
        docker.run("run -d --name copy -v /run:/host-run:rprivate box sleep 1000");
        let agent = HostAgent::start(island, "");
        assert_eq!(agent.links(), ["a:eth0", "copy:eth0"]);
        docker.run("restart -t 0 copy");
        let cookie = island.cookie("/run/netns/a");
        // The copy keeps the name's mount: on such hosts the kernel refuses, or the namespace lives on without a name.
        island.sh("ip netns delete a 2> /dev/null || true; rm -f /run/netns/a");
        let survey = island.survey(&[]);
        let kept: Vec<_> = survey.namespaces.iter().filter(|netns| netns.cookie == Some(cookie)).collect();
        let expected = kept.iter().map(|netns| format!("{}:eth0", netns.name));
        let mut expected: Vec<String> = expected.chain(["copy:eth0".to_owned()]).collect();
        expected.sort();
        agent.until_links(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(kept.iter().all(|netns| netns.name.as_str() != "a"), "{kept:?}");
        assert!(!agent.output().contains("cannot"), "{}", agent.output());
        docker.run("rm -f copy");
    });
}

#[test]
fn the_host_of_a_docker_inside_a_namespace_is_that_namespace() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let island = host.island();
        island.sh("ip netns add foo; ip -n foo link set lo up; ip link add to-foo type veth peer name eth0 netns foo");
        let docker = Docker::start_within(&host, "nsenter --net=/run/netns/foo");
        docker.run("run -d --name exporter --network host box sleep 1000");
        docker.serve("web", "");
        let agent = HostAgent::start(island, "");
        assert_eq!(agent.links().len(), 2);
        let survey = island.survey(&[]);
        let members: Vec<&str> =
            namespace(&survey, "root").members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(members, Vec::<&str>::new());
        let file = "/run/netns/foo".to_owned();
        let foo = survey.namespaces.iter().find(|netns| netns.files.contains(&file)).expect("foo");
        assert!(foo.members.iter().any(|member| member.name == "exporter"), "{foo:?}");
        island.assert_nothing_outside(&survey, 3);
    });
}

#[test]
fn the_last_counts_of_a_docker_container_that_was_removed_are_read_under_its_name() {
    beside_docker(|host, docker| {
        docker.serve("web", "");
        let agent = HostAgent::start(host.island(), "");
        agent.until_links(&["web:eth0"]);
        host.island().sh(&format!("ping -q -i 0.02 -c 5 -w 20 {}", docker.address("web")));
        docker.run("rm -f web");
        eventually("a link that is down", PATIENCE, || {
            let links = agent.links();
            assert_eq!(links, ["web:eth0"], "it is never called otherwise");
            (scrape().sum("netmon_endpoint_up", &[("link", "web:eth0")]) == 0.0).then_some(())
        });
        let labels =
            [("netns", "web"), ("interface", "eth0"), ("direction", "ingress"), ("protocol", "icmp")];
        assert_eq!(scrape().sum("netmon_packets_total", &labels), 5.0);
    });
}
