//! Names of namespaces of every kind.

use std::collections::BTreeMap;

use super::*;

const ID: &str = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a";

fn docker(id: &str) -> Owner {
    Owner::Container { runtime: Runtime::Docker, id: id.to_owned() }
}

fn inside(owners: &[Owner]) -> Evidence {
    Evidence {
        cookie: Some(Cookie(77)),
        owners: owners.to_vec(),
        process: Some((123, "nginx".to_owned())),
        ..Evidence::default()
    }
}

fn named(name: &str) -> Facts {
    Facts { name: Some(name.to_owned()), ..Facts::default() }
}

fn catalog(containers: &[(&str, Facts)]) -> Catalog {
    let containers = containers.iter().map(|(id, facts)| ((*id).to_owned(), facts.clone())).collect();
    Catalog { containers, silent: BTreeMap::new() }
}

fn with_labels(facts: Facts, labels: &[(&str, &str)]) -> Facts {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Facts { labels, ..facts }
}

fn name_of(evidence: &Evidence, catalog: &Catalog) -> (NamedBy, String) {
    let named = choose(evidence, catalog);
    (named.named_by, named.name)
}

fn is(by: NamedBy, name: &str) -> (NamedBy, String) {
    (by, name.to_owned())
}

const PROJECT: (&str, &str) = ("com.docker.compose.project", "shop");
const SERVICE: (&str, &str) = ("com.docker.compose.service", "web");

#[test]
fn the_name_that_a_user_chose_comes_before_all_others() {
    let all = [("netmon.name", "front"), PROJECT, SERVICE];
    let (evidence, facts) = (inside(&[docker(ID)]), named("shop-web-1"));
    let of = |facts: &Facts| name_of(&evidence, &catalog(&[(ID, facts.clone())]));
    let pod = Some(Pod { name: "web-0".to_owned(), namespace: "prod".to_owned(), uid: None });
    assert_eq!(of(&with_labels(facts.clone(), &all)), is(NamedBy::Label, "front"));
    let in_pod = Facts { pod, ..with_labels(facts.clone(), &all[1..]) };
    assert_eq!(of(&in_pod), is(NamedBy::Pod, "prod.web-0"));
    assert_eq!(of(&with_labels(facts.clone(), &all[1..])), is(NamedBy::Compose, "shop.web"));
    assert_eq!(of(&facts), is(NamedBy::Container, "shop-web-1"));
}

#[test]
fn the_second_container_of_a_service_has_a_number() {
    let of = |number: &'static str| {
        let labels = [PROJECT, SERVICE, ("com.docker.compose.container-number", number)];
        name_of(&inside(&[docker(ID)]), &catalog(&[(ID, with_labels(named("x"), &labels))])).1
    };
    assert_eq!((of("1"), of("2")), ("shop.web".to_owned(), "shop.web-2".to_owned()));
}

#[test]
fn a_container_without_a_known_name_is_its_id_with_the_reason() {
    let evidence = inside(&[docker(ID)]);
    let mut nothing = Catalog::default();
    let of = |catalog: &Catalog| choose(&evidence, catalog);
    assert_eq!(of(&nothing).name, "4bf5122f3445");
    assert_eq!(of(&nothing).remark.as_deref(), Some("no bundle and no list of docker has its name"));
    nothing.silent.insert(Runtime::Docker, "there is no /run/docker.sock".to_owned());
    let remark = of(&nothing).remark.unwrap();
    assert_eq!(remark, "docker has not said its name: there is no /run/docker.sock");
    assert_eq!(of(&nothing).runtime, Runtime::Docker);
}

#[test]
fn a_shared_stack_belongs_to_the_container_that_joined_no_other() {
    let joins = |name: &str| Facts { joins_another: true, ..named(name) };
    let catalog = catalog(&[("1", joins("sidecar")), ("2", named("web")), ("3", joins("debug"))]);
    let named = choose(&inside(&["1", "2", "3"].map(docker)), &catalog);
    assert_eq!(named.name, "web");
    let members: Vec<_> = named.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(members, ["sidecar", "web", "debug"]);
}

#[test]
fn a_pod_belongs_to_its_sandbox_and_is_never_called_pause() {
    let pod = Some(Pod { name: "web-0".to_owned(), namespace: "prod".to_owned(), uid: None });
    let container = Facts { pod: pod.clone(), ..named("nginx") };
    let sandbox = Facts { pod, is_sandbox: true, ..named("k8s_POD_web-0") };
    let named =
        choose(&inside(&["app", "pause"].map(docker)), &catalog(&[("app", container), ("pause", sandbox)]));
    assert_eq!(named.name, "prod.web-0");
    assert_eq!(named.container.unwrap().id, "pause");
}

#[test]
fn root_is_root_and_lists_the_containers_on_its_network() {
    let unit = Owner::Unit("ssh".to_owned());
    let evidence = Evidence { is_root: true, ..inside(&[unit, docker("1")]) };
    let named = choose(&evidence, &catalog(&[("1", named("exporter"))]));
    assert_eq!((named.name.as_str(), named.runtime), ("root", Runtime::Host));
    assert_eq!(named.members, [Member { runtime: Runtime::Docker, name: "exporter".to_owned() }]);
    assert_eq!((named.container, named.remark), (None, None));
}

#[test]
fn a_name_in_run_netns_counts_unless_a_plugin_drew_it() {
    let of = |name: &str| {
        let evidence = Evidence { names: vec![name.to_owned()], ..inside(&[]) };
        name_of(&evidence, &Catalog::default())
    };
    assert_eq!(of("blue"), is(NamedBy::Netns, "blue"));
    for drawn in [
        "cni-0a1b2c3d-0000-1111-2222-333344445555",
        "netns-0a1b2c3d-0000-1111-2222-333344445555",
        "0a1b2c3d-0000-1111-2222-333344445555",
        "4bf5122f3445",
    ] {
        assert_eq!(of(drawn), is(NamedBy::Process, "nginx-123"), "{drawn}");
    }
    assert_eq!(of("cni-lab"), is(NamedBy::Netns, "cni-lab"));
}

#[test]
fn machines_and_units_have_their_own_names() {
    let machine = Owner::Machine { runtime: Runtime::Lxc, name: "db".to_owned() };
    let named = choose(&inside(&[machine]), &Catalog::default());
    assert_eq!((named.name.as_str(), named.runtime), ("db", Runtime::Lxc));
    let named = choose(&inside(&[Owner::Unit("proxy".to_owned())]), &Catalog::default());
    assert_eq!((named.name.as_str(), named.runtime), ("proxy", Runtime::Systemd));
}

#[test]
fn a_namespace_that_only_a_descriptor_keeps_says_so() {
    let held = Evidence { holder: Some((9, "sleep".to_owned())), ..Evidence::default() };
    let named = choose(&held, &Catalog::default());
    assert_eq!(named.name, "sleep-9");
    assert_eq!(named.remark.as_deref(), Some("kept by a descriptor of sleep (process 9)"));
    let lost = Evidence { cookie: Some(Cookie(5)), ..Evidence::default() };
    let named = choose(&lost, &Catalog::default());
    assert_eq!((named.name.as_str(), named.named_by), ("ns-5", NamedBy::Cookie));
    assert_eq!(named.remark.as_deref(), Some("no process and no file is known that keeps it"));
}
