//! `netmon trace FROM TO`: the way of one packet, there and back.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::{error::chain, names::NsName, trace::Trace};

use super::{exit::ExitCode, failure::UsageError, output};
use crate::{
    control::{self, LabHandle},
    ownership::state::{self, State},
    render,
    trace::{Ask, Request, trace},
};

/// The longest interval and timeout, in seconds.
const LONGEST: f64 = 3600.0;
/// An agent is handed this many runs of a trace; the ladder is over all of them in any case.
const RUNS_KEPT: usize = 100;

/// From where to where, and what is sent.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon trace client server                       ten pings, through whatever is between
  netmon trace client 10.206.2.2 -c 100 -i 0.001   a hundred pings, a thousand a second
  netmon trace client server --tcp 80              ten connections: SYN and SYN-ACK
  netmon trace client http://server/               ten requests: connection, request, response
  netmon trace root box1 -o perfetto > way.json    for ui.perfetto.dev
Each line is one rung: a link with its queue, the inside of a namespace, or the program that
answers. START and TOOK are of the run with the median duration, so they add up; MEDIAN and WORST
are over all runs but the first.
Exit codes: 0 all answered, 1 failed, 2 no such namespace or destination, 3 a privilege is missing
or the kernel describes no types (BTF), 5 something was not answered.")]
pub struct Args {
    /// The sender's namespace; `root` is the current one.
    #[arg(value_name = "FROM")]
    from: NsName,
    /// The destination: an address, a namespace, or a URL whose host is one of them.
    #[arg(value_name = "TO", required_unless_present = "http")]
    to: Option<String>,
    /// Send ICMP echoes. This is the default.
    #[arg(long, env = "NETMON_ICMP", conflicts_with_all = ["tcp", "http"])]
    icmp: bool,
    /// Open TCP connections to this port.
    #[arg(long, env = "NETMON_TCP", value_name = "PORT", conflicts_with = "http",
          value_parser = clap::value_parser!(u16).range(1..))]
    tcp: Option<u16>,
    /// Send HTTP requests for this URL. The same URL in place of TO does the same.
    #[arg(long, env = "NETMON_HTTP", value_name = "URL", conflicts_with = "to")]
    http: Option<String>,
    /// How many to send.
    #[arg(short, long, env = "NETMON_COUNT", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Seconds from the beginning of one to the beginning of the next.
    #[arg(short, long, env = "NETMON_INTERVAL", value_name = "SECONDS", default_value = "0.1", value_parser = seconds)]
    interval: Duration,
    /// Seconds to wait for an answer.
    #[arg(long, env = "NETMON_TIMEOUT", value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    timeout: Duration,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// The format of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// Trace events, which ui.perfetto.dev opens.
    Perfetto,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "this is no number of seconds".to_owned())?;
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(format!("must be between 0 and {LONGEST} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Runs the command.
///
/// # Errors
///
/// Fails if there is no such namespace or destination (exit code 2), or a privilege or the kernel's types are missing
/// (3).
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let needed = [
        Capability::NetRaw,
        Capability::SysAdmin,
        Capability::NetAdmin,
        Capability::Bpf,
        Capability::Perfmon,
    ];
    require(&needed, "netmon trace")?;
    let trace = trace(&request(args)?)?;
    let text = match args.output {
        Format::Table => render::trace::text(&trace, output::terminal()),
        Format::Json => serde_json::to_string_pretty(&trace)? + "\n",
        Format::Perfetto => render::trace::perfetto::json(&trace)?,
    };
    output::print(&text)?;
    let complete = trace.arrived == trace.sent;
    hand_over(trace);
    Ok(if complete { ExitCode::Ok } else { ExitCode::Expectation })
}

fn request(args: &Args) -> Result<Request, UsageError> {
    let to = args.to.as_ref().or(args.http.as_ref());
    let to = to.ok_or_else(|| UsageError("there is no destination".to_owned()))?.clone();
    let is_url = to.contains("://");
    if args.http.is_some() && !is_url {
        return Err(UsageError(format!("--http wants a URL such as http://{to}/")));
    }
    if is_url && (args.icmp || args.tcp.is_some()) {
        return Err(UsageError("a URL is traced by an HTTP request; omit --icmp and --tcp".to_owned()));
    }
    Ok(Request {
        from: args.from.clone(),
        to,
        ask: args.tcp.map_or(Ask::Icmp, |port| Ask::Tcp { port }),
        count: args.count,
        interval: args.interval,
        timeout: args.timeout,
    })
}

/// Hands the trace to the agents of the labs that it crossed, which show it on their page. Best effort.
fn hand_over(mut trace: Trace) {
    trace.runs.truncate(RUNS_KEPT);
    let labs = state::labs().into_iter().filter_map(|lab| State::load(&lab));
    for state in labs.filter(|state| crosses(&trace, state)) {
        let request = control::Request::Trace(Box::new(trace.clone()));
        match LabHandle::agent(&state.lab) {
            Ok(Some(mut agent)) => {
                if let Err(error) = agent.request(&request) {
                    log::warn!("the agent of lab {} does not show this trace: {}", state.lab, chain(&error));
                }
            }
            Ok(None) => {}
            Err(error) => log::debug!("lab {} has no agent to show this trace: {}", state.lab, chain(&error)),
        }
    }
}

/// Returns whether a trace begins in a namespace of a lab.
fn crosses(trace: &Trace, state: &State) -> bool {
    let begins_at = |namespace: &NsName| *namespace == trace.from.namespace;
    state.links.iter().any(|link| begins_at(&link.a.namespace) || begins_at(&link.b.namespace))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn requested(words: &[&str]) -> Result<Request, String> {
        let all = [&["netmon", "trace"], words].concat();
        let parsed = Cli::try_parse_from(all).map_err(|error| error.to_string())?;
        let Command::Trace(args) = parsed.command else { panic!("another command") };
        request(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn ten_pings_a_tenth_of_a_second_apart_are_the_default() {
        let request = requested(&["a", "b"]).unwrap();
        assert_eq!((request.ask, request.count), (Ask::Icmp, 10));
        assert_eq!((request.interval, request.timeout), (Duration::from_millis(100), Duration::from_secs(1)));
    }

    #[test]
    fn a_url_is_a_destination_with_or_without_the_option() {
        assert_eq!(requested(&["a", "http://b/"]).unwrap().to, "http://b/");
        assert_eq!(requested(&["a", "--http", "http://b/"]).unwrap().to, "http://b/");
        assert!(requested(&["a", "--http", "b"]).unwrap_err().contains("--http wants a URL"));
        assert!(requested(&["a", "http://b/", "--tcp", "80"]).unwrap_err().contains("omit"));
        assert!(requested(&["a"]).is_err(), "no destination");
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds("0.001"), Ok(Duration::from_millis(1)));
        assert!(seconds("-1").is_err() && seconds("1ms").is_err() && seconds("nan").is_err());
    }
}
