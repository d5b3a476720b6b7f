//! Tunnels that the development kernel lacks: Geneve, GRE, IP in IP.

use netmon_tests::{agent::Agent, sandbox::sandbox, tunnel_devices::compare_all};

#[test]
fn wire_bytes_of_every_tunnel_are_those_that_the_kernel_receives() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let had = compare_all();
        for kind in ["vxlan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6tnl"] {
            assert!(had.contains(&kind), "{kind} is missing: {had:?}");
        }
    });
}
