//! The names of containers: from a daemon of any version, from bundles, from nothing; and each given once.

use std::time::Duration;

use netmon_model::survey::{NamedBy, Runtime};
use netmon_tests::{
    contained::{Contained, id},
    eventually::eventually,
    fake_daemon::FakeDaemon,
    following::Following,
    island::{Island, link_names, namespace},
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(30);
const DOCKER: &str = "/run/docker.sock";
const PODMAN: &str = "/run/podman/podman.sock";
const DOCKER_29: &str = r#"{"Version": "29.0.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44"}"#;
const PODMAN_4: &str = r#"{"Version": "4.3.1", "ApiVersion": "1.41", "MinAPIVersion": "1.24"}"#;

/// A container of Docker with a link to root, whose id is this digit 64 times.
fn container(island: &Island, name: &'static str, digit: char) -> Contained {
    in_cgroup(island, name, &format!("docker/{}", id(digit)))
}

fn in_cgroup(island: &Island, name: &'static str, cgroup: &str) -> Contained {
    island.sh(&format!("ip netns add {name}; ip link add to-{name} type veth peer name eth0 netns {name}"));
    Contained::start(island, name, name, cgroup, true)
}

fn entry(digit: char, name: &str, more: &str) -> String {
    format!(r#"{{"Id": "{}", "Names": ["/{name}"], "Image": "busybox"{more}}}"#, id(digit))
}

#[test]
fn a_daemon_that_refuses_old_versions_and_lists_odd_entries_names_its_containers() {
    sandbox(|| {
        let island = Island::open();
        let containers = format!(
            "[{}, 7, {}, {{\"Names\": [\"/lost\"]}}]",
            entry(
                'a',
                "web",
                r#", "State": "stopping", "Labels": null, "HostConfig": {"NetworkMode": "bridge"}"#
            ),
            entry(
                'b',
                "shop-db-1",
                r#", "State": 7, "Labels": {"com.docker.compose.project": "shop",
                "com.docker.compose.service": "db", "com.docker.compose.container-number": "1"}"#
            ),
        );
        let daemon = FakeDaemon::start(DOCKER, DOCKER_29, (1, 44), &containers);
        let _web = container(&island, "one", 'a');
        let _db = container(&island, "two", 'b');
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["shop.db:eth0", "web:eth0"]);
        let web = namespace(&survey, "web");
        assert_eq!((web.runtime, web.named_by), (Runtime::Docker, NamedBy::Container));
        let image = web.container.as_ref().and_then(|container| container.image.as_deref());
        assert_eq!((image, web.cookie.is_some(), web.remark.as_deref()), (Some("busybox"), true, None));
        assert_eq!(namespace(&survey, "shop.db").named_by, NamedBy::Compose);
        assert_eq!(survey.remarks, ["2 containers of docker could not be read"]);
        assert_eq!(daemon.asked(), ["/version", "/v1.51/containers/json"]);
        let filtered = island.survey(&["--include", "label=com.docker.compose.project=sh*"]);
        assert_eq!(link_names(&filtered), ["shop.db:eth0"]);
        island.assert_nothing_outside(&survey, 3);
    });
}

#[test]
fn one_name_in_docker_podman_and_run_netns_becomes_three() {
    sandbox(|| {
        let island = Island::open();
        let _docker = FakeDaemon::start(DOCKER, DOCKER_29, (1, 44), &format!("[{}]", entry('a', "web", "")));
        let _podman = FakeDaemon::start(PODMAN, PODMAN_4, (1, 24), &format!("[{}]", entry('b', "web", "")));
        let _one = container(&island, "one", 'a');
        let _two = in_cgroup(&island, "two", &format!("machine.slice/libpod-{}.scope/container", id('b')));
        island.sh("ip netns add web; ip link add to-web type veth peer name eth0 netns web");
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["docker.web:eth0", "netns.web:eth0", "podman.web:eth0"]);
        island.assert_nothing_outside(&survey, 4);
    });
}

