//! `netmon impair LINK`: shows and changes the impairment of a link while it is up.

use anyhow::Context as _;
use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::{
    impairment::{Change, Delay, InvalidAmount, Loss, NewRate},
    names::{NsName, Side},
};

use super::{
    exit::ExitCode,
    failure::UsageError,
    output::{self, Format},
    privileges::require_topology,
};
use crate::{
    control::{LabHandle, locate},
    ownership::state::RecordedLink,
};

mod show;

/// Which link, and what to change.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon impair veth0                                shows what is configured and measured
  netmon impair veth0 --loss 1%                      drops one in a hundred, in both directions
  netmon impair veth0 --rate 10mbit --from root      only packets that leave root; keeps the loss
  netmon impair uplink --direction a-to-b --delay 20ms --jitter 2ms
  netmon impair veth0 --loss 0% --rate none          removes both, and would keep a delay
  netmon impair veth0 --clear                        removes the whole impairment
The lab file is not changed: the next `netmon up` or `netmon reload` restores what it says.
Exit codes: 0 success, 1 failed, 2 amounts that contradict each other, or no such link, 3 this
kernel lacks something (delay needs netem), 4 a foreign qdisc or filter is in the way, or the lab
is held.")]
pub struct Args {
    /// The link: its name, NAMESPACE:INTERFACE of one end, or INTERFACE.
    #[arg(value_name = "LINK")]
    link: String,
    /// The lab, by its name or its file, if several have such a link.
    #[arg(long, env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Direction of the packets.
    #[arg(long, env = "NETMON_DIRECTION", value_enum, default_value_t)]
    direction: Direction,
    /// Packets that leave this namespace, instead of --direction.
    #[arg(long, env = "NETMON_FROM", value_name = "NAMESPACE", conflicts_with = "direction")]
    from: Option<NsName>,
    /// Delay of each packet, for example 10ms; 0ms removes it.
    #[arg(long, env = "NETMON_DELAY", value_name = "TIME")]
    delay: Option<Delay>,
    /// Maximum deviation from the delay, up or down, for example 2ms; 0ms removes it.
    #[arg(long, env = "NETMON_JITTER", value_name = "TIME")]
    jitter: Option<Delay>,
    /// Share of packets to drop, for example 1%; 0% removes the loss.
    #[arg(long, env = "NETMON_LOSS", value_name = "SHARE")]
    loss: Option<Loss>,
    /// Rate limit in bits a second, for example 10mbit; `none` removes it.
    #[arg(long, env = "NETMON_RATE", value_name = "RATE", value_parser = new_rate)]
    rate: Option<NewRate>,
    /// Remove the whole impairment before the other options are applied.
    #[arg(long, env = "NETMON_CLEAR")]
    clear: bool,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Which packets of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// From end `a` to end `b`.
    AToB,
    /// From end `b` to end `a`.
    BToA,
    /// Both directions.
    #[default]
    Both,
}

fn new_rate(text: &str) -> Result<NewRate, InvalidAmount> {
    match text {
        "none" => Ok(NewRate::Unlimited),
        _ => text.parse().map(NewRate::Limit),
    }
}

/// Runs the command.
///
/// # Errors
///
/// Fails if there is no such link or the amounts contradict each other (exit code 2), the kernel lacks a feature (3), or
/// a foreign object is in the way (4).
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (lab, link) = locate::link(&args.link, args.lab.as_deref())?;
    let change = args.change();
    if change.is_nothing() {
        output::print(&show::show(&lab, &link, args.output).await?)?;
        return Ok(ExitCode::Ok);
    }
    let sides = args.sides(&link)?;
    require_topology(&format!("changing link {}", link.name))?;
    let mut handle = LabHandle::acquire(&lab)?;
    handle.impair(&link, &sides, change).with_context(|| format!("cannot change link {}", link.name))?;
    drop(handle);
    output::print(&show::changed(&lab, &link, &sides, args.output)?)?;
    Ok(ExitCode::Ok)
}

impl Args {
    fn change(&self) -> Change {
        Change { clear: self.clear, delay: self.delay, jitter: self.jitter, loss: self.loss, rate: self.rate }
    }

    /// The ends through which the packets leave.
    fn sides(&self, link: &RecordedLink) -> Result<Vec<Side>, UsageError> {
        let Some(from) = &self.from else {
            return Ok(match self.direction {
                Direction::AToB => vec![Side::A],
                Direction::BToA => vec![Side::B],
                Direction::Both => vec![Side::A, Side::B],
            });
        };
        let leaving: Vec<Side> =
            [Side::A, Side::B].into_iter().filter(|side| link.end(*side).namespace == *from).collect();
        let RecordedLink { name, a, b, .. } = link;
        match leaving[..] {
            [_] => Ok(leaving),
            [] => Err(UsageError(format!(
                "link {name} has no end in {from}: it joins {} and {}",
                a.namespace, b.namespace
            ))),
            _ => Err(UsageError(format!(
                "link {name} has both ends in {from}: give --direction a-to-b or b-to-a"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use netmon_model::mac::Mac;

    use super::*;
    use crate::{
        cli::{Cli, Command},
        ownership::state::RecordedInterface,
    };

    /// The ends that `netmon impair core ARGUMENTS` means, of a link that joins these namespaces.
    fn sides(arguments: &[&str], [a, b]: [&str; 2]) -> Result<Vec<Side>, UsageError> {
        let end = |namespace: &str| RecordedInterface {
            namespace: namespace.parse().unwrap(),
            interface: "eth0".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            ifindex: None,
        };
        let link = RecordedLink { name: "core".parse().unwrap(), a: end(a), b: end(b), in_container: false };
        let command = Cli::parse_from([&["netmon", "impair", "core"], arguments].concat()).command;
        let Command::Impair(args) = command else { panic!("{command:?}") };
        args.sides(&link)
    }

    #[test]
    fn a_direction_is_the_end_that_its_packets_leave() {
        let joined = ["one", "two"];
        assert_eq!(sides(&[], joined).unwrap(), [Side::A, Side::B]);
        assert_eq!(sides(&["--direction", "a-to-b"], joined).unwrap(), [Side::A]);
        assert_eq!(sides(&["--direction", "b-to-a"], joined).unwrap(), [Side::B]);
    }

    #[test]
    fn a_namespace_means_the_one_end_in_it() {
        assert_eq!(sides(&["--from", "two"], ["one", "two"]).unwrap(), [Side::B]);
        let error = sides(&["--from", "three"], ["one", "two"]).unwrap_err();
        assert_eq!(error.to_string(), "link core has no end in three: it joins one and two");
        let error = sides(&["--from", "one"], ["one", "one"]).unwrap_err();
        assert!(error.to_string().starts_with("link core has both ends in one: give --direction"), "{error}");
    }
}
