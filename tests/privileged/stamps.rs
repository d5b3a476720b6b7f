//! Delivery times that are not netmon's: none is taken for a stamp, and none hides a loss.

use std::{collections::BTreeMap, net::UdpSocket, time::Duration};

use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_tests::{
    added::Added,
    agent::{Agent, scrape},
    direct::INSIDE,
    eventually::eventually,
    interface::ifindex,
    packets::{DOT1Q, IPV4, IPV6, Ipv4, Ipv6, number, tagged, udp},
    sandbox::{run, run_in, sandbox},
};
use rustix::time::{ClockId, clock_gettime};

const FRAMES: u64 = 640;
const FROM_ROOT: [(&str, &str); 1] = [("from", "root")];

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Starts an agent on a link on which nothing is stamped but what a test sends.
fn quiet_agent() -> Agent {
    let agent = Agent::start([""; 0]);
    run("sysctl", &["-q", "-w", "net.ipv6.conf.veth0.disable_ipv6=1"]);
    run_in("direct_netns", "sysctl", &["-q", "-w", "net.ipv6.conf.veth1.disable_ipv6=1"]);
    run("ping", &["-q", "-c", "1", "10.200.0.3"]);
    agent
}

/// Sends frames through veth0, with the times that `time` returns for each.
fn send(frame: &[u8], past_the_hook: bool, time: impl Fn(u64) -> u64) {
    let socket = PacketSocket::open(ifindex("root", "veth0")).expect("a packet socket");
    socket.take_delivery_times().expect("an option of the socket");
    if past_the_hook {
        socket.bypass_qdisc().expect("an option of the socket");
    }
    (0..FRAMES).for_each(|index| socket.send_at(frame, time(index)).expect("an interface that is up"));
}

/// What arrived at the inner end because of `traffic`: frames, samples of latency, and refused stamps by reason.
fn arrived(traffic: impl FnOnce()) -> (f64, f64, BTreeMap<&'static str, f64>) {
    let added = Added::by(|| {
        let before = scrape().sum("netmon_packets_total", &hook());
        traffic();
        eventually("all frames", Duration::from_secs(10), || {
            let now = scrape().sum("netmon_packets_total", &hook());
            (now - before >= FRAMES as f64).then_some(())
        });
    });
    let refused = ["foreign", "before_attach", "future", "too_old"].map(|reason| {
        let labels = [&INSIDE[..], &[("reason", reason)]].concat();
        (reason, added.to("netmon_refused_stamps_total", &labels))
    });
    let samples = added.to("netmon_link_latency_seconds_count", &FROM_ROOT);
    let refused = refused.into_iter().filter(|(_, count)| *count > 0.0).collect();
    (added.to("netmon_packets_total", &hook()), samples, refused)
}

fn hook() -> Vec<(&'static str, &'static str)> {
    [&INSIDE[..], &[("direction", "ingress"), ("protocol", "udp")]].concat()
}

fn frames() -> [Vec<u8>; 2] {
    let datagram = udp(4000, 4001, &[7; 100]);
    [Ipv4::default().packet(number::UDP, &datagram), Ipv6::default().packet(number::UDP, &datagram)]
}

#[test]
fn a_frame_that_netmon_does_not_stamp_is_never_a_sample() {
    sandbox(|| {
        let _agent = quiet_agent();
        for (ethertype, packet) in [IPV4, IPV6].into_iter().zip(frames()) {
            let frame = tagged(&[DOT1Q], ethertype, &packet);
            // Every nanosecond of ten rounds of 64: ten of these times have the number of this end.
            let base = now_ns() - 1_000_000;
            let (packets, samples, refused) = arrived(|| send(&frame, false, |index| base + index));
            let all = FRAMES as f64;
            assert_eq!((packets, samples, refused), (all, 0.0, BTreeMap::from([("foreign", all)])));
        }
    });
}

#[test]
fn of_foreign_times_past_the_hook_one_in_64_passes_and_none_that_cannot_be() {
    sandbox(|| {
        let _agent = quiet_agent();
        let [packet, _] = frames();
        let frame = tagged(&[], IPV4, &packet);
        let all = FRAMES as f64;
        let base = now_ns() - 1_000_000;
        let (packets, samples, refused) = arrived(|| send(&frame, true, |index| base + index));
        assert_eq!((packets, samples, refused), (all, 10.0, BTreeMap::from([("foreign", all - 10.0)])));
        // Near the boot of the machine, and in ten seconds: the ten fail for another reason.
        for (base, reason) in [(1_000, "before_attach"), (now_ns() + 10_000_000_000, "future")] {
            let (_, samples, refused) = arrived(|| send(&frame, true, |index| base + index));
            assert_eq!((samples, refused), (0.0, BTreeMap::from([("foreign", all - 10.0), (reason, 10.0)])));
        }
        // Rounded to microseconds, as programs have them.
        let base = (now_ns() / 1_000 - 2_000) * 1_000;
        let (_, samples, _) = arrived(|| send(&frame, true, |index| base + 1_000 * index));
        assert_eq!(samples, 0.0);
    });
}

#[test]
fn foreign_times_hide_no_loss() {
    sandbox(|| {
        let _agent = quiet_agent();
        let [packet, _] = frames();
        let frame = tagged(&[], IPV4, &packet);
        let base = (now_ns() / 1_000 - 2_000) * 1_000;
        send(&frame, true, |index| base + 1_000 * index);
        let lost = scrape().sum("netmon_link_lost_packets_total", &FROM_ROOT);
        let mac = run_in("direct_netns", "cat", &["/sys/class/net/veth1/address"]);
        run("ip", &["neigh", "replace", "10.200.0.3", "lladdr", mac.trim(), "dev", "veth0"]);
        run_in("direct_netns", "ip", &["link", "set", "veth1", "down"]);
        let socket = UdpSocket::bind("10.200.0.2:0").expect("an address of the lab");
        // The kernel's answer to a drop may be an error.
        (0..100).for_each(|_| drop(socket.send_to(b"lost", "10.200.0.3:9")));
        eventually("a hundred lost", Duration::from_secs(10), || {
            let now = scrape().sum("netmon_link_lost_packets_total", &FROM_ROOT);
            (now - lost >= 100.0).then_some(())
        });
    });
}
