//! Foreign eBPF programs on the same interfaces: they hide nothing from netmon, and they stay.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use netmon_kernel::sys::{
    bpf::{TcxHook, attach_tcx_first, load_classifier, program_id, tcx_chain},
    insn::{Register::R0, TCX_NEXT, TCX_PASS, exit, mov64_imm},
};
use netmon_tests::{
    agent::{Agent, Metrics, Up, scrape},
    eventually::eventually,
    interface::ifindex,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

const VETH0: [(&str, &str); 3] = [("netns", "root"), ("interface", "veth0"), ("protocol", "icmp")];

/// Attaches a program that returns `verdict`, first on a hook of veth0 for as long as the link is held.
fn attach(verdict: i32, hook: TcxHook) -> (OwnedFd, u32) {
    let program = load_classifier("foreign", &[mov64_imm(R0, verdict), exit()]).expect("a program");
    let id = program_id(&program).expect("its number");
    (attach_tcx_first(program.as_fd(), ifindex("root", "veth0"), hook).expect("a link"), id)
}

fn chain(hook: TcxHook) -> Vec<u32> {
    tcx_chain(ifindex("root", "veth0"), hook).expect("a chain")
}

fn ping() {
    run("ping", &["-q", "-c", "5", "-i", "0.02", "10.200.0.3"]);
}

/// ICMP packets that netmon counted at ingress and egress of veth0.
fn counted(metrics: &Metrics) -> [f64; 2] {
    ["ingress", "egress"]
        .map(|way| metrics.sum("netmon_packets_total", &[&VETH0[..], &[("direction", way)]].concat()))
}

fn overtaken() -> f64 {
    scrape().sum("netmon_errors_total", &[("kind", "overtaken")])
}

#[test]
fn a_tcx_program_that_was_there_first_hides_nothing_and_stays() {
    sandbox(|| {
        let _lab = Up::direct();
        let hooks = [TcxHook::Ingress, TcxHook::Egress];
        let foreign = hooks.map(|hook| attach(TCX_PASS, hook));

        let agent = Agent::start([""; 0]);
        ping();
        assert_eq!(counted(&scrape()), [5.0; 2]);
        for (hook, (_, id)) in hooks.into_iter().zip(&foreign) {
            assert_eq!(chain(hook).len(), 2);
            assert_eq!(chain(hook).last(), Some(id), "netmon stands before it");
        }
        assert_eq!(overtaken(), 0.0);

        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
        for (hook, (_, id)) in hooks.into_iter().zip(&foreign) {
            assert_eq!(chain(hook), [*id]);
        }
        ping();
    });
}

#[test]
fn a_tcx_program_attached_before_netmons_is_reported() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let _foreign = attach(TCX_NEXT, TcxHook::Egress);
        ping();
        assert_eq!(counted(&scrape()), [5.0; 2], "it lets packets through");
        await_report();
    });
}

#[test]
fn a_tcx_program_before_netmons_clsact_is_reported() {
    sandbox(|| {
        let _agent = Agent::start(["--attach", "clsact"]);
        let _foreign = attach(TCX_NEXT, TcxHook::Ingress);
        ping();
        assert_eq!(counted(&scrape()), [5.0; 2], "it lets packets through");
        await_report();
    });
}

#[test]
fn a_filter_of_the_first_priority_before_netmons_is_reported() {
    sandbox(|| {
        let _agent = Agent::start(["--attach", "clsact"]);
        assert_eq!(overtaken(), 0.0);
        // TC_ACT_UNSPEC: the next filter decides.
        add_filter("egress", "1", "4294967295");
        assert!(filters("egress")[0].contains("0x7"), "the point of this test: the kernel asks it first");
        ping();
        assert_eq!(counted(&scrape()), [5.0; 2], "it lets packets through");
        await_report();
    });
}

fn await_report() {
    // The agent checks the order every ten seconds.
    eventually("a check of the order", Duration::from_secs(25), || (overtaken() > 0.0).then_some(()));
}

/// Adds a foreign filter, of a kind that needs no compiler: classic BPF that returns `verdict`.
fn add_filter(direction: &str, priority: &str, verdict: &str) {
    let bytecode = format!("1,6 0 0 {verdict}");
    let place = ["filter", "add", "dev", "veth0", direction, "pref", priority, "handle", "0x7"];
    run("tc", &[&place[..], &["bpf", "da", "bytecode", &bytecode]].concat());
}

/// The filters of veth0, one a line, by what distinguishes them, in the kernel's order.
fn filters(direction: &str) -> Vec<String> {
    let said = run("tc", &["filter", "show", "dev", "veth0", direction]);
    said.lines().filter(|line| line.contains("handle")).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_clsact_that_was_there_first_hides_nothing_and_stays_with_its_filters() {
    sandbox(|| {
        let _lab = Up::direct();
        run("tc", &["qdisc", "add", "dev", "veth0", "clsact"]);
        // TC_ACT_OK: filters behind it are not run.
        add_filter("ingress", "2", "0");
        add_filter("egress", "2", "0");
        let ways = ["ingress", "egress"];
        let before = ways.map(filters);

        let agent = Agent::start(["--attach", "clsact"]);
        ping();
        assert_eq!(counted(&scrape()), [5.0; 2]);
        assert_eq!(overtaken(), 0.0);
        for (now, before) in ways.map(filters).iter().zip(&before) {
            assert_eq!(now.len(), 2, "{now:?}");
            assert_eq!(now.last(), before.last(), "netmon stands before it");
        }

        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
        assert_eq!(ways.map(filters), before);
        ping();
    });
}

#[test]
fn a_filter_that_was_added_to_netmons_clsact_keeps_it() {
    sandbox(|| {
        let _lab = Up::direct();
        let agent = Agent::start(["--attach", "clsact"]);
        add_filter("egress", "2", "0");
        let theirs = filters("egress").pop().expect("a filter");
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
        assert_eq!(filters("egress"), [theirs]);
        assert_eq!(filters("ingress"), [""; 0]);
    });
}

#[test]
fn a_clsact_without_foreign_filters_goes_with_the_agent() {
    sandbox(|| {
        let _lab = Up::direct();
        let agent = Agent::start(["--attach", "clsact"]);
        assert!(run("tc", &["qdisc", "show", "dev", "veth0"]).contains("clsact"));
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
        for within in [&[][..], &["-n", "direct_netns"]] {
            assert!(!run("tc", &[within, &["qdisc", "show"]].concat()).contains("clsact"));
        }
    });
}
