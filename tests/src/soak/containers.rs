//! Containers of a real Docker that come and go beside `netmon run --discover`: they end as without it, and nothing grows.

use std::time::Duration;

use crate::{
    agent::scrape,
    eventually::{eventually, eventually_equal},
    host_agent::{HostAgent, HostHeld},
    island::Island,
    runtimes::{Docker, RuntimeHost},
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(120);
/// The kernel destroys a namespace in the background, after what it has queued already.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How soon an agent has closed what it opened for a look.
const SETTLED: Duration = Duration::from_secs(20);
/// What an allocator may retain.
const SLACK_KIB: u64 = 4096;
/// Threads for blocking work, which end when they had none for ten seconds.
const SLACK_THREADS: u64 = 4;
/// The round after which nothing may grow: by then everything was needed once.
const WARM: usize = 2;
/// How many are started at once.
const AT_A_TIME: usize = 4;

/// Starts and removes `each` containers in each of `rounds`, under the same names. Asserts that the agent measures them in each
/// round, and holds and exports no more after the last one. Returns whether there was a Docker.
///
/// # Panics
///
/// If something grows.
pub fn containers(rounds: usize, each: usize) -> bool {
    beside_docker(|island, docker, agent| {
        let mut names: Vec<String> = (1..=each).map(|number| format!("c{number}:eth0")).collect();
        names.sort();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut warm = HostHeld::default();
        for round in 1..=rounds {
            island.sh(&format!(
                "seq {each} | xargs -P {AT_A_TIME} -I N docker run -d --name cN box sleep 10000 > /dev/null"
            ));
            agent.until_links(&names);
            eventually_equal("the ends that are up", PATIENCE, || {
                (scrape().sum("netmon_endpoint_up", &[]), 2.0 * each as f64)
            });
            if round == WARM {
                warm = agent.held();
            }
            docker.run("rm -f $(docker ps -q) > /dev/null");
        }
        agent.until_links(&[]);
        assert_within("after all rounds", agent, warm);
        assert_eq!(agent.held().series, 0, "series of links that are gone");
    })
}

/// Starts a container `count` times and ends it under traffic, in turn by `stop`, `rm -f` and `kill`. Asserts that its network is gone
/// from the kernel when the command has returned. Returns whether there was a Docker.
///
/// # Panics
///
/// If something keeps a network.
pub fn container_ends(count: usize) -> bool {
    beside_docker(|island, docker, agent| {
        for (number, end) in (1..=count).zip(["stop -t 0", "rm -f", "kill"].into_iter().cycle()) {
            let name = format!("web{number}");
            docker.serve(&name, "");
            let [outside, _] = docker.ends(&name, &name);
            eventually("a link that is watched", PATIENCE, || {
                let labels = [("netns", name.as_str()), ("interface", "eth0")];
                (scrape().sum("netmon_endpoint_up", &labels) == 1.0).then_some(())
            });
            let cookie = island.cookie(&format!("/proc/{}/ns/net", docker.pid(&name)));
            let address = docker.address(&name);
            let _pinging = island.start("ping", &format!("exec ping -q -i 0.002 {address}"));
            assert_eq!(agent.namespaces().len(), 1, "only the namespace that it was started in");
            docker.run(&format!("{end} {name}"));
            eventually(&format!("the end of a network by {end}"), AT_ONCE, || {
                let look = format!("ls -d /sys/class/net/{} 2>/dev/null || true", outside.device);
                island.sh(&look).is_empty().then_some(())
            });
            assert!(island.survey(&[]).namespaces.iter().all(|netns| netns.cookie != Some(cookie)));
            island.sh("kill $(cat /run/sandbox/ping.pid)");
        }
    })
}

/// Runs `count` containers that end at once, on a busy processor. Asserts that nothing of them stays. Returns whether there was a Docker.
///
/// # Panics
///
/// If something grows.
pub fn short_lived(count: usize) -> bool {
    beside_docker(|island, docker, agent| {
        // What is needed once is there after one that was measured: those that end at once may never be.
        docker.run("run -d --name warm box sleep 10000 > /dev/null");
        agent.until_links(&["warm:eth0"]);
        docker.run("rm -f warm > /dev/null");
        agent.until_links(&[]);
        let before = agent.held();
        let _load = island.start("load", "while :; do :; done");
        for _ in 0..count {
            docker.run("run --rm box true");
        }
        agent.until_links(&[]);
        assert_within("after short lives", agent, before);
        assert_eq!(agent.held().series, 0, "series of links that are gone");
    })
}

/// Runs a test beside Docker and an agent that measures its containers.
fn beside_docker(test: impl FnOnce(&Island, &Docker<'_>, &HostAgent<'_>) + Send) -> bool {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return false };
        let docker = Docker::start(&host);
        let agent = HostAgent::start(host.island(), "");
        test(host.island(), &docker, &agent);
        true
    })
}

/// Waits until the agent holds no more than before: it may be looking at something at the moment.
fn assert_within(what: &str, agent: &HostAgent<'_>, most: HostHeld) {
    eventually(&format!("{what}: no more than {most:?}"), SETTLED, || {
        let HostHeld { memory_kib, descriptors, threads, .. } = agent.held();
        let is_within = memory_kib <= most.memory_kib + SLACK_KIB
            && descriptors <= most.descriptors
            && threads <= most.threads + SLACK_THREADS;
        is_within.then_some(())
    });
}
