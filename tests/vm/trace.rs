//! A trace of a delay that netem makes: in the rung of the link whose end it is at, and within five per cent.

use netmon_model::trace::What;
use netmon_tests::{
    agent::Agent,
    sandbox::{run, sandbox},
    traced::{arrives, assert_close},
};

const DELAY_NS: u64 = 20_000_000;

#[test]
fn twenty_milliseconds_of_netem_are_in_the_link_and_the_slowest_part() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("tc", &["qdisc", "add", "dev", "veth0", "root", "netem", "delay", "20ms"]);
        let trace = arrives(&["root", "direct_netns", "-c", "10"]);
        let slowest = trace.slowest.as_ref().expect("rungs");
        assert_eq!(slowest.what, What::Link);
        // An emulated machine is late now and then.
        let took = trace.runs.iter().filter_map(|run| run.took_ns.as_ref()?.first().copied());
        assert_close("the link", took.min().expect("runs that went this way"), DELAY_NS);
        assert!(slowest.return_ns < DELAY_NS / 4, "{slowest:?}");
    });
}
