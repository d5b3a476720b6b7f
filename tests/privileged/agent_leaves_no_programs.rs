//! All that the agent loaded into the kernel is gone after its end, however it ends.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use netmon_kernel::sys::bpf::{
    ObjectKind::{self, Link, Map, Program},
    TcxHook, tcx_chain,
};
use netmon_tests::{
    agent::Agent,
    bpf_objects::{Object, exists, held_by},
    commands::succeeds,
    eventually::eventually,
    interface::ifindex,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

/// A kernel worker frees maps. On an idle machine that takes a moment, on a busy one longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// All eBPF objects of the agent, and those attached to veth0.
fn loaded(agent: &Agent) -> BTreeSet<Object> {
    let mut objects = held_by(agent.pid());
    let veth0 = ifindex("root", "veth0");
    for hook in [TcxHook::Ingress, TcxHook::Egress] {
        objects.extend(tcx_chain(veth0, hook).expect("a chain").into_iter().map(|id| (Program, id)));
    }
    for way in ["ingress", "egress"] {
        let filters = run("tc", &["filter", "show", "dev", "veth0", way]);
        let ids = filters.split(" id ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
        objects.extend(ids.map(|id| (Program, id)));
    }
    objects
}

fn goes_with_the_agent(arguments: &[&str], signal: Signal, kinds: &[ObjectKind]) {
    sandbox(|| {
        let agent = Agent::start(arguments);
        let objects = loaded(&agent);
        for &kind in kinds {
            assert!(objects.iter().any(|&(is, _)| is == kind), "no {kind:?} among {objects:?}");
        }
        assert!(objects.iter().all(|&object| exists(object)), "{objects:?}");
        let (status, _) = agent.end(signal);
        if signal == Signal::KILL {
            // The lab still exists. Its filters and what they hold are removed with it, or by the next agent.
            succeeds(&["down"]);
        } else {
            assert_eq!(status.code(), Some(0));
        }
        let begun = Instant::now();
        let left = || objects.iter().copied().filter(|&object| exists(object)).collect::<Vec<_>>();
        eventually("no program, map or link", PATIENCE, || left().is_empty().then_some(()));
        println!("{} objects gone after {:?}", objects.len(), begun.elapsed());
    });
}

#[test]
fn programs_maps_and_links_go_on_sigterm() {
    goes_with_the_agent(&[], Signal::TERM, &[Program, Map, Link]);
}

#[test]
fn programs_maps_and_filters_go_on_sigint() {
    goes_with_the_agent(&["--attach", "clsact"], Signal::INT, &[Program, Map]);
}

#[test]
fn a_killed_agents_programs_and_links_go_by_themselves_and_its_filters_with_the_lab() {
    goes_with_the_agent(&[], Signal::KILL, &[Program, Map, Link]);
    goes_with_the_agent(&["--attach", "clsact"], Signal::KILL, &[Program, Map]);
}
