//! An agent whose lab changes all the time, and that is scraped after each change.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use netmon::control::{Client, Request};
use rustix::process::Signal;

use super::{Held, LAB, MORE, SMALL};
use crate::{
    agent::{Agent, scrape},
    eventually::eventually,
    host::left_behind,
    labs::valid,
    persisted::metrics_text,
    sandbox::sandbox,
};

/// After so many changes, everything that is allocated once is allocated.
const WARM: u32 = 20;
/// Idle threads end after ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
const FILES: [&str; 2] = ["/run/sandbox/large.toml", "/run/sandbox/small.toml"];

/// Changes the lab there and back and scrapes it, for `time` and at least twice as often as is needed to warm up. Returns how
/// often.
///
/// # Panics
///
/// If a change or a scrape fails, if the agent holds more in the end than when it was warm, or if it leaves something behind.
#[must_use]
pub fn busy(time: Duration) -> u32 {
    sandbox(|| {
        let before = left_behind();
        fs::write(FILES[0], format!("{SMALL}{MORE}")).expect("a tmpfs");
        fs::write(FILES[1], SMALL).expect("a tmpfs");
        let agent = Agent::start_frugal([FILES[1]]);
        (0..WARM).for_each(|_| there_and_back());
        let warm = Held::by(agent.pid());
        let (begun, mut rounds) = (Instant::now(), 0);
        while rounds < WARM || begun.elapsed() < time {
            there_and_back();
            rounds += 1;
        }
        println!("busy: {warm:?} after {WARM} rounds, {:?} after {rounds} more", Held::by(agent.pid()));
        eventually("no more than when it was warm", PATIENCE, || {
            Held::by(agent.pid()).is_within(&warm).then_some(())
        });
        assert_eq!(scrape().count("netmon_endpoint_up", &[]), 2);
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success(), "{status}");
        assert_eq!(left_behind(), before);
        rounds
    })
}

fn there_and_back() {
    for file in FILES {
        let mut agent = Client::connect(&valid(LAB)).expect("the agent listens");
        agent.request(&Request::Change(Some(PathBuf::from(file)))).expect("a file that the agent can apply");
        assert!(metrics_text().is_some(), "a scrape without a complete answer");
    }
}
