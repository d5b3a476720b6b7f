//! Generated labs on a real kernel: they come up, all pings that should be answered are, and they leave nothing
//! behind.

use std::fs;

use netmon_model::lab::Lab;
use netmon_tests::{
    commands::{fails, printed, succeeds},
    host::left_behind,
    ping::ping,
    sandbox::sandbox,
};

/// Runs the command that the first lines of the file suggest.
fn run_the_suggested_ping(text: &str) {
    let line = text.lines().find(|line| line.contains(" ping ")).unwrap();
    let words: Vec<_> = line.trim_start_matches('#').split_whitespace().collect();
    match words[..] {
        ["ping", to] => ping("root", to),
        ["netmon", "exec", from, "--", "ping", to] => {
            succeeds(&["exec", from, "--", "ping", "-q", "-c", "1", "-W", "2", to]);
        }
        _ => panic!("{line}"),
    }
}

/// Brings a generated lab up, tries its own suggestion and `pings` (from, to), and takes it down.
fn assert_works(kind: &str, namespaces: &str, pings: fn(&Lab) -> Vec<(String, String)>) {
    sandbox(|| {
        let before = left_behind();
        let text = printed(&["generate", kind, "-n", namespaces]);
        let file = format!("/run/sandbox/{kind}.toml");
        fs::write(&file, &text).unwrap();
        let lab = netmon_labfile::load(file.as_ref()).unwrap();
        succeeds(&["up", &file]);
        run_the_suggested_ping(&text);
        let pings = pings(&lab);
        assert!(!pings.is_empty());
        pings.iter().for_each(|(from, to)| ping(from, to));
        succeeds(&["down", &file]);
        assert_eq!(left_behind(), before);
    });
}

/// For each link, the far end as seen from either side.
fn neighbours(lab: &Lab) -> Vec<(String, String)> {
    let pairs = lab.links.iter().flat_map(|link| [(&link.a, &link.b), (&link.b, &link.a)]);
    pairs.map(|(near, far)| (near.namespace.to_string(), far.addresses[0].addr().to_string())).collect()
}

/// All addresses, from all namespaces.
fn all_pairs(lab: &Lab) -> Vec<(String, String)> {
    let addresses: Vec<_> =
        lab.links.iter().flat_map(|link| [&link.a, &link.b]).flat_map(|end| &end.addresses).collect();
    let from = |name: &str| -> Vec<_> {
        addresses.iter().map(|address| (name.to_owned(), address.addr().to_string())).collect()
    };
    lab.namespaces.iter().flat_map(|namespace| from(namespace.name.as_str())).collect()
}

#[test]
fn a_generated_star_answers_at_every_end() {
    assert_works("star", "3", neighbours);
}

#[test]
fn in_a_generated_chain_every_namespace_reaches_every_address() {
    assert_works("chain", "4", all_pairs);
}

#[test]
fn in_a_generated_ring_every_namespace_reaches_every_address() {
    assert_works("ring", "4", all_pairs);
    assert_works("ring", "5", all_pairs);
}

#[test]
fn in_a_generated_mesh_all_namespaces_are_neighbours() {
    assert_works("mesh", "3", neighbours);
}

#[test]
fn the_first_of_a_long_chain_reaches_the_last() {
    // Longer than the default time to live.
    assert_works("chain", "70", |lab| {
        let far = |index: usize| lab.namespaces[index].name.to_string();
        let end = |index: usize, is_a: bool| {
            let link = &lab.links[index];
            if is_a { &link.a } else { &link.b }.addresses[0].addr().to_string()
        };
        vec![(far(0), end(68, false)), (far(69), end(0, true))]
    });
}

#[test]
fn too_large_a_lab_is_an_error_of_usage() {
    let said = fails(2, &["generate", "star", "-n", "65000"]);
    assert!(said.contains("the largest star in 10.202.0.0/16 has "), "{said}");
}

#[test]
fn on_a_generated_bridge_all_namespaces_are_neighbours() {
    assert_works("bridge", "4", |lab| {
        let mut addresses: Vec<_> =
            lab.links.iter().map(|link| link.b.addresses[0].addr().to_string()).collect();
        addresses.push(lab.bridges[0].addresses[0].addr().to_string());
        let from = |name: String| addresses.iter().map(move |address| (name.clone(), address.clone()));
        lab.namespaces.iter().map(|namespace| namespace.name.to_string()).flat_map(from).collect()
    });
}
