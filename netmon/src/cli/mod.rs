//! The command line: one file for each subcommand, with nothing but parsing and printing.

pub mod clean;
pub mod compare;
pub mod completions;
pub mod discover;
pub mod doctor;
pub mod down;
pub mod error_message;
pub mod exec;
pub mod exit;
pub mod failure;
pub mod flows;
pub mod generate;
pub mod graph;
pub mod groups;
pub mod impair;
pub mod lab_file;
pub mod logging;
pub mod man;
pub mod output;
pub mod overhead;
pub mod plan;
pub mod privileges;
pub mod record;
pub mod reference;
pub mod reload;
pub mod run;
pub mod schema;
pub mod selecting;
pub mod selftest;
pub mod serving;
pub mod status;
pub mod supervise;
pub mod test;
pub mod top;
pub mod trace;
pub mod up;
pub mod watching;
pub mod which_agent;

use std::{env, ffi::OsStr};

use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::exit::ExitCode;

/// Measures the links between network namespaces: packets, latencies, losses.
#[derive(Debug, Parser)]
#[command(name = "netmon", version, about, max_term_width = 100)]
pub struct Cli {
    /// Log level: error, warn, info, debug or trace; or filters as env_logger reads them.
    #[arg(long, global = true, env = "NETMON_LOG", default_value = "info", value_name = "LEVEL")]
    pub log: String,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the command line of this process; ends the process with help, the version or an error as clap does.
    #[must_use]
    pub fn of_process() -> Self {
        let matches = without_empty_variables(groups::grouped(Self::command())).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Treats a variable of the environment that is empty as one that is not set, as in `NETMON_FILE= netmon doctor`.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    let arg =
        |arg: Arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&'static str>) } else { arg };
    command.mut_args(arg).mut_subcommands(without_empty_variables)
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Builds a lab, measures it and serves the results until Ctrl-C, then removes it.
    ///
    /// A lab that `netmon up` built is adopted, and stays up at the end.
    Run(run::Args),
    /// Builds a lab and leaves it up.
    ///
    /// Without --persist nothing is measured until `netmon run` adopts the lab. With it, packets are counted from the
    /// first one on, and a later `netmon run` shows them. If the lab is up already, only differences from the file are
    /// applied. The lab's services run until `netmon down`.
    Up(up::Up),
    /// Removes a lab, whether `netmon run` or `netmon up` built it.
    ///
    /// Removes its services, links, namespaces and files, and whatever a killed netmon left of them. Nothing that the
    /// lab does not own is touched. Succeeds if there is nothing to remove.
    Down(down::Down),
    /// Tells the running agent to apply the lab file again.
    ///
    /// Only differences are applied: links that stay keep their counters and lose no packet. An invalid file
    /// changes nothing. `netmon up FILE` and SIGHUP do the same.
    Reload(reload::Reload),
    /// Prints what `up` would change, and changes nothing.
    Plan(plan::Plan),
    /// Runs a command inside a namespace, as `ip netns exec` does.
    ///
    /// The command sees the /sys of the namespace, and the files of /etc/netns/NAMESPACE in /etc. The exit code is the
    /// command's; 127 if it was not found, 126 if it cannot be executed.
    Exec(exec::Exec),
    /// Shows packets, rates and latencies of every link, in both directions.
    ///
    /// Queries the agent, so `netmon run` must be running.
    Status(status::Args),
    /// Shows links, namespaces, connections, drops and probes live on the terminal.
    ///
    /// Reads the agent once a second, so `netmon run` must be running. Reconnects if the agent is restarted.
    Top(top::Args),
    /// Lists the TCP connections, and the conversations over UDP, that cross the links.
    ///
    /// Shows their state, bytes in each direction, and the latest round trip. Queries the agent.
    Flows(flows::Args),
    /// Draws a lab: its namespaces and links, with rates and latencies if an agent runs it.
    ///
    /// Draws text, writes Mermaid or Graphviz source, or prints JSON.
    Graph(graph::Args),
    /// Lists the network namespaces of this host and the links between them, whatever made them.
    ///
    /// Finds containers, pods, machines and namespaces of `ip netns add`, and names them as their users do. Enters no
    /// namespace, keeps none alive and changes nothing. Needs no agent.
    Discover(discover::Args),
    /// Measures what watching a link costs its traffic: the same load with and without hooks, in turn.
    ///
    /// If an agent watches the link, it detaches and reattaches its hooks, and the command reports what was not
    /// counted meanwhile. On a lab without an agent, the command attaches hooks of its own.
    Overhead(overhead::Args),
    /// Shows and changes the impairment of a link while it is up: loss, rate, delay and jitter.
    ///
    /// Each direction has its own. Shows what is configured beside what is measured. If an agent runs the lab, the
    /// agent makes the change. The lab file is not changed.
    Impair(impair::Args),
    /// Shows the way of one packet, there and back, and where its time goes.
    ///
    /// Sends a ping, a TCP connection or an HTTP request from a namespace, ten times, and prints every hook that it met:
    /// what each link, namespace and program on the way took. Says where a packet was lost, and why. Needs no agent.
    Trace(trace::Args),
    /// Prints a lab file of a common shape and any size: a star, a chain, a mesh and others.
    ///
    /// Chooses names, addresses and routes. The file begins with commands to try. Nothing is built.
    Generate(generate::Args),
    /// Prints a JSON Schema of the lab file, for editors.
    ///
    /// With it, an editor completes keys, shows what they mean, and marks errors.
    Schema(schema::Args),
    /// Builds a lab, checks what its file expects, and removes it.
    ///
    /// Tries each [[expect]] from the namespace that it names, and compares its path with what netmon counted on the
    /// links. Exits with 5 if an expectation does not hold.
    Test(test::Args),
    /// Records what an agent measures, as one file, to be compared with another run.
    ///
    /// Reads the agent once a second for a minute. The file has every counter and histogram of every second, the lab file
    /// and the facts of this machine. It is readable even if the recorder is killed.
    Record(record::Args),
    /// Compares two recorded runs, and exits with 5 if the new one is worse.
    ///
    /// Compares latencies, losses and throughput of every link, round trips at every end, and probes. Reports a change only
    /// if chance is ruled out: in 1,000 comparisons of equal runs, at most one is expected to report a regression.
    Compare(compare::Args),
    /// Checks that netmon's numbers are correct on this host, in less than 40 seconds.
    ///
    /// Sends known packets, delays replies and overflows a queue in namespaces of its own, which it removes again.
    /// Compares what netmon shows with what was sent, with its own measurements, and with the kernel's counters. Exits
    /// with 5 if a number is out of bounds.
    Selftest(selftest::Args),
    /// Checks this host: privileges, kernel features, memory, foreign programs on hooks, leftovers.
    ///
    /// Reports whether each is as netmon needs it, what does not work without it, and what to do. Changes nothing.
    /// Also works without root, and lists what it could not check.
    Doctor(doctor::Doctor),
    /// Lists what dead labs left on this host, and removes it on confirmation.
    ///
    /// Lists only what carries netmon's mark: namespaces, interfaces, filters, files, cgroups and state.
    /// A lab that a process holds is never touched. A complete lab that `netmon up` built is listed and stays, unless
    /// it is named.
    Clean(clean::Clean),
    /// Prints the completion script of a shell.
    Completions(completions::Args),
    /// Prints the man page, or writes one for each subcommand.
    Man(man::Args),
    /// Runs the services of a lab that has no agent.
    #[command(hide = true)]
    Supervise(supervise::Supervise),
}

/// Runs a command and returns the exit code of the process.
///
/// # Errors
///
/// Fails with the error of the command; [`failure::exit_code`] has its exit code.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Up(args) => with_runtime(up::run(args)),
        Command::Reload(args) => reload::run(&args),
        Command::Down(args) => down::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Exec(args) => exec::run(&args),
        Command::Status(args) => with_runtime(status::run(args)),
        Command::Top(args) => with_runtime(top::run(args)),
        Command::Flows(args) => with_runtime(flows::run(args)),
        Command::Graph(args) => with_runtime(graph::run(args)),
        Command::Discover(args) => discover::run(args),
        Command::Overhead(args) => overhead::run(&args),
        Command::Impair(args) => with_runtime(impair::run(args)),
        Command::Trace(args) => trace::run(&args),
        Command::Generate(args) => generate::run(args),
        Command::Schema(_) => schema::run(),
        Command::Test(args) => with_runtime(test::run(args)),
        Command::Record(args) => with_runtime(record::run(args)),
        Command::Compare(args) => compare::run(&args),
        Command::Selftest(args) => with_runtime(selftest::run(args)),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Clean(args) => clean::run(&args),
        Command::Supervise(args) => supervise::run(&args),
    }
}

/// Runs an asynchronous command to completion.
fn with_runtime(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(command)
}
