//! `netmon overhead LINK`: what watching a link costs its traffic.

use std::time::Duration;

use clap::Args as ClapArgs;
use netmon_kernel::{
    pins::PinDirectory,
    sys::capabilities::{Capability, require},
};
use netmon_model::names::{LabName, LinkName};

use super::{
    exit::ExitCode,
    output::{self, Format},
};
use crate::{
    control::{LabHandle, locate},
    datapath::Options,
    overhead::{AgentHooks, End, HookControl, OwnHooks, compare},
    ownership::Claim,
    render::progress::ProgressLine,
};

mod report;

/// Which link, and for how long.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon overhead veth0                             the link that has this interface
  netmon overhead root:veth0--direct_netns:veth1    the same link, by its name
  netmon overhead veth0 --lab direct --pairs 50     takes longer, with less noise
  netmon overhead veth0 -o json")]
pub struct Args {
    /// The link: its name, NAMESPACE:INTERFACE of one end, or INTERFACE.
    #[arg(value_name = "LINK")]
    link: String,
    /// The lab, by its name or its file, if several have such a link.
    #[arg(long, env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Pairs of runs, one with hooks and one without.
    #[arg(long, env = "NETMON_PAIRS", default_value_t = 12, value_name = "N",
          value_parser = clap::value_parser!(u32).range(2..=1000))]
    pairs: u32,
    /// Duration of a run in milliseconds, for each of the two measurements.
    #[arg(long, env = "NETMON_RUN_MS", default_value_t = 50, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(5..=5000))]
    run_ms: u64,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if there is no such link (exit code 2), a privilege is missing (3), the lab is held by a process that is no
/// agent (4), or the ends of the link do not reach each other (1).
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    require(&[Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf], "netmon overhead")?;
    let (lab, link) = locate::link(&args.link, args.lab.as_deref())?;
    let ends = End::both(&link)?;
    let (mut hooks, whose, _claim) = hooks(&lab, &link.name, &ends)?;
    let comparison = {
        let progress = ProgressLine::start();
        let time = Duration::from_millis(args.run_ms);
        compare(&link.name, ends, hooks.as_mut(), (args.pairs, time), &progress)?
    };
    drop(hooks);
    let text = match args.output {
        Format::Table => report::text(&comparison, &whose),
        Format::Json => serde_json::to_string_pretty(&comparison)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}

/// Whose hooks are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// Those of this agent, whose counters miss what passes while they are off.
    Agent(String),
    /// This command's own: no agent watches the lab, and no counter misses anything.
    Ours,
}

/// The hooks of the agent that holds the lab. Without an agent, this command's own, with the claim that keeps the lab
/// from being changed meanwhile.
fn hooks(
    lab: &LabName,
    link: &LinkName,
    ends: &[End; 2],
) -> anyhow::Result<(Box<dyn HookControl>, Whose, Option<Claim>)> {
    match LabHandle::acquire(lab)? {
        LabHandle::Agent(agent, holder) => {
            let hooks = AgentHooks::borrow(agent, link)?;
            Ok((Box::new(hooks), Whose::Agent(holder.to_string()), None))
        }
        LabHandle::Own(claim) => {
            // Programs in front of the pinned ones would consume the timestamps that those wait for.
            if PinDirectory::for_lab(lab).is_ok_and(|folder| folder.exists()) {
                anyhow::bail!(
                    "counting of lab {lab} persists without an agent; start `netmon run` first, which can pause its \
                     hooks"
                );
            }
            let mut hooks = OwnHooks::load(ends, &Options::default())?;
            hooks.attach()?;
            Ok((Box::new(hooks), Whose::Ours, Some(claim)))
        }
    }
}
