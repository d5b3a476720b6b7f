//! Links between namespaces that netmon did not make, measured by tracing programs, and held against `ip -s link`.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use netmon::datapath::{Datapath, EndpointCounts, Options, TracedTarget, TracingDepth};
use netmon_kernel::netns::NetNs;
use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId, IfIndex, InterfaceId},
    snapshot::Traffic,
};

use crate::{
    counts::kernel,
    eventually::eventually_equal,
    interface::{await_carrier, ifindex},
    labs::valid,
    sandbox::run,
    talk::inside,
};

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The watched links.
pub struct ForeignLinks {
    /// The datapath that measures them.
    pub datapath: Datapath,
    ends: Vec<ForeignEnd>,
}

/// A watched end: where it is, and what it is to the datapath.
#[derive(Clone, Debug)]
pub struct ForeignEnd {
    /// Its namespace.
    pub netns: String,
    /// Its interface.
    pub interface: String,
    /// What is watched.
    pub target: TracedTarget,
}

impl ForeignLinks {
    /// Loads the tracing programs. They watch nothing yet.
    ///
    /// # Panics
    ///
    /// If the kernel refuses them.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&Options::default())
    }

    /// The same with other options.
    ///
    /// # Panics
    ///
    /// If the kernel refuses the programs.
    #[must_use]
    pub fn with(options: &Options) -> Self {
        let tracing = options.tracing.or(Some(TracingDepth::Full));
        let datapath = Datapath::load(&Options { tracing, ..options.clone() });
        Self { datapath: datapath.expect("the tracing programs"), ends: Vec::new() }
    }

    /// Creates the pair `one` -- `two` between new namespaces `left` and `right`, with 10.44.0.1 and 10.44.0.2, and
    /// watches it before it is up. Returns the ids of both ends.
    #[must_use]
    pub fn left_and_right(&mut self) -> [EndpointId; 2] {
        for netns in ["left", "right"] {
            add_netns(netns);
        }
        self.join(("left", "one", "10.44.0.1/24"), ("right", "two", "10.44.0.2/24"))
    }

    /// Creates a pair between two namespaces, watches both ends, and then sets it up. An empty address is none.
    #[must_use]
    pub fn join(&mut self, a: (&str, &str, &str), b: (&str, &str, &str)) -> [EndpointId; 2] {
        run("ip", &["link", "add", a.1, "netns", a.0, "type", "veth", "peer", "name", b.1, "netns", b.0]);
        let ids = self.watch([(a.0, a.1), (b.0, b.1)]);
        for (netns, interface, address) in [a, b] {
            if !address.is_empty() {
                run("ip", &["-n", netns, "address", "add", address, "dev", interface]);
            }
            run("ip", &["-n", netns, "link", "set", interface, "up"]);
        }
        for (netns, interface, _) in [a, b] {
            await_carrier(netns, interface);
        }
        ids
    }

    /// Watches both ends of an existing pair (namespace, interface).
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    #[must_use]
    pub fn watch(&mut self, ends: [(&str, &str); 2]) -> [EndpointId; 2] {
        let first = u32::try_from(self.ends.len()).expect("few ends");
        let ids = [EndpointId(first), EndpointId(first + 1)];
        let end = |of: usize| ForeignEnd {
            netns: ends[of].0.to_owned(),
            interface: ends[of].1.to_owned(),
            target: TracedTarget { id: ids[of], at: at(ends[of].0, ends[of].1), peer: Some(ids[1 - of]) },
        };
        let new = [end(0), end(1)];
        let targets: Vec<TracedTarget> = new.iter().map(|end| end.target).collect();
        self.datapath.watch(&targets).expect("both ends are watched");
        self.ends.extend(new);
        ids
    }

    /// Reads the counts of one end.
    ///
    /// # Panics
    ///
    /// If it is not watched.
    #[must_use]
    pub fn counts(&mut self, id: EndpointId) -> EndpointCounts {
        let mut counts = self.datapath.counts().expect("the counts");
        *counts.endpoints.remove(&id).expect("the end is watched")
    }

    /// Waits until packets and bytes of both hooks of every end are those of the interfaces' own counters.
    ///
    /// # Panics
    ///
    /// If they stay different.
    pub fn assert_as_the_kernel_counts(&mut self) {
        // All ends at once: where one has too few, another may have too many.
        let ends = self.ends.clone();
        let names: Vec<_> = ends.iter().map(|end| format!("{} in {}", end.interface, end.netns)).collect();
        eventually_equal(&names.join(", "), PATIENCE, || {
            let theirs = ends.iter().map(|end| kernel_counts(&end.netns, &end.interface)).collect::<Vec<_>>();
            let ours = ends.iter().map(|end| totals(&self.counts(end.target.id))).collect::<Vec<_>>();
            (ours, theirs)
        });
    }
}

impl Default for ForeignLinks {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the identity of an interface. Nothing of its namespace is held afterwards.
///
/// # Panics
///
/// If it does not exist.
#[must_use]
pub fn at(netns: &str, interface: &str) -> InterfaceId {
    let open = NetNs::open(&valid(netns)).expect("a namespace");
    InterfaceId { netns: open.cookie().expect("a cookie"), ifindex: IfIndex(ifindex(netns, interface)) }
}

/// Creates a namespace in which lo is up and no interface has IPv6.
pub fn add_netns(netns: &str) {
    run("ip", &["netns", "add", netns]);
    run("ip", &["-n", netns, "link", "set", "lo", "up"]);
    set(netns, "ipv6/conf/default/disable_ipv6");
}

/// Switches a setting of a namespace on, by its path in /proc/sys/net. Not every machine has sysctl(8).
pub fn set(netns: &str, setting: &str) {
    run("ip", &["netns", "exec", netns, "bash", "-c", &format!("echo 1 > /proc/sys/net/{setting}")]);
}

/// Packets and bytes at both hooks, of all protocols.
#[must_use]
pub fn totals(counts: &EndpointCounts) -> Hooks<Traffic> {
    Hooks::from_fn(|direction: Direction| {
        let of = |traffic: &dyn Fn(&Traffic) -> u64| {
            counts.hooks[direction].protocols.iter().map(|(_, one)| traffic(one)).sum()
        };
        Traffic { packets: of(&|one| one.packets), bytes: of(&|one| one.bytes) }
    })
}

/// Packets and bytes as `ip -s link` shows them.
#[must_use]
pub fn kernel_counts(netns: &str, interface: &str) -> Hooks<Traffic> {
    let ([received, sent], _) = kernel(netns, interface);
    let traffic = |count: crate::counts::Count| Traffic {
        packets: format!("{:.0}", count.packets).parse().expect("a count"),
        bytes: format!("{:.0}", count.bytes).parse().expect("a count"),
    };
    Hooks { ingress: traffic(received), egress: traffic(sent) }
}

/// Sends so many bytes from one namespace to an address of another, which reads them all and closes.
///
/// # Panics
///
/// If that fails.
pub fn send(from: &str, to: &str, address: &str, bytes: usize) {
    let listener = inside(to, || TcpListener::bind((address, 0)));
    let at: SocketAddr = listener.local_addr().expect("a port");
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("its bytes");
        all.len()
    });
    let mut stream = inside(from, || TcpStream::connect(at));
    stream.write_all(&vec![0x55; bytes]).expect("a reader");
    drop(stream);
    assert_eq!(reader.join().expect("a reader"), bytes);
}
