//! `netmon run --discover` beside podman, containerd with network plugins, LXC and plain ip(8): names and exact counts.

use netmon_tests::{
    host_agent::HostAgent,
    island::{lone, namespace},
    runtimes::{Docker, End, IMAGE, Lxc, Podman, Pods, Rootless, RuntimeHost, counted::assert_exact},
    sandbox::sandbox,
};

#[test]
fn podman_containers_are_counted_exactly_under_their_names() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let podman = Podman::prepare(&host);
        podman.serve("web", "");
        let agent = HostAgent::start(host.island(), "");
        assert_eq!(agent.links(), ["web:eth0"]);
        podman.serve("db", "");
        agent.until_links(&["db:eth0", "web:eth0"]);
        for name in ["web", "db"] {
            assert_exact(host.island(), &podman.ends(name, name), "", &podman.address(name));
        }
        host.island().assert_nothing_outside(&host.island().survey(&[]), 3);
        podman.run("rm -f -t 0 web");
        agent.until_links(&["db:eth0"]);
    });
}

#[test]
fn rootless_podman_has_its_links_inside_and_a_tap_end_without_a_peer() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let (island, podman) = (host.island(), Rootless::prepare(&host));
        podman.run("run -d --name web --network inner box httpd -f -h /");
        podman.run("run -d --name tap --network slirp4netns box sleep 1000");
        let agent = HostAgent::start(island, "");
        let survey = island.survey(&[]);
        // The user's runtime has no cgroup that says whose the process is, so it is called after the process.
        let (web, tap) = (format!("httpd-{}", podman.pid("web")), format!("sleep-{}", podman.pid("tap")));
        let [link] = &survey.links[..] else { panic!("{:?}", survey.links) };
        assert_eq!((link.b.netns.as_str(), link.b.interface.as_str()), (&*web, "eth0"));
        let inside = link.a.netns.as_str();
        assert_ne!(inside, "root");
        for name in [inside, &web, &tap] {
            assert_eq!(namespace(&survey, name).owner_uid, Some(netmon_tests::unprivileged::UID));
        }
        let taps: Vec<String> = survey.lone_ends.iter().map(lone).collect();
        assert!(taps.contains(&format!("{tap}:tap0 tun")), "{taps:?}");
        assert_eq!(agent.links(), [link.name.as_str()]);
        island.assert_nothing_outside(&survey, 4);
        let ends = [&link.a, &link.b].map(|end| {
            // Each is called after its oldest process.
            let (_, pid) = end.netns.as_str().rsplit_once('-').expect("a name with a number");
            End {
                netns: end.netns.to_string(),
                interface: end.interface.clone(),
                enter: format!("nsenter -t {pid} -n"),
                device: end.interface.clone(),
            }
        });
        let address = podman.run("inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web");
        assert_exact(island, &ends, &ends[0].enter, &address);
    });
}

#[test]
fn a_pod_of_containerd_and_network_plugins_is_counted_exactly_under_its_name() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let pods = Pods::start(&host);
        let address = pods.add("shop", "web-0", 'a');
        let agent = HostAgent::start(host.island(), "");
        assert_eq!(agent.links(), ["shop.web-0:eth0"]);
        assert_exact(host.island(), &pods.ends('a', "shop.web-0"), "", &address);
        host.island().assert_nothing_outside(&host.island().survey(&[]), 2);
        pods.delete('a');
        agent.until_links(&[]);
    });
}

#[test]
fn a_machine_of_lxc_is_counted_exactly_under_its_name() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let machine = Lxc::start(&host, "deb", ["10.0.3.1", "10.0.3.2"]);
        let agent = HostAgent::start(host.island(), "");
        assert_eq!(agent.links(), ["deb:eth0"]);
        assert_exact(host.island(), &machine.ends(), "", "10.0.3.2");
        host.island().assert_nothing_outside(&host.island().survey(&[]), 2);
        machine.stop();
        agent.until_links(&[]);
    });
}

#[test]
fn a_namespace_of_plain_ip_is_counted_exactly_under_its_name() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let island = host.island();
        island.sh("ip netns add blue; ip link add to-blue type veth peer name eth0 netns blue
             ip address add 10.81.0.1/24 dev to-blue; ip link set to-blue up
             ip -n blue address add 10.81.0.2/24 dev eth0; ip -n blue link set eth0 up");
        island.sh(&format!("ip netns exec blue busybox httpd -h {IMAGE} -p 10.81.0.2:80"));
        let agent = HostAgent::start(island, "");
        assert_eq!(agent.links(), ["blue:eth0"]);
        let end = |netns: &str, interface: &str, enter: &str| End {
            netns: netns.to_owned(),
            interface: interface.to_owned(),
            enter: enter.to_owned(),
            device: interface.to_owned(),
        };
        let ends = [end("root", "to-blue", ""), end("blue", "eth0", "ip netns exec blue")];
        assert_exact(island, &ends, "", "10.81.0.2");
        island.assert_nothing_outside(&island.survey(&[]), 2);
    });
}

#[test]
fn one_name_in_docker_podman_and_ip_netns_is_three_labels_in_a_valid_scrape() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let (island, docker, podman) = (host.island(), Docker::start(&host), Podman::prepare(&host));
        docker.serve("web", "");
        podman.serve("web", "");
        island.sh("ip netns add web; ip link add to-web type veth peer name eth0 netns web");
        let agent = HostAgent::start(island, "");
        assert_eq!(agent.links(), ["docker.web:eth0", "netns.web:eth0", "podman.web:eth0"]);
        let (code, metrics) = agent.fetch("/metrics");
        assert_eq!(code, "200");
        let file = "/run/sandbox/metrics";
        std::fs::write(file, metrics).expect("a file");
        let checked = island.sh(&format!("promtool check metrics < {file} 2>&1 || true"));
        assert!(!checked.contains("duplicate") && !checked.contains("error"), "{checked}");
        for (ends, address) in [
            (docker.ends("web", "docker.web"), docker.address("web")),
            (podman.ends("web", "podman.web"), podman.address("web")),
        ] {
            assert_exact(island, &ends, "", &address);
        }
    });
}
