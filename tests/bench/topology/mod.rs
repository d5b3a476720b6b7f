//! How fast a lab of many namespaces is built and removed: netmon beside the least that it takes ([`reference`])
//! and beside what people do ([`script`]); and what it takes to watch it.
//!
//! The same work for all: N namespaces with names, each with one veth pair to root, addresses at both ends, lo
//! and links up, a default route. Only ratios within a round are compared.

mod message;
mod processor;
mod reference;
mod reload;
mod report;
mod script;
pub(crate) mod subject;
mod watched;

use std::{fs, time::Duration};

use anyhow::{Result, bail};
use netmon_tests::sandbox::run as program;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::{
    reference::{Parts, addresses_of},
    script::Deleted,
    subject::Subject,
};

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Numbers of namespaces.
    pub(crate) sizes: Vec<u32>,
    /// How often each is built and removed, by each.
    pub(crate) rounds: u32,
    /// For how many namespaces the script is run, once; 0 leaves it out.
    pub(crate) script: u32,
    /// How many links are watched; 0 leaves it out.
    pub(crate) watched: u32,
    /// Whether JSON is printed.
    pub(crate) json: bool,
}

/// One number of namespaces.
struct Size {
    count: u32,
    rounds: Vec<Round>,
    /// The script's time, where it was run.
    script: Option<Duration>,
}

/// One round: each did the same work.
struct Round {
    reference_up: Parts,
    reference_down: Duration,
    reference_down_asking: Duration,
    netmon_up: Duration,
    netmon_up_processor: Duration,
    netmon_down: Duration,
    /// `ip netns del`, name by name, of what the reference had built.
    loop_down: Deleted,
}

pub(crate) fn run(wish: &Wish) -> Result<()> {
    // As it is once `ip netns` was used: a shared mount. Neither the reference nor netmon has it to make.
    program("ip", &["netns", "add", "first"]);
    program("ip", &["netns", "del", "first"]);
    raise_descriptor_limit();
    let mut sizes = Vec::new();
    for &count in &wish.sizes {
        let size = measure(count, wish)?;
        if !wish.json {
            report::print_size(&size);
        }
        sizes.push(size);
    }
    let (mut watched, mut reloads) = (None, Vec::new());
    if wish.watched > 0 {
        eprintln!("netmon-bench: {} links watched", wish.watched);
        watched = Some(watched::measure(wish.watched, wish.rounds)?);
        reloads = reload::measure(wish.watched, wish.rounds)?;
    }
    if wish.json {
        report::print_json(&sizes, watched.as_ref(), &reloads);
    } else {
        report::print(&sizes, watched.as_ref(), &reloads);
    }
    Ok(())
}

fn measure(count: u32, wish: &Wish) -> Result<Size> {
    let subject = Subject::of(count)?;
    let mut rounds = Vec::new();
    for number in 1..=wish.rounds {
        eprintln!("netmon-bench: {count} namespaces, round {number} of {}", wish.rounds);
        rounds.push(round(&subject, count, number)?);
    }
    let script = if wish.script == count {
        eprintln!("netmon-bench: {count} namespaces by a script of `ip` commands");
        let took = script::up(count)?;
        check(count, &inside(count))?;
        script::down(count)?;
        settle()?;
        Some(took)
    } else {
        None
    };
    Ok(Size { count, rounds, script })
}

/// Who goes first changes from round to round, so that a drift of the machine favours neither.
fn round(subject: &Subject, count: u32, number: u32) -> Result<Round> {
    let netmon_first = if number.is_multiple_of(2) { Some(by_netmon(subject, count)?) } else { None };
    let reference_up = reference::up(count)?;
    check(count, &inside(count))?;
    let reference_down = reference::down(count)?;
    settle()?;
    reference::up(count)?;
    let reference_down_asking = reference::down_asking(count)?;
    settle()?;
    let ((netmon_up, netmon_up_processor), netmon_down) = match netmon_first {
        Some(took) => took,
        None => by_netmon(subject, count)?,
    };
    reference::up(count)?;
    let loop_down = script::down(count)?;
    settle()?;
    Ok(Round {
        reference_up,
        reference_down,
        reference_down_asking,
        netmon_up,
        netmon_up_processor,
        netmon_down,
        loop_down,
    })
}

/// How long `up` took, in all and of a processor, and `down`.
fn by_netmon(subject: &Subject, count: u32) -> Result<((Duration, Duration), Duration)> {
    let before = processor::of_children()?;
    let up = subject.up()?;
    let processor = processor::of_children()? - before;
    check(count, &subject.inside)?;
    let down = subject.down()?;
    if links()? != 0 {
        bail!("netmon down came back while links were there");
    }
    settle()?;
    Ok(((up, processor), down))
}

fn inside(count: u32) -> Vec<String> {
    (0..count).map(|number| addresses_of(number)[1].to_string()).collect()
}

/// That the work was done: every link and every name is there, and a few of the namespaces answer.
fn check(count: u32, inside: &[String]) -> Result<()> {
    let (links, names) = (links()?, fs::read_dir("/run/netns")?.count());
    if links != count as usize || names != count as usize {
        bail!("{links} links and {names} names of {count}");
    }
    for at in [0, inside.len() / 2, inside.len() - 1] {
        program("ping", &["-q", "-c", "1", "-W", "5", &inside[at]]);
    }
    Ok(())
}

/// How many interfaces there are beside lo.
fn links() -> Result<usize> {
    let lines = fs::read_to_string("/proc/thread-self/net/dev")?;
    Ok(lines.lines().skip(2).filter(|line| !line.trim_start().starts_with("lo:")).count())
}

/// Waits until the kernel is through with what was removed: it takes namespaces away in batches, one after the
/// other, so that one whose link is gone says that those before it are gone altogether.
fn settle() -> Result<()> {
    reference::up(1)?;
    reference::down(1)?;
    Ok(())
}

/// The reference holds two descriptors a namespace, and the customary limit is 1,024.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // When it is refused, large sizes fail at the descriptor that is one too many, and say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
