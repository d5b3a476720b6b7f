//! `netmon overhead LINK`: what watching costs those who use a link.

use std::time::Duration;

use clap::Args as ClapArgs;
use netmon_kernel::{
    pins::PinDirectory,
    sys::capabilities::{Capability, require},
};
use netmon_model::names::LabName;

use super::{
    exit::ExitCode,
    failure,
    output::{self, Format},
};
use crate::{
    control::locate_link,
    datapath::Options,
    overhead::{AgentsHooks, End, Hooks, OwnHooks, compare},
    ownership::{Claim, OwnershipError, state::RecordedLink},
    render::progress::ProgressLine,
};

mod report;

/// Which link, and how long.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon overhead veth0                             the link that has this interface
  netmon overhead root:veth0--direct_netns:veth1    the same by its name
  netmon overhead veth0 --lab direct --pairs 50     longer, for less noise
  netmon overhead veth0 -o json")]
pub struct Args {
    /// The link: its name, NAMESPACE:INTERFACE of one end, or INTERFACE.
    #[arg(value_name = "LINK")]
    link: String,
    /// The lab, by its name or its file, when several have such a link.
    #[arg(long, env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// How many runs there are of each kind, in turn.
    #[arg(long, env = "NETMON_PAIRS", default_value_t = 12, value_name = "N",
          value_parser = clap::value_parser!(u32).range(2..=1000))]
    pairs: u32,
    /// Milliseconds of a run, for each of the two measures.
    #[arg(long, env = "NETMON_RUN_MS", default_value_t = 50, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(5..=5000))]
    run_ms: u64,
    /// How to print.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// When there is no such link, its ends do not reach each other, or a privilege is missing.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    require(&[Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf], "netmon overhead")
        .map_err(failure::of_privilege)?;
    let (lab, link) = locate_link::link(&args.link, args.lab.as_deref())?;
    let ends = End::both(&link)?;
    let (mut hooks, who, _claim) = hooks(&lab, &link, &ends)?;
    let comparison = {
        let progress = ProgressLine::start();
        let time = Duration::from_millis(args.run_ms);
        compare(&link.name, ends, hooks.as_mut(), (args.pairs, time), &progress)?
    };
    drop(hooks);
    let text = match args.output {
        Format::Table => report::text(&comparison, &who),
        Format::Json => serde_json::to_string_pretty(&comparison)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}

/// Whose hooks they are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// Of this agent, whose counters miss what passes while they are off.
    Agent(String),
    /// Our own: nobody watches the lab, and nobody's counters miss anything.
    Ours,
}

/// The hooks of the agent that holds the lab; without one, our own, and the lab is held meanwhile.
fn hooks(
    lab: &LabName,
    link: &RecordedLink,
    ends: &[End; 2],
) -> anyhow::Result<(Box<dyn Hooks>, Whose, Option<Claim>)> {
    match Claim::take(lab) {
        Ok(claim) => {
            // Programs of ours before those that are pinned would take the stamps that these wait for.
            if PinDirectory::for_lab(lab).is_ok_and(|folder| folder.exists()) {
                anyhow::bail!(
                    "counting of lab {lab} persists: `netmon run` it first, its agent takes the hooks off"
                );
            }
            let hooks = OwnHooks::load(ends, &Options::default())?;
            let mut hooks: Box<dyn Hooks> = Box::new(hooks);
            hooks.on()?;
            Ok((hooks, Whose::Ours, Some(claim)))
        }
        Err(OwnershipError::Held { holder, .. }) if holder.http.is_some() => {
            let hooks = AgentsHooks::borrow(lab, &link.name)?;
            Ok((Box::new(hooks), Whose::Agent(holder.to_string()), None))
        }
        Err(error) => Err(failure::of_ownership(error)),
    }
}
