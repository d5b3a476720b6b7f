//! The agent without a client, with its history and without: what reading and packing every second costs.

use anyhow::{Result, bail};
use netmon_tests::agent::Agent;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::share;
use crate::topology::subject::Subject;

/// Shares of a processor, per cent.
pub(super) struct History {
    pub(super) with: f64,
    pub(super) without: f64,
}

pub(super) fn measure(links: u32, seconds: u64) -> Result<History> {
    let subject = Subject::of(links)?;
    let share = |arguments: &[&str]| -> Result<f64> {
        let agent = Agent::start([&[subject.file()], arguments].concat());
        let share = share::over(agent.pid(), seconds)?;
        let (status, _) = agent.end(Signal::INT);
        if !status.success() {
            bail!("netmon run ended with {status}");
        }
        Ok(share)
    };
    Ok(History { without: share(&["--history", "off"])?, with: share(&[])? })
}

impl History {
    pub(super) fn json(&self, links: u32) -> Value {
        json!({
            "links": links,
            "agent_per_cent": self.without,
            "agent_with_history_per_cent": self.with,
            "history_per_cent": self.with - self.without,
        })
    }
}
