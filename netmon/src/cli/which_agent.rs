//! The arguments that choose an agent to query.

use clap::Args;
use netmon_model::server_address::ServerAddress;

use crate::control::locate::{self, LocateError};

/// Which agent to query.
#[derive(Debug, Args)]
pub struct WhichAgent {
    /// The lab, by its name or its file; without one, the lab of the only agent on this host.
    #[arg(env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Query the agent at this address, whatever lab it runs: ADDRESS:PORT or unix:/PATH.
    #[arg(long, env = "NETMON_ADDRESS", value_name = "ADDRESS", conflicts_with = "lab")]
    address: Option<ServerAddress>,
}

impl WhichAgent {
    /// Returns whether a lab or an address was given.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.lab.is_some() || self.address.is_some()
    }

    /// Returns whether an address was given, which may be one of another host.
    #[must_use]
    pub const fn is_by_address(&self) -> bool {
        self.address.is_some()
    }

    /// The address of the agent.
    ///
    /// # Errors
    ///
    /// Fails if no such agent runs, or several could be meant (exit code 1); or if the argument is no lab (2).
    pub fn address(&self) -> Result<ServerAddress, LocateError> {
        match (&self.address, &self.lab) {
            (Some(address), _) => Ok(address.clone()),
            (None, Some(lab)) => locate::agent_of(&locate::lab(lab)?),
            (None, None) => locate::only_agent(),
        }
    }
}
