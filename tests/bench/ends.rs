//! What watching costs the end of a container: `docker rm -f`, `docker stop` and `ip netns delete` under traffic, with
//! `netmon run --discover` and without, in turn. Until the command returns, and until the kernel has destroyed the network.

use anyhow::{Context as _, Result};
use netmon_tests::{
    eventually::eventually,
    host_agent::HostAgent,
    island::Island,
    runtimes::{Docker, RuntimeHost},
};

use crate::{
    figures::{Figure, conditions},
    paired::Paired,
};

/// The ways to end one: how it is called, and the command.
const ENDS: [(&str, &str); 3] = [
    ("docker rm -f", "docker rm -f web > /dev/null"),
    ("docker stop", "docker stop -t 0 web > /dev/null"),
    ("ip netns delete", "ip netns delete blue"),
];
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Milliseconds until the command returned, and until the network was gone.
#[derive(Clone, Copy, Debug)]
struct Times {
    command: f64,
    gone: f64,
}

/// Alternates until there are `pairs` runs of each kind.
pub(crate) fn run(pairs: u32) -> Result<()> {
    let host = RuntimeHost::open().context("container runtimes (NETMON_RUNTIMES)")?;
    let docker = Docker::start(&host);
    let (mut with, mut without) = (ENDS.map(|_| Vec::new()), ENDS.map(|_| Vec::new()));
    for pair in 0..pairs {
        // Which comes first changes from pair to pair, so that a drift of the machine favours neither.
        for watched in [pair % 2 == 0, pair % 2 != 0] {
            let agent = watched.then(|| HostAgent::start(host.island(), ""));
            for (at, (_, command)) in ENDS.iter().enumerate() {
                let times = end(&host, &docker, command, agent.as_ref())?;
                if watched { with[at].push(times) } else { without[at].push(times) }
            }
            drop(agent.map(|agent| agent.end("TERM")));
        }
    }
    println!("median of {pairs} runs (lowest to highest), ms; differences with their 95 % interval");
    println!("{:<16} {:<8} {:>26} {:>26} {:>26}", "", "until", "without netmon", "with netmon", "difference");
    for (at, (name, _)) in ENDS.iter().enumerate() {
        row(name, "return", &without[at], &with[at], |times| times.command);
        row("", "gone", &without[at], &with[at], |times| times.gone);
    }
    println!("{}", conditions());
    Ok(())
}

fn row(name: &str, until: &str, without: &[Times], with: &[Times], of: impl Fn(&Times) -> f64) {
    let figure = |times: &[Times]| Figure::of(times.iter().map(&of).collect());
    let difference =
        Paired::of(with.iter().zip(without).map(|(with, without)| of(with) - of(without)).collect());
    println!("{name:<16} {until:<8} {:>26} {:>26} {difference:>26}", figure(without), figure(with));
}

/// Makes a network, sends into it, and ends it.
fn end(
    host: &RuntimeHost,
    docker: &Docker<'_>,
    command: &str,
    agent: Option<&HostAgent<'_>>,
) -> Result<Times> {
    let island = host.island();
    let (address, device, link) = if command.contains("docker") {
        docker.run("rm -f web > /dev/null 2>&1 || true");
        docker.serve("web", "");
        let [outside, _] = docker.ends("web", "web");
        (docker.address("web"), outside.device, "web:eth0")
    } else {
        island.sh("ip netns add blue; ip link add to-blue type veth peer name eth0 netns blue
             ip address add 10.81.0.1/24 dev to-blue; ip link set to-blue up
             ip -n blue address add 10.81.0.2/24 dev eth0; ip -n blue link set eth0 up");
        ("10.81.0.2".to_owned(), "to-blue".to_owned(), "blue:eth0")
    };
    if let Some(agent) = agent {
        eventually("a link that is watched", PATIENCE, || {
            agent.links().contains(&link.to_owned()).then_some(())
        });
    }
    let _pinging = island.start("ping", &format!("exec ping -q -i 0.002 {address}"));
    let times = measured(island, command, &device);
    island.sh("kill $(cat /run/sandbox/ping.pid)");
    times
}

fn measured(island: &Island, command: &str, device: &str) -> Result<Times> {
    let said = island.sh(&format!(
        "begun=$(date +%s%N); {command}; returned=$(date +%s%N)
         while [ -e /sys/class/net/{device} ]; do :; done
         echo $((returned - begun)) $(($(date +%s%N) - begun))"
    ));
    let mut ms = said.split_whitespace().map(|ns| ns.parse::<f64>().map(|ns| ns / 1e6));
    let mut next = || ms.next().context("a time")?.context("a number");
    Ok(Times { command: next()?, gone: next()? })
}
