//! `netmon run`: builds a lab, measures it and serves the results, until a signal arrives.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
};

use anyhow::Context as _;
use clap::Args as ClapArgs;
use log::log_enabled;
use netmon_model::{lab::Lab, server_address::ServerAddress, survey::DiscoverMode};

use super::{
    exit::ExitCode, failure::UsageError, lab_file::LabFile, output, privileges::require_topology,
    selecting::Selecting, serving::Serving, watching::Watching, with_runtime,
};
use crate::{
    agent::{self, Config, Started},
    datapath::{Options, TracingDepth},
    discover::Selection,
    ownership::state::State,
    render::{banner::Banner, progress::ProgressLine},
    server::{self, Buckets, DEFAULT_ADDRESS},
    services::{Prometheus, keep_capabilities},
};

/// Which lab, how it is watched, and where the results are served.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon run                          the built-in lab: one namespace, one veth pair, a web server
  netmon run labs/direct-nginx.toml   a lab of your own
  kill -HUP PID                       applies the lab file again, like `netmon reload`
  netmon run --keep                   leaves the lab up at the end; `netmon down` removes it
  netmon run --persist                keeps counting while no agent runs, as during an upgrade
  netmon run --prometheus             starts a Prometheus as well, which scrapes this agent
  netmon run --web-config web.yml     asks clients for TLS and passwords, as Prometheus' exporters do
  netmon run --history off            reads nothing between scrapes
  netmon run --attach clsact          does not use TCX, as on Linux before 6.6
  netmon run --discover               builds no lab; watches containers and namespaces
  netmon run --discover=count         counts their packets only, which costs the least
  netmon run --discover FILE          builds this lab, and watches all other links as well")]
pub struct Args {
    #[command(flatten)]
    lab: LabFile,
    /// Watch the links that are on this host already: those of containers, pods, and every other network namespace. They are
    /// followed as they come and go, and nothing is attached to their interfaces. Builds no lab without FILE. MODE is `tracing`,
    /// the default, or `count`, which counts packets only.
    #[arg(long, env = "NETMON_DISCOVER", value_name = "MODE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's type of an option whose value may be left out")]
    discover: Option<Option<Mode>>,
    #[command(flatten)]
    selecting: Selecting,
    /// Address to serve metrics and JSON on: ADDRESS:PORT; PORT or localhost:PORT on loopback; :PORT on every address
    /// of this host; or unix:/PATH. May be repeated: other commands then use the first. The default is 127.0.0.1:9477,
    /// unless a service manager has opened sockets (LISTEN_FDS).
    #[arg(long, env = "NETMON_LISTEN", value_name = "ADDRESS", value_delimiter = ',')]
    listen: Vec<ServerAddress>,
    /// Width of the buckets of histograms in /metrics: half an octave, with bounds at 2^k and 1.5 * 2^k nanoseconds, or
    /// an octave, for scrapes of three fifths of the size and coarser quantiles.
    #[arg(long, env = "NETMON_BUCKETS", default_value = "half", value_name = "WIDTH")]
    buckets: Width,
    /// Start a Prometheus beside the agent, which scrapes it and has netmon's alerts. The program `prometheus` has to be
    /// installed. It ends with the lab, and its data with it.
    #[arg(long, env = "NETMON_PROMETHEUS", value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true,
          default_missing_value = "127.0.0.1:9090")]
    prometheus: Option<SocketAddr>,
    #[command(flatten)]
    serving: Serving,
    /// Leave the lab up at the end.
    #[arg(long, env = "NETMON_KEEP")]
    keep: bool,
    #[command(flatten)]
    watching: Watching,
    /// Enable the kernel's run-time statistics of the programs, and export them. Costs about 80 ns for each packet and
    /// hook.
    #[arg(long, env = "NETMON_PROGRAM_STATS")]
    program_stats: bool,
}

/// The ways to measure links that were found.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    /// Counts, latency, loss and conversations.
    #[value(alias = "true", alias = "1")]
    Tracing,
    /// Packets and bytes only.
    Count,
}

impl From<Mode> for DiscoverMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Tracing => Self::Tracing,
            Mode::Count => Self::Count,
        }
    }
}

/// The widths of buckets.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Width {
    /// Two buckets for each power of two nanoseconds.
    Half,
    /// One bucket for each power of two nanoseconds.
    Octave,
}

impl From<Width> for Buckets {
    fn from(width: Width) -> Self {
        match width {
            Width::Half => Self::Half,
            Width::Octave => Self::Octave,
        }
    }
}

/// Runs the agent.
///
/// # Errors
///
/// Fails as [`agent::run`] does.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let builds_lab = args.discover.is_none() || args.lab.file.is_some();
    if !builds_lab {
        args.require_no_lab_options()?;
    }
    let discover = chosen(args.discover, args.selecting.clone())?;
    let lab = if builds_lab { args.lab.open()? } else { Lab::of_host() };
    require_whole_containers(&lab, discover.as_ref())?;
    // Before the runtime, whose threads then have no more either.
    keep_capabilities(&lab.services);
    with_runtime(serve(args, lab, discover))
}

