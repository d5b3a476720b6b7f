//! Watching does not change the times that other programs read from packets.

use std::{
    io::IoSliceMut,
    net::UdpSocket,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use netmon_kernel::{
    netns::NetNs,
    sys::{
        bpf::{TcxHook, attach_tcx_first, load_classifier},
        insn::{
            Condition, Helper, Instruction,
            Register::{R0, R1, R2, R3, R6},
            TCX_DROP, TCX_NEXT, Width, call, exit, jmp_imm, ldx_mem, mov64_imm, mov64_reg,
        },
        sk_buff,
    },
};
use netmon_tests::{
    agent::{Agent, Up, scrape},
    capture::Capture,
    labs::valid,
    sandbox::{run, sandbox},
};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::ReceiveTimestampns,
};

/// The tolerance for a clock that is read on another CPU.
const SLACK: Duration = Duration::from_micros(20);
const DATAGRAMS: usize = 20;

/// Wall-clock time.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}

/// Binds a socket in a namespace, where it stays.
fn bound(namespace: &str, address: &str) -> UdpSocket {
    let netns = NetNs::open(&valid(namespace)).expect("a namespace");
    netns.run(|| UdpSocket::bind(address).expect("an address of the lab")).expect("a thread in it")
}

/// Receives a datagram. Returns when the kernel received it.
fn kernel_time(socket: &UdpSocket) -> Duration {
    let mut bytes = [0; 2048];
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let flags = MsgFlags::empty();
    let got = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, Some(&mut space), flags);
    let got = got.expect("a datagram");
    let time = got.cmsgs().expect("room for it").find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
        _ => None,
    });
    time.expect("a receive time")
}

