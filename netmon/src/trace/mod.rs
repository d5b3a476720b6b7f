//! The way of one packet: sends a few, and reports the hooks that they met there and back.
//!
//! Programs of its own are attached for as long as a trace runs, to three tracepoints of the kernel and to no hook
//! ([`programs`]). They recognise packets by content, so routers, bridges and NAT do not hide them. No agent is needed.
//! What was seen becomes a [`Trace`] by a pure function ([`assemble`]).

mod asking;
mod assemble;
mod error;
mod programs;
mod survey;
mod target;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netmon_kernel::netns::NetNs;
use netmon_model::{
    names::NsName,
    trace::{Destination, Sender, Trace, TraceTraffic},
};

pub use self::error::TraceError;
use self::{
    asking::{Asked, Plan},
    assemble::{Observed, assemble},
    programs::Programs,
    target::Target,
};

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// An ICMP echo.
    Icmp,
    /// A TCP connection.
    Tcp {
        /// The port.
        port: u16,
    },
    /// An HTTP request.
    Http {
        /// The port.
        port: u16,
        /// The path, with the query.
        path: String,
    },
}

impl Ask {
    fn traffic(&self) -> TraceTraffic {
        match self {
            Self::Icmp => TraceTraffic::Icmp,
            Self::Tcp { .. } => TraceTraffic::Tcp,
            Self::Http { .. } => TraceTraffic::Http,
        }
    }

    fn port(&self) -> Option<u16> {
        match self {
            Self::Icmp => None,
            Self::Tcp { port } | Self::Http { port, .. } => Some(*port),
        }
    }
}

/// What to trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The sender's namespace.
    pub from: NsName,
    /// The destination: an address, a namespace, or a URL.
    pub to: String,
    /// What is sent. A URL chooses HTTP, whatever this is.
    pub ask: Ask,
    /// How many times.
    pub count: u32,
    /// From the beginning of one to the beginning of the next.
    pub interval: Duration,
    /// How long to wait for an answer.
    pub timeout: Duration,
}

/// Sends what is requested, and returns the way that it took.
///
/// # Errors
///
/// Fails if there is no such namespace or destination, or the programs cannot be attached. A packet that is lost is part
/// of the trace.
pub fn trace(request: &Request) -> Result<Trace, TraceError> {
    let from = open(&request.from)?;
    let target = Target::find((&request.from, &from), &request.to, request.ask.clone())?;
    let places = survey::survey()?;
    let source = target::source(&from, target.address);
    let mut programs = Programs::attach()?;
    let plan = Plan {
        target: target.address,
        ask: target.ask.clone(),
        count: request.count,
        interval: request.interval,
        timeout: request.timeout,
    };
    let taken_at_unix_ms = unix_ms();
    let Asked { attempts, events } = from.run(|| asking::run(&plan, &mut programs))??;
    let observed = Observed {
        places,
        reasons: std::mem::take(&mut programs.reasons),
        traffic: target.ask.traffic(),
        from: Sender { namespace: request.from.clone(), address: source },
        sender: from.cookie()?.0,
        to: Destination {
            asked: request.to.clone(),
            namespace: None,
            address: target.address,
            port: target.ask.port(),
        },
        taken_at_unix_ms,
        attempts,
        events,
        missed: programs.missed()?,
    };
    Ok(assemble(&observed))
}

fn open(name: &NsName) -> Result<NetNs, TraceError> {
    NetNs::open(name).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            TraceError::NoNamespace { wanted: name.to_string(), there: target::known().unwrap_or_default() }
        }
        _ => error.into(),
    })
}

fn unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