#[test]
fn a_shared_stack_is_one_namespace_with_its_members_and_root_lists_those_on_its_network() {
    sandbox(|| {
        let island = Island::open();
        let joins = |mode: &str| format!(r#", "HostConfig": {{"NetworkMode": "{mode}"}}"#);
        let containers = [
            entry('a', "sidecar", &joins(&format!("container:{}", id('b')))),
            entry('b', "web", &joins("bridge")),
            entry('c', "exporter", &joins("host")),
        ];
        let _docker = FakeDaemon::start(DOCKER, DOCKER_29, (1, 44), &format!("[{}]", containers.join(",")));
        island.sh("ip netns add shared; ip link add to-shared type veth peer name eth0 netns shared");
        let _sidecar = Contained::start(&island, "sidecar", "shared", &format!("docker/{}", id('a')), false);
        let _web = Contained::start(&island, "web", "shared", &format!("docker/{}", id('b')), true);
        let _exporter = Contained::start(&island, "exporter", "root", &format!("docker/{}", id('c')), false);
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["web:eth0"]);
        let members = |name: &str| -> Vec<String> {
            namespace(&survey, name).members.iter().map(|member| member.name.clone()).collect()
        };
        assert_eq!(members("web"), ["sidecar", "web"]);
        assert_eq!(members("root"), ["exporter"]);
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn a_daemon_that_does_not_answer_costs_names_and_nothing_else() {
    sandbox(|| {
        let island = Island::open();
        let daemon = FakeDaemon::start(DOCKER, DOCKER_29, (1, 44), "[]");
        daemon.fall_silent();
        let _web = container(&island, "one", 'a');
        let survey = island.survey(&[]);
        let netns = namespace(&survey, "aaaaaaaaaaaa");
        assert_eq!((netns.named_by, netns.runtime), (NamedBy::ContainerId, Runtime::Docker));
        let remark = netns.remark.as_deref().expect("a reason");
        assert_eq!(remark, "docker has not said its name: /run/docker.sock does not answer within 2s");
        assert_eq!(daemon.asked(), ["/version"]);
    });
}

#[test]
fn without_a_daemon_the_id_is_shown_with_the_reason() {
    sandbox(|| {
        let island = Island::open();
        let _web = container(&island, "one", 'a');
        let survey = island.survey(&[]);
        let remark = namespace(&survey, "aaaaaaaaaaaa").remark.clone().expect("a reason");
        assert_eq!(remark, "docker has not said its name: there is no /run/docker.sock");
    });
}

#[test]
fn a_pod_is_named_by_its_bundle_and_not_after_its_pause_process() {
    sandbox(|| {
        let island = Island::open();
        island.sh(&format!(
            "d=/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}; mkdir -p $d; cat > $d/config.json <<'END'
{{\"ociVersion\": \"1.0.2\", \"annotations\": {{\"io.kubernetes.cri.container-type\": \"sandbox\",
 \"io.kubernetes.cri.sandbox-name\": \"web-0\", \"io.kubernetes.cri.sandbox-namespace\": \"shop\",
 \"io.kubernetes.cri.sandbox-uid\": \"0a1b2c3d-0000-1111-2222-333344445555\"}}}}
END",
            id('a')
        ));
        let slice = "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0a1b2c3d_0000_1111_2222_333344445555.slice";
        let name = "cni-0a1b2c3d-0000-1111-2222-333344445555";
        island.sh(&format!("ip netns add {name}; ip link add cali1 type veth peer name eth0 netns {name}"));
        let cgroup = format!("{slice}/cri-containerd-{}.scope", id('a'));
        let _pause = Contained::start(&island, "pause", name, &cgroup, false);
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["shop.web-0:eth0"]);
        let pod = namespace(&survey, "shop.web-0").pod.as_ref().expect("a pod");
        assert_eq!(pod.uid.as_deref(), Some("0a1b2c3d-0000-1111-2222-333344445555"));
        island.assert_nothing_outside(&survey, 2);
    });
}

#[test]
fn a_rename_is_followed_and_a_daemon_that_hangs_up_is_asked_again() {
    sandbox(|| {
        let island = Island::open();
        let list = |name: &str| format!("[{}]", entry('a', name, ""));
        let daemon = FakeDaemon::start(DOCKER, DOCKER_29, (1, 44), &list("web"));
        let _web = container(&island, "one", 'a');
        let following = Following::start(&island, "");
        following.until_links(&["web:eth0"]);
        eventually("a listener", PATIENCE, || (daemon.listeners() == 1).then_some(()));
        daemon.change(&list("front"), "{\"Action\": \"rename\"\n\u{fffd} not json");
        following.until_links(&["front:eth0"]);
        daemon.hang_up();
        eventually("another listener", PATIENCE, || (daemon.listeners() == 1).then_some(()));
        daemon.change(&list("back"), "{}");
        following.until_links(&["back:eth0"]);
        let changes = following.changes();
        let is_kept = |change: &netmon_model::survey::Change| {
            !matches!(
                change,
                netmon_model::survey::Change::LinkGone { .. }
                    | netmon_model::survey::Change::NamespaceGone { .. }
            )
        };
        assert!(changes.iter().all(is_kept), "a renamed container stays the same: {changes:?}");
    });
}

#[test]
fn machines_of_nspawn_are_named_by_their_cgroup_and_not_by_a_device_that_cuts_the_name() {
    sandbox(|| {
        let island = Island::open();
        // systemd-nspawn makes `ve-MACHINE` of at most 15 bytes, so these two have one beginning.
        let machine = |name: &'static str, device: &str, unit: &str| {
            island.sh(&format!(
                "ip netns add {name}; ip link add {device} type veth peer name host0 netns {name}"
            ));
            let cgroup = format!("machine.slice/{unit}/payload");
            Contained::start(&island, name, name, &cgroup, true)
        };
        let one = "systemd-nspawn@debian-machine-one.service";
        let _one = machine("first", "ve-debian-machi", one);
        let _two = machine("second", "ve-debianVGpi1c", "machine-debian\\x2dmachine\\x2dtwo.scope");
        island.sh("nsenter -t $(cat /run/sandbox/second.pid) -n ip link set host0 name lan0");
        let survey = island.survey(&[]);
        assert_eq!(link_names(&survey), ["debian-machine-one:host0", "debian-machine-two:lan0"]);
        for name in ["debian-machine-one", "debian-machine-two"] {
            let netns = namespace(&survey, name);
            assert_eq!((netns.named_by, netns.runtime), (NamedBy::Machine, Runtime::Machine));
        }
        island.assert_nothing_outside(&survey, 3);
    });
}
