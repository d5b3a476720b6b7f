//! `netmon impair LINK`: what is done to the packets of a link on purpose, shown and changed while it stands.

use std::net::SocketAddr;

use anyhow::{Context as _, anyhow};
use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::{
    impairment::{Change, Delay, InvalidAmount, Loss, NewRate},
    names::{LabName, LinkName, NsName, Side},
};
use serde::Serialize;

use super::{
    exit::ExitCode,
    failure,
    output::{self, Format},
};
use crate::{
    api::{Amounts, DeclaredImpairment, EndpointName, Links, Measured, client::Client},
    control::{self, Answer, Refused, Request, locate::agent_address, locate_link},
    ownership::{
        Claim, OwnershipError,
        state::{RecordedInterface, RecordedLink},
    },
    topology::impair,
};

pub(super) mod report;

/// Which link, and what becomes of it.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon impair veth0                                what is declared, and what is measured of it
  netmon impair veth0 --loss 1%                      one packet in a hundred is lost, in both directions
  netmon impair veth0 --rate 10mbit --from root      10 Mbit/s for what leaves root; the loss stays as it is
  netmon impair uplink --direction a-to-b --delay 20ms --jitter 2ms
  netmon impair veth0 --loss 0% --rate none          no loss and no rate; a delay would stay
  netmon impair veth0 --clear                        nothing is impaired any more
The lab file is not changed: the next `netmon up` or `netmon reload` puts back what it says.
Exit codes: 0 done, 1 failed, 2 amounts that do not go together, or no such link, 3 this kernel lacks
something (delay needs netem), 4 a qdisc or filter that is not netmon's is in the way.")]
pub struct Args {
    /// The link: its name, NAMESPACE:INTERFACE of one end, or INTERFACE.
    #[arg(value_name = "LINK")]
    link: String,
    /// The lab, by its name or its file, when several have such a link.
    #[arg(long, env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Of which packets.
    #[arg(long, env = "NETMON_DIRECTION", value_enum, default_value_t)]
    direction: Direction,
    /// Of those that leave this namespace, instead of --direction.
    #[arg(long, env = "NETMON_FROM", value_name = "NAMESPACE", conflicts_with = "direction")]
    from: Option<NsName>,
    /// How much later each packet leaves, for example 10ms; 0ms for none.
    #[arg(long, env = "NETMON_DELAY", value_name = "TIME")]
    delay: Option<Delay>,
    /// By how much the delay varies, up and down; 0ms for not at all.
    #[arg(long, env = "NETMON_JITTER", value_name = "TIME")]
    jitter: Option<Delay>,
    /// Which share of the packets is dropped, for example 1%; 0% for none.
    #[arg(long, env = "NETMON_LOSS", value_name = "SHARE")]
    loss: Option<Loss>,
    /// How many bits may leave in a second, for example 10mbit; none for as many as there are.
    #[arg(long, env = "NETMON_RATE", value_name = "RATE", value_parser = new_rate)]
    rate: Option<NewRate>,
    /// Takes all of it away, and then does what else is said.
    #[arg(long, env = "NETMON_CLEAR")]
    clear: bool,
    /// How to print.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Of which packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// From end `a` to end `b`.
    AToB,
    /// From end `b` to end `a`.
    BToA,
    /// Of all.
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
/// When there is no such link, the amounts do not go together, the kernel lacks something, or something is in the way.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (lab, link) = locate_link::link(&args.link, args.lab.as_deref())?;
    let change = args.change();
    if !change.is_nothing() {
        apply(&lab, &link, &args.sides(&link)?, change)?;
        return Ok(ExitCode::Ok);
    }
    let shown = show(&lab, &link).await?;
    let text = match args.output {
        Format::Table => shown.text(),
        Format::Json => serde_json::to_string_pretty(&shown)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}

impl Args {
    fn change(&self) -> Change {
        Change { clear: self.clear, delay: self.delay, jitter: self.jitter, loss: self.loss, rate: self.rate }
    }

