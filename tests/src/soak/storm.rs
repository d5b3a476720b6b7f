//! A storm of events of interfaces that are not the lab's: they cost the agent next to nothing.

use std::{
    fmt::Write as _,
    fs,
    time::{Duration, Instant},
};

use crate::{
    agent::{Agent, scrape},
    eventually::pause,
    sandbox::{run, sandbox},
};

const BATCH: &str = "/run/sandbox/batch";
/// Events in each second, and for how many seconds.
const EVENTS: usize = 100;
const SECONDS: u32 = 10;
/// Of one processor.
const MOST_SHARE: f64 = 0.05;
/// `USER_HZ`, in which /proc counts (proc_pid_stat(5)).
const TICKS: f64 = 100.0;

/// Makes a thousand events in ten seconds. Returns the share of a processor that the agent took meanwhile.
///
/// # Panics
///
/// If it took more than five hundredths, or its own link is no longer seen.
#[must_use]
pub fn storm() -> f64 {
    sandbox(|| {
        let mut commands = String::new();
        for number in 0..EVENTS / 4 {
            let name = format!("foreign{number}");
            writeln!(
                commands,
                "link add {name} type bridge\nlink set {name} up\nlink set {name} down\nlink del {name}"
            )
            .expect("a string");
        }
        fs::write(BATCH, commands).expect("a tmpfs");
        let agent = Agent::start([] as [&str; 0]);
        let pid = agent.pid().as_raw_nonzero().to_string();
        let (before, begun) = (ticks(&pid), Instant::now());
        for second in 1..=SECONDS {
            run("ip", &["-batch", BATCH]);
            while begun.elapsed() < Duration::from_secs(second.into()) {
                pause();
            }
        }
        let share = (ticks(&pid) - before) / TICKS / begun.elapsed().as_secs_f64();
        println!(
            "storm: {} events in {:?}, {:.1} % of a processor",
            EVENTS * SECONDS as usize,
            begun.elapsed(),
            share * 100.0
        );
        assert!(share <= MOST_SHARE, "{share} of a processor");
        assert_eq!(scrape().sum("netmon_endpoint_up", &[]) as u32, 2);
        share
    })
}

/// The processor time of a process, in ticks.
fn ticks(pid: &str) -> f64 {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process that runs");
    let (_, rest) = line.rsplit_once(") ").expect("a name");
    // `rest` begins with field 3; utime is field 14, stime 15.
    rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number")).sum()
}