/// Sends datagrams in one direction, and compares the time that their receiver gets with the clock around it.
fn receiver_gets_the_time(sender: &UdpSocket, receiver: &UdpSocket) {
    setsockopt(receiver, ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
    receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a bound");
    let to = receiver.local_addr().expect("an address");
    for _ in 0..DATAGRAMS {
        let before = now();
        sender.send_to(b"what time is it?", to).expect("a route");
        let received = kernel_time(receiver);
        let after = now();
        assert!(
            before <= received + SLACK && received <= after + SLACK,
            "{before:?}, received {received:?}, {after:?}"
        );
    }
}

fn receivers_get_the_time(arguments: &[&str]) {
    sandbox(|| {
        let _agent = Agent::start(arguments);
        let root = UdpSocket::bind("10.200.0.2:7000").expect("an address of the lab");
        let inside = bound("direct_netns", "10.200.0.3:7000");
        receiver_gets_the_time(&root, &inside);
        receiver_gets_the_time(&inside, &root);
        let latency = scrape().sum("netmon_link_latency_seconds_count", &[]);
        assert!(latency >= 2.0 * DATAGRAMS as f64, "stamped packets are the point of this test: {latency}");
    });
}

#[test]
fn a_receiver_is_told_wall_clock_time_between_sending_and_receiving() {
    receivers_get_the_time(&[]);
}

#[test]
fn a_receiver_is_told_wall_clock_time_with_clsact_too() {
    receivers_get_the_time(&["--attach", "clsact"]);
}

/// The captured time of the datagram with `length` bytes of payload.
fn time_of(packets: &[netmon_tests::capture::Captured], length: usize) -> Duration {
    let ends = format!("UDP, length {length}");
    let time = packets.iter().find(|packet| packet.text.ends_with(&ends)).expect("every datagram").time;
    Duration::from_secs_f64(time)
}

fn captures_have_right_times(arguments: &[&str]) {
    // A double represents today's seconds to a quarter of a microsecond. Softirqs may be late on a busy machine, so
    // the median is held to the upper bound, and each packet to the lower one.
    const ALLOWED: Duration = Duration::from_millis(1);
    sandbox(|| {
        let _agent = Agent::start(arguments);
        run("ping", &["-q", "-c", "1", "10.200.0.3"]);
        let outside = Capture::start("outside", "root", "veth0", "udp port 9");
        let inside = Capture::start("inside", "direct_netns", "veth1", "udp port 9");
        let socket = UdpSocket::bind("10.200.0.2:0").expect("an address of the lab");
        let sent: Vec<(Duration, Duration)> = (0..DATAGRAMS)
            .map(|length| {
                let before = now();
                // The port is closed: an error is about an earlier datagram, and is ignored.
                while socket.send_to(&vec![0; 100 + length], "10.200.0.3:9").is_err() {}
                (before, now())
            })
            .collect();
        for (end, packets) in [("veth0", outside.packets(DATAGRAMS)), ("veth1", inside.packets(DATAGRAMS))] {
            let late = sent.iter().enumerate().map(|(length, (before, after))| {
                let time = time_of(&packets, 100 + length);
                assert!(*before <= time + SLACK, "{end}: sent at {before:?}, captured at {time:?}");
                time.saturating_sub(*after)
            });
            let mut late: Vec<Duration> = late.collect();
            late.sort();
            println!("{end}: after the call that sent it by {:?} at most", late.last());
            assert!(late[DATAGRAMS / 2] <= ALLOWED, "{end}: {late:?}");
        }
    });
}

#[test]
fn a_capture_at_either_end_has_right_times() {
    captures_have_right_times(&[]);
}

#[test]
fn a_capture_at_either_end_has_right_times_with_clsact_too() {
    captures_have_right_times(&["--attach", "clsact"]);
}

/// Gives each IP packet a delivery time on the monotonic clock: now.
fn stamps() -> [Instruction; 8] {
    [
        mov64_reg(R6, R1),
        call(Helper::BPF_FUNC_ktime_get_ns),
        mov64_reg(R1, R6),
        mov64_reg(R2, R0),
        mov64_imm(R3, sk_buff::CLOCK_MONOTONIC),
        call(Helper::BPF_FUNC_skb_set_tstamp),
        mov64_imm(R0, TCX_NEXT),
        exit(),
    ]
}

/// Drops each packet whose time is not a receive time.
fn drops_stamped() -> [Instruction; 6] {
    [
        ldx_mem(Width::Byte, R0, R1, sk_buff::TSTAMP_TYPE),
        jmp_imm(Condition::Equal, R0, 0, 2),
        mov64_imm(R0, TCX_DROP),
        exit(),
        mov64_imm(R0, TCX_NEXT),
        exit(),
    ]
}

/// Attaches a program to the veth end of a namespace, for as long as the link is held.
fn attach(program: &[Instruction], namespace: &str, interface: &str, hook: TcxHook) -> OwnedFd {
    let program = load_classifier("foreign", program).expect("a program");
    let inside = NetNs::open(&valid(namespace)).expect("a namespace");
    let attached = inside.run(|| {
        let index = nix::net::if_::if_nametoindex(interface).expect("its interface");
        attach_tcx_first(program.as_fd(), index, hook).expect("a link")
    });
    attached.expect("a thread in it")
}

fn pings_arrive() -> bool {
    let mut ping = Command::new("ping");
    ping.args(["-q", "-c", "3", "-i", "0.02", "-W", "1", "10.200.0.3"]);
    ping.stdout(Stdio::null()).status().expect("ping").success()
}

// A local receiver would not notice: on the way up the kernel replaces a delivery time that was left. A forwarder
// would, because a qdisc may wait for such a time.
#[test]
fn behind_our_hook_a_packet_has_no_delivery_time_any_more() {
    sandbox(|| {
        let _lab = Up::direct();
        let _behind = attach(&drops_stamped(), "direct_netns", "veth1", TcxHook::Ingress);
        let stamper = attach(&stamps(), "root", "veth0", TcxHook::Egress);
        assert!(!pings_arrive(), "the other program drops a stamp that stays");
        drop(stamper);
        assert!(pings_arrive(), "no stamps");
        let _agent = Agent::start([""; 0]);
        assert!(pings_arrive(), "netmon stamps, and takes the stamps away");
        let to_veth1 = [("to", "direct_netns")];
        assert!(scrape().sum("netmon_link_latency_seconds_count", &to_veth1) >= 3.0, "they were stamped");
    });
}