    /// The ends that packets leave through.
    fn sides(&self, link: &RecordedLink) -> anyhow::Result<Vec<Side>> {
        let Some(from) = &self.from else {
            return Ok(match self.direction {
                Direction::AToB => vec![Side::A],
                Direction::BToA => vec![Side::B],
                Direction::Both => vec![Side::A, Side::B],
            });
        };
        let leaving: Vec<Side> =
            [Side::A, Side::B].into_iter().filter(|side| link.end(*side).namespace == *from).collect();
        match leaving[..] {
            [_] => Ok(leaving),
            [] => {
                let (a, b) = (&link.a.namespace, &link.b.namespace);
                let error = anyhow!("link {} has no end in {from}: it joins {a} and {b}", link.name);
                Err(ExitCode::Usage.because(error))
            }
            _ => {
                let error =
                    anyhow!("link {} has both ends in {from}: say --direction a-to-b or b-to-a", link.name);
                Err(ExitCode::Usage.because(error))
            }
        }
    }
}

/// By the agent that holds the lab; without one, by ourselves.
fn apply(lab: &LabName, link: &RecordedLink, sides: &[Side], change: Change) -> anyhow::Result<()> {
    failure::require_topology(&format!("changing link {}", link.name))?;
    match Claim::take(lab) {
        Ok(claim) => {
            let now = impair::impair(&claim, &link.name, sides, change).map_err(failure::of_topology)?;
            for (side, impairment) in now {
                let RecordedInterface { namespace, interface, .. } = link.end(side);
                log::info!("packets from {namespace}:{interface} are impaired: {impairment}");
            }
            Ok(())
        }
        Err(held @ OwnershipError::Held { .. }) => by_agent(lab, &link.name, sides, change, held),
        Err(error) => Err(failure::of_ownership(error)),
    }
}

fn by_agent(
    lab: &LabName,
    link: &LinkName,
    sides: &[Side],
    change: Change,
    held: OwnershipError,
) -> anyhow::Result<()> {
    // Whoever holds it and does not listen, a `netmon up` for instance, is a conflict.
    let Ok(mut agent) = control::Client::connect(lab) else { return Err(failure::of_ownership(held)) };
    let request = Request::Impair { link: link.clone(), sides: sides.to_vec(), change };
    let Answer { errors, refused } =
        agent.say(&request).with_context(|| format!("asking the agent of lab {lab}"))?;
    if errors.is_empty() {
        return Ok(());
    }
    let error = anyhow!("link {link} stays as it was: {}", errors.join("\n  "));
    Err(match refused {
        Some(Refused::Invalid) => ExitCode::Usage.because(error),
        Some(Refused::Unsupported) => ExitCode::Unavailable.because(error),
        Some(Refused::Conflict) => ExitCode::Conflict.because(error),
        None => error,
    })
}

/// What is done to a link's packets.
#[derive(Debug, Serialize)]
struct Shown {
    lab: LabName,
    link: LinkName,
    /// Whether an agent measures it.
    measured: bool,
    directions: Vec<ShownDirection>,
}

#[derive(Debug, Serialize)]
struct ShownDirection {
    from: EndpointName,
    to: EndpointName,
    declared: Amounts,
    measured: Option<Measured>,
}

impl Shown {
    fn text(&self) -> String {
        let declared = |of: &ShownDirection| DeclaredImpairment {
            declared: of.declared,
            measured: of.measured.unwrap_or_default(),
        };
        let all: Vec<_> = self.directions.iter().map(|of| (&of.from, &of.to, declared(of))).collect();
        let table = if self.measured {
            report::table(all.iter().map(|(from, to, of)| (*from, *to, of)))
        } else {
            let all: Vec<_> = self
                .directions
                .iter()
                .map(|of| (of.from.clone(), of.to.clone(), of.declared.into()))
                .collect();
            report::declared(&all)
        };
        match table {
            Some(table) if self.measured => format!("{table}\n"),
            Some(table) => format!("{table}\n\nNothing measures it: no agent runs lab {}.\n", self.lab),
            None => format!("Nothing is done to the packets of link {} on purpose.\n", self.link),
        }
    }
}

/// Asks the agent; without one, the kernel.
async fn show(lab: &LabName, link: &RecordedLink) -> anyhow::Result<Shown> {
    let agent: Option<SocketAddr> = agent_address(lab);
    let directions: Vec<ShownDirection> = match agent {
        Some(address) => {
            let links: Links = Client::new(address).get("/api/v1/links").await?;
            let there = links.links.into_iter().find(|there| there.name == link.name);
            let there =
                there.ok_or_else(|| anyhow!("the agent of lab {lab} does not watch link {}", link.name))?;
            let measured = there.a_to_b.into_iter().chain(there.b_to_a);
            measured
                .map(|direction| ShownDirection {
                    from: direction.from,
                    to: direction.to,
                    declared: direction.impairment.map(|of| of.declared).unwrap_or_default(),
                    measured: direction.impairment.map(|of| of.measured),
                })
                .collect()
        }
        None => {
            failure::require_topology(&format!("looking at link {}", link.name))?;
            let [a, b] = impair::look(lab, &link.name).map_err(failure::of_topology)?;
            let name = |end: &RecordedInterface| EndpointName {
                namespace: end.namespace.clone(),
                interface: end.interface.clone(),
            };
            [(&link.a, &link.b, a), (&link.b, &link.a, b)]
                .map(|(from, to, impairment)| ShownDirection {
                    from: name(from),
                    to: name(to),
                    declared: impairment.into(),
                    measured: None,
                })
                .into()
        }
    };
    Ok(Shown { lab: lab.clone(), link: link.name.clone(), measured: agent.is_some(), directions })
}