async fn serve(
    args: Args,
    lab: Lab,
    discover: Option<(Selection, TracingDepth)>,
) -> anyhow::Result<ExitCode> {
    let name = lab.name.clone();
    let prometheus = args.prometheus.map(|address| start_beside(&lab, &args.listen, address)).transpose()?;
    let config = Config {
        listen: args.listen,
        serving: server::Options { buckets: args.buckets.into(), ..args.serving.options()? },
        datapath: Options {
            log_level: log_level(),
            run_time: args.program_stats,
            tracing: discover.as_ref().map(|(_, depth)| *depth),
            ..args.watching.options()
        },
        persist: args.watching.persist,
        keep: args.keep,
        discover: discover.map(|(selection, _)| selection),
        probes: true,
        further_services: prometheus.iter().map(Prometheus::service).collect(),
    };
    let address = prometheus.as_ref().map(|prometheus| prometheus.address);
    let greet = |lab: &Lab, started: &Started| greet(lab, started, address);
    let ran = agent::run(lab, config, ProgressLine::start(), greet).await;
    // A lab that stays has its services still.
    let ended = prometheus.filter(|_| State::load(&name).is_none());
    let removed = ended.map_or(Ok(()), |prometheus| prometheus.remove());
    ran?;
    removed.context("cannot remove the data of Prometheus")?;
    Ok(ExitCode::Ok)
}

impl Args {
    /// Refuses options that are about a lab, if none is built.
    fn require_no_lab_options(&self) -> Result<(), UsageError> {
        let given = [
            ("--attach", self.watching.has_mode()),
            ("--keep", self.keep),
            ("--persist", self.watching.persist),
            ("--prometheus", self.prometheus.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(UsageError(format!(
                "{option} is about a lab, and `netmon run --discover` builds none: give a lab file as well"
            ))),
            None => Ok(()),
        }
    }
}

/// Returns which links of the host are wanted, and how they are measured. `None` without `--discover`.
#[expect(clippy::option_option, reason = "clap's type of an option whose value may be left out")]
fn chosen(
    discover: Option<Option<Mode>>,
    selecting: Selecting,
) -> anyhow::Result<Option<(Selection, TracingDepth)>> {
    let Some(mode) = discover else {
        if selecting.is_given() {
            let needed = "--include, --exclude, --include-kind and --discover-limit need --discover";
            return Err(UsageError(needed.to_owned()).into());
        }
        return Ok(None);
    };
    let chosen = selecting.choose()?;
    let mode = mode.map(DiscoverMode::from).or(chosen.mode).unwrap_or_default();
    let depth = match mode {
        DiscoverMode::Tracing => TracingDepth::Full,
        DiscoverMode::Count => TracingDepth::Count,
    };
    Ok(Some((chosen.selection, depth)))
}

/// Refuses to count packets only if links of the lab lead into containers: those are measured by the same programs.
fn require_whole_containers(
    lab: &Lab,
    discover: Option<&(Selection, TracingDepth)>,
) -> Result<(), UsageError> {
    let counts_only = discover.is_some_and(|(_, depth)| *depth == TracingDepth::Count);
    if !counts_only || lab.containers.is_empty() {
        return Ok(());
    }
    Err(UsageError(format!(
        "lab {} leads into containers, whose links would have neither latency nor losses with --discover=count: use \
         --discover=tracing",
        lab.name
    )))
}

/// Returns where a Prometheus of this host scrapes the agent: the first address with a port.
fn scraped_at(listen: &[ServerAddress]) -> anyhow::Result<SocketAddr> {
    let default = [DEFAULT_ADDRESS.into()];
    let listen = if listen.is_empty() { &default } else { listen };
    let with_port = listen.iter().find_map(|address| match address.to_reach() {
        ServerAddress::Tcp(address) if address.port() != 0 => Some(address),
        _ => None,
    });
    with_port.context("--prometheus needs an address with a fixed port in --listen")
}

/// Prepares a Prometheus that scrapes the agent at `listen`.
fn start_beside(lab: &Lab, listen: &[ServerAddress], address: SocketAddr) -> anyhow::Result<Prometheus> {
    let agent = scraped_at(listen)?;
    // Before anything is written.
    require_topology("netmon run")?;
    // Prometheus would say so too, but only after all attempts to start it. A lab that stayed may have one there.
    if State::load(&lab.name).is_none() {
        TcpListener::bind(address).with_context(|| {
            format!("cannot start Prometheus at {address} (--prometheus=ADDRESS:PORT takes another address)")
        })?;
    }
    let prometheus = Prometheus::new(lab, agent, address);
    prometheus.write().context("cannot write the configuration of Prometheus")?;
    Ok(prometheus)
}

/// The log level of the eBPF programs, which is the agent's.
fn log_level() -> u8 {
    let level = if log_enabled!(log::Level::Trace) {
        Some(log::Level::Trace)
    } else if log_enabled!(log::Level::Debug) {
        Some(log::Level::Debug)
    } else {
        None
    };
    Options::log_level_of(level)
}

fn greet(lab: &Lab, started: &Started, prometheus: Option<SocketAddr>) {
    let Started { http, security, features, found, stays, pinned } = started;
    let (program, pinned) = (program(), pinned.as_deref());
    let terminal = output::terminal();
    let banner = Banner {
        lab,
        found: *found,
        http,
        security: *security,
        features: *features,
        stays: *stays,
        pinned,
        prometheus,
        program: &program,
        terminal,
    };
    // Best effort: a user who closed standard output still wants the lab.
    let _ = write!(anstream::stdout(), "{banner}");
}

/// The name by which netmon was called, so that the commands that the banner suggests work wherever it is installed.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "netmon".to_owned())
}
