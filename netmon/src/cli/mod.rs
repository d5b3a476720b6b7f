//! The command line: one file a subcommand, and nothing in them but parsing and printing.

pub mod banner;
pub mod clean;
pub mod completions;
pub mod doctor;
pub mod down;
pub mod exec;
pub mod exit;
pub mod failure;
pub mod flows;
pub mod generate;
pub mod graph;
pub mod impair;
pub mod lab_file;
pub mod logging;
pub mod man;
pub mod output;
pub mod overhead;
pub mod plan;
pub mod privileges;
pub mod reload;
pub mod run;
pub mod schema;
pub mod selftest;
pub mod status;
pub mod supervise;
pub mod test;
pub mod up;
pub mod watching;
pub mod which_agent;

use clap::{Parser, Subcommand};

use self::exit::ExitCode;

/// What happens between network namespaces: how many packets, how late, how many lost.
#[derive(Debug, Parser)]
#[command(name = "netmon", version, about, max_term_width = 100)]
pub struct Cli {
    /// What is logged: error, warn, info, debug or trace, or env_logger's filters.
    #[arg(long, global = true, env = "NETMON_LOG", default_value = "info", value_name = "LEVEL")]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Builds a lab, watches it and serves what is seen, until Ctrl-C; then puts everything back.
    ///
    /// A lab that `netmon up` made is taken over, and stays at the end.
    Run(run::Args),
    /// Builds a lab and leaves it there.
    ///
    /// Nothing is measured; that is `netmon run`, which takes over a lab that is there. With --persist, packets are
    /// counted from the first one on, and a later `netmon run` shows them. On a lab that is
    /// there, only what differs from the file is changed. The lab's services run until `netmon down`.
    Up(up::Up),
    /// Removes a lab, however it got there.
    ///
    /// Its services, links, namespaces and files go, also what a killed netmon left of them; what is not the
    /// lab's is not touched. That nothing is there is no error.
    Down(down::Down),
    /// Has the agent of a lab make it as its file says now.
    ///
    /// Only what differs is changed: links that stay keep their counters and lose no packet. A file that is wrong
    /// changes nothing. `netmon up FILE` and SIGHUP do the same.
    Reload(reload::Reload),
    /// Shows what `up` would change, and changes nothing.
    Plan(plan::Plan),
    /// Runs a command inside a namespace, as `ip netns exec` does.
    ///
    /// It sees the namespace's own /sys, and the files of /etc/netns/NAMESPACE in /etc. The exit code is the
    /// command's; 127 when there is no such command, 126 when it cannot be run.
    Exec(exec::Exec),
    /// Shows packets, rates and latencies of every link, in both directions.
    ///
    /// The agent is asked, so one has to run: `netmon run`.
    Status(status::Args),
    /// Shows the TCP connections that cross the links, from the agent that runs.
    ///
    /// Which, how far, how much in each direction, and the latest round trip.
    Flows(flows::Args),
    /// Draws a lab: namespaces and links, with rates and latencies while it runs.
    ///
    /// As text, in the languages of Mermaid and Graphviz, or as JSON.
    Graph(graph::Args),
    /// Shows what watching a link costs those who use it: the same load with hooks on and off, in turn.
    ///
    /// With an agent, that one takes the link's hooks off and puts them on; what it did not count meanwhile is
    /// said. On a lab without an agent, the hooks are the command's own.
    Overhead(overhead::Args),
    /// Shows what is done to the packets of a link on purpose, and changes it while the link stands.
    ///
    /// Loss, a rate, delay and jitter, for either direction; beside what is declared stands what is measured. On a lab
    /// that an agent runs, the agent does it. The lab file is not changed.
    Impair(impair::Args),
    /// Prints a lab file of a usual shape: a star, a chain, a mesh and so on, of any size.
    ///
    /// Addresses, names and routes are made up; the text begins with what to try. Nothing is built.
    Generate(generate::Args),
    /// Prints a JSON Schema of the lab file, for editors.
    ///
    /// With it, an editor completes keys, shows what they mean and marks what is wrong while it is written.
    Schema(schema::Args),
    /// Builds a lab, checks what its file expects, and takes it down.
    ///
    /// Each [[expect]] is tried from where it says, and its path is held against what netmon counted on the links.
    /// Exit code 5 when one does not hold.
    Test(test::Args),
    /// Checks that the numbers are true on this machine, in less than 40 seconds.
    ///
    /// In namespaces of its own, which go again, it sends packets that it knows, delays answers and overflows a
    /// queue, and compares what netmon says with what it did, with what it measured itself, and with the
    /// kernel's counters. Exit code 5 when something is out of bounds.
    Selftest(selftest::Args),
    /// Looks at this host: privileges, kernel features, memory, other people's programs on hooks, leftovers.
    ///
    /// Says of each whether it is as netmon needs it, what netmon does without, and what there is to do. Changes
    /// nothing. Works without root, too, and says what it could not look at.
    Doctor(doctor::Doctor),
    /// Lists what dead labs left on this host, and removes it after a yes.
    ///
    /// Only what carries netmon's mark is listed: namespaces, interfaces, filters, files, cgroups and state.
    /// A lab that a process holds is never touched, and one that `netmon up` made and that is whole is listed
    /// and stays, unless it is named.
    Clean(clean::Clean),
    /// Prints completions for a shell.
    Completions(completions::Args),
    /// Prints the man page, or writes one for each subcommand.
    Man(man::Args),
    /// Runs the services of a lab that was made without an agent.
    #[command(hide = true)]
    Supervise(supervise::Supervise),
}

/// Runs the command that was asked for, and says how the process should end.
///
/// # Errors
///
/// Fails with the error of the command; [`failure::exit_code`] has its exit code.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => with_runtime(run::run(args)),
        Command::Up(args) => up::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Down(args) => down::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Exec(args) => exec::run(&args),
        Command::Status(args) => with_runtime(status::run(args)),
        Command::Flows(args) => with_runtime(flows::run(args)),
        Command::Graph(args) => with_runtime(graph::run(args)),
        Command::Overhead(args) => overhead::run(&args),
        Command::Impair(args) => with_runtime(impair::run(args)),
        Command::Generate(args) => generate::run(args),
        Command::Schema(_) => schema::run(),
        Command::Test(args) => with_runtime(test::run(args)),
        Command::Selftest(args) => with_runtime(selftest::run(args)),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Clean(args) => clean::run(&args),
        Command::Supervise(args) => supervise::run(&args),
    }
}

/// Runs an asynchronous command to its end.
fn with_runtime(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(command)
}
