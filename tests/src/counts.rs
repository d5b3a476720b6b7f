//! What passed the ends of a link, as netmon's hooks count it and as the kernel does (`ip -s link`), read at one
//! moment.
//!
//! IPv6 sends packets of its own now and then, so both are read until nothing passes in between.

use std::array;

use serde_json::Value;

use crate::{
    agent::{Metrics, scrape},
    sandbox::run,
};

/// How often a link is read before the test gives up on a quiet moment.
const LOOKS: u32 = 200;
/// How often a load is repeated.
const RUNS: u32 = 10;
/// The hooks, in the order of [`End::hooks`] and [`End::kernel`].
pub const DIRECTIONS: [&str; 2] = ["ingress", "egress"];
/// The ends of the lab `direct`.
pub const DIRECT: [(&str, &str); 2] = [("root", "veth0"), ("direct_netns", "veth1")];

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Packets, or segments.
    pub packets: f64,
    /// Bytes, or wire bytes.
    pub bytes: f64,
}

/// What one hook counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hook {
    /// Packets and bytes, where a super-packet is one packet.
    pub whole: Count,
    /// Segments and wire bytes.
    pub wire: Count,
}

/// One end of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct End {
    /// As netmon counts: ingress, egress.
    pub hooks: [Hook; 2],
    /// As the kernel counts: received, sent.
    pub kernel: [Count; 2],
    /// What the kernel could not hand over to the peer, and therefore did not count as sent.
    pub not_handed_over: f64,
}

impl Count {
    fn since(self, before: Self) -> Self {
        Self { packets: self.packets - before.packets, bytes: self.bytes - before.bytes }
    }
}

impl End {
    fn read(metrics: &Metrics, namespace: &str, interface: &str) -> Self {
        let (kernel, not_handed_over) = kernel(namespace, interface);
        let hook = |direction| hook(metrics, namespace, interface, direction);
        Self { hooks: DIRECTIONS.map(hook), kernel, not_handed_over }
    }

    fn since(self, before: Self) -> Self {
        let hook = |of: usize| Hook {
            whole: self.hooks[of].whole.since(before.hooks[of].whole),
            wire: self.hooks[of].wire.since(before.hooks[of].wire),
        };
        Self {
            hooks: array::from_fn(hook),
            kernel: array::from_fn(|of| self.kernel[of].since(before.kernel[of])),
            not_handed_over: self.not_handed_over - before.not_handed_over,
        }
    }
}

fn hook(metrics: &Metrics, namespace: &str, interface: &str, direction: &str) -> Hook {
    let labels = [("netns", namespace), ("interface", interface), ("direction", direction)];
    let count =
        |packets, bytes| Count { packets: metrics.sum(packets, &labels), bytes: metrics.sum(bytes, &labels) };
    Hook {
        whole: count("netmon_packets_total", "netmon_bytes_total"),
        wire: count("netmon_segments_total", "netmon_wire_bytes_total"),
    }
}

/// What the kernel counted on an interface: received and sent, and packets that it could not hand over to the peer.
///
/// # Panics
///
/// If `ip` does not show the interface.
#[must_use]
pub fn kernel(namespace: &str, interface: &str) -> ([Count; 2], f64) {
    let within = if namespace == "root" { vec![] } else { vec!["-n", namespace] };
    let said = run("ip", &[&within[..], &["-s", "-j", "link", "show", interface]].concat());
    let json: Value = serde_json::from_str(&said).expect("ip prints JSON");
    let number = |way: &str, what: &str| json[0]["stats64"][way][what].as_f64().expect("a count");
    let count = |way| Count { packets: number(way, "packets"), bytes: number(way, "bytes") };
    ([count("rx"), count("tx")], number("tx", "dropped"))
}

/// Both counts of all `ends` (namespace, interface), read at a moment when nothing passes.
///
/// # Panics
///
/// If there is no such moment.
#[must_use]
pub fn at_rest(ends: &[(&str, &str)]) -> (Metrics, Vec<End>) {
    let read = |metrics: &Metrics| ends.iter().map(|(n, i)| End::read(metrics, n, i)).collect::<Vec<_>>();
    let hooks = |ends: &[End]| ends.iter().map(|end| end.hooks).collect::<Vec<_>>();
    for _ in 0..LOOKS {
        let before = read(&scrape());
        let after = scrape();
        let again: Vec<[Hook; 2]> =
            ends.iter().map(|(n, i)| DIRECTIONS.map(|direction| hook(&after, n, i, direction))).collect();
        if hooks(&before) == again {
            return (after, before);
        }
    }
    panic!("the link was never quiet");
}

/// What `load` adds to the counts of `ends`.
#[must_use]
pub fn added(ends: &[(&str, &str)], load: impl FnOnce()) -> Vec<End> {
    let (_, before) = at_rest(ends);
    load();
    let (_, after) = at_rest(ends);
    after.iter().zip(&before).map(|(after, before)| after.since(*before)).collect()
}

/// What `load` adds to the lab `direct`, from a run in which all packets were handed over.
///
/// A veth hands packets over to a queue of the processor (1,000 packets), or with GRO on to a ring of the peer (256).
/// On a busy machine one of them overflows now and then, and the kernel does not count the bytes of those packets.
/// Such a run cannot confirm netmon's bytes and is repeated.
///
/// # Panics
///
/// If a queue overflowed in each run.
#[must_use]
pub fn handed_over(mut load: impl FnMut()) -> Vec<End> {
    for _ in 0..RUNS {
        let ends = added(&DIRECT, &mut load);
        if ends.iter().all(|end| end.not_handed_over == 0.0) {
            return ends;
        }
        println!("repeated: {ends:?}");
    }
    panic!("the queues overflowed in each of {RUNS} runs");
}

/// Asserts that both ends of a link agree: what left one entered the other, in segments and wire bytes.
///
/// # Panics
///
/// If they do not.
pub fn assert_nothing_lost_on_the_way(what: &str, ends: &[End]) {
    let [a, b] = ends else { panic!("a link has two ends") };
    assert_eq!(a.hooks[1].wire, b.hooks[0].wire, "{what}: a to b");
    assert_eq!(b.hooks[1].wire, a.hooks[0].wire, "{what}: b to a");
}

/// Segments that left one end and did not enter the other, in both directions together.
///
/// # Panics
///
/// If `ends` are not the two ends of a link.
#[must_use]
pub fn missing(ends: &[End]) -> f64 {
    let [a, b] = ends else { panic!("a link has two ends") };
    let one_way = |from: &End, to: &End| from.hooks[1].wire.packets - to.hooks[0].wire.packets;
    one_way(a, b) + one_way(b, a)
}
