//! The way of one packet: the hooks that it met there and back, and the time between them.
//!
//! A trace sends the same thing several times; each is a run. The rungs are those of one run, the typical one, so that
//! they add up to its duration exactly. Median and worst are over all runs that went the same way, without the first,
//! which pays for neighbour discovery and cold caches. Every time is of one clock, so nothing is corrected.

use serde::{Deserialize, Serialize};

use crate::names::{Direction, NsName};

/// The version of the layout in JSON.
pub const VERSION: u32 = 1;

/// The outcome of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// [`VERSION`].
    pub version: u32,
    /// When it began, in milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// What was sent.
    pub traffic: TraceTraffic,
    /// Who sent it.
    pub from: Sender,
    /// Whom it was sent to.
    pub to: Destination,
    /// The number of runs.
    pub sent: usize,
    /// The number of runs that were answered as expected.
    pub arrived: usize,
    /// The most usual way, in order of time. Empty if no run was seen there and back.
    pub rungs: Vec<Rung>,
    /// The run that the rungs' times are of: the one with the median total. `None` without rungs.
    pub typical_run: Option<usize>,
    /// From the first hook to the last.
    pub total: Option<Times>,
    /// What the asking program measured.
    pub asking: Option<Asking>,
    /// The number of runs that medians and worst times are over.
    pub counted_runs: usize,
    /// Runs that arrived another way, and are in no figure above.
    pub other_ways: usize,
    /// How often hooks saw copies beside the way, as of a bridge that floods.
    pub copies: usize,
    /// Events that the kernel had no room for: there may be gaps.
    pub missed_events: u64,
    /// The part of the way that took longest. `None` without rungs.
    pub slowest: Option<Slowest>,
    /// What is known of runs that did not arrive. `None` if all arrived.
    pub loss: Option<Loss>,
    /// The outcome in words.
    pub sentences: Vec<String>,
    /// Every run.
    pub runs: Vec<Run>,
}

/// What a trace sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceTraffic {
    /// An ICMP echo.
    Icmp,
    /// A TCP connection.
    Tcp,
    /// An HTTP request.
    Http,
}

/// The sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Its namespace.
    pub namespace: NsName,
    /// The source address. `None` if it is not known.
    pub address: Option<std::net::IpAddr>,
}

/// The destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// What the user wrote.
    pub asked: String,
    /// The namespace that answered. `None` if no answer was seen.
    pub namespace: Option<String>,
    /// The address.
    pub address: std::net::IpAddr,
    /// The port. `None` for ICMP.
    pub port: Option<u16>,
}

/// A hook of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HookPlace {
    /// The namespace.
    pub namespace: String,
    /// The interface.
    pub interface: String,
    /// The hook.
    pub hook: Direction,
}

/// A part of the way, between two hooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The packet.
    pub leg: Leg,
    /// Whether the leg goes back to the sender.
    pub back: bool,
    /// What it is.
    pub what: What,
    /// The link, or the namespace.
    pub name: String,
    /// Where it begins.
    pub from: HookPlace,
    /// Where it ends.
    pub to: HookPlace,
    /// When it began, in the typical run, since the first hook.
    pub since_start_ns: u64,
    /// How long it took in the typical run.
    pub took_ns: u64,
    /// The median over the counted runs.
    pub median_ns: u64,
    /// The longest of the counted runs.
    pub worst_ns: u64,
    /// How long it took in the first run. `None` if that went another way, or is the only one.
    pub first_ns: Option<u64>,
}

/// A packet of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Leg {
    /// An echo request, or an HTTP request.
    #[serde(rename = "request")]
    Request,
    /// An echo reply, or an error in its place.
    #[serde(rename = "reply")]
    Reply,
    /// The first packet of a connection.
    #[serde(rename = "SYN")]
    Syn,
    /// The answer to it.
    #[serde(rename = "SYN-ACK")]
    SynAck,
    /// An HTTP response.
    #[serde(rename = "response")]
    Response,
    /// An ICMP error in place of an answer.
    #[serde(rename = "error")]
    Error,
    /// A TCP reset in place of an answer.
    #[serde(rename = "RST")]
    Reset,
}

impl Leg {
    /// Returns its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Syn => "SYN",
            Self::SynAck => "SYN-ACK",
            Self::Response => "response",
            Self::Error => "error",
            Self::Reset => "RST",
        }
    }
}

/// What is between two hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A link, with the queue in front of it.
    Link,
    /// A namespace that passes the packet on.
    Namespace,
    /// The namespace that answers: its kernel, or a program there.
    Application,
    /// The asking program, between two of its packets.
    Asking,
    /// A gap: the hooks are not neighbours.
    Unseen,
}

/// A duration over the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// In the typical run.
    pub typical_ns: u64,
    /// The median over the counted runs.
    pub median_ns: u64,
    /// The longest of the counted runs.
    pub worst_ns: u64,
    /// In the first run. `None` if that went another way, or is the only one.
    pub first_ns: Option<u64>,
}

/// What the asking program measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Its durations.
    #[serde(flatten)]
    pub times: Times,
    /// Of the typical run, what passed before the first hook.
    pub before_ns: u64,
    /// Of the typical run, what passed after the last hook.
    pub after_ns: u64,
}

/// The part of the way that took longest, both directions together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slowest {
    /// What it is.
    pub what: What,
    /// Its name.
    pub name: String,
    /// How long it took in the typical run.
    pub took_ns: u64,
    /// The part of it on the way there.
    pub forward_ns: u64,
    /// The part of it on the way back.
    pub return_ns: u64,
    /// From the first hook to the last.
    pub of_ns: u64,
}

/// What is known of runs that did not arrive: of the last of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How many did not arrive.
    pub runs: usize,
    /// The last hook that saw it. `None` if no hook did.
    pub last: Option<LastSeen>,
    /// The kernel's report of the drop. `None` if it reported none in time.
    pub dropped: Option<Dropped>,
    /// What the asking program was told. `None` if it just waited.
    pub error: Option<String>,
}

/// The last hook that saw a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// The hook.
    #[serde(flatten)]
    pub place: HookPlace,
    /// The packet.
    pub leg: Leg,
    /// Since the first hook.
    pub since_start_ns: u64,
}

/// A packet that the kernel dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The namespace. `None` if it is not one of those with a name.
    pub namespace: Option<String>,
    /// The interface that the packet was on. `None` without one.
    pub interface: Option<String>,
    /// The kernel's reason.
    pub reason: String,
    /// Since the first hook. `None` if no hook saw the packet.
    pub since_start_ns: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The expected answer came.
    Arrived,
    /// A refusal came: a reset, or an ICMP error.
    Refused,
    /// Nothing came in time.
    Lost,
    /// It could not be sent.
    Failed,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// What the asking program was told. `None` if the answer came, or nothing.
    pub error: Option<String>,
    /// When it began, since the beginning of the first run.
    pub started_ns: u64,
    /// What the asking program measured. `None` without an answer.
    pub asking_ns: Option<u64>,
    /// From its beginning to the first hook. `None` if no hook saw it.
    pub before_ns: Option<u64>,
    /// From the first hook to the last. `None` if it was not seen there and back.
    pub total_ns: Option<u64>,
    /// How long each rung took. `None` if the run went another way than the rungs.
    pub took_ns: Option<Vec<u64>>,
}
