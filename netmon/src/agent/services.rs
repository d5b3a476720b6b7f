//! The services of the lab that an agent runs: under a supervisor of the agent's own, or one that `netmon up` left.

use std::sync::atomic::AtomicBool;

use log::warn;
use netmon_model::{error::chain, lab::Lab};
use tokio::task::block_in_place;

use super::AgentError;
use crate::{
    ownership::state,
    services::{Supervisor, detached_supervisor, is_supervised, stop_recorded, until_started},
};

/// The supervisor of a lab's services; `None` if they run under another supervisor or not at all.
#[derive(Default)]
pub(super) struct Services(Option<Supervisor>);

impl Services {
    /// Starts a lab's services, unless a supervisor that `netmon up` left runs exactly these. One that runs others is
    /// stopped.
    pub(super) async fn start_or_adopt(lab: &Lab) -> Result<Self, AgentError> {
        let (folder, never) = (state::directory(&lab.name), AtomicBool::new(false));
        if is_supervised(lab, &folder) && block_in_place(|| until_started(lab, &folder, &never)) {
            return Ok(Self(None));
        }
        if detached_supervisor(&folder).is_some() {
            for error in block_in_place(|| stop_recorded(&lab.name, &folder)) {
                warn!("{}", chain(&error));
            }
        }
        Ok(Self(Some(Supervisor::start(lab, &folder).await?)))
    }

    /// Returns whether the lab's services run, under this agent or under a supervisor that `netmon up` left.
    pub(super) fn run(&self, lab: &Lab) -> bool {
        self.0.is_some() || is_supervised(lab, &state::directory(&lab.name))
    }

    /// Starts the services of a lab that is changed.
    pub(super) async fn start(&mut self, lab: &Lab) -> Result<(), String> {
        let started = Supervisor::start(lab, &state::directory(&lab.name)).await;
        self.0 = Some(started.map_err(|error| chain(&error))?);
        Ok(())
    }

    /// Stops the services of a lab that is changed, also those under a supervisor that `netmon up` left.
    pub(super) async fn stop(&mut self, lab: &Lab) {
        let left: Vec<String> = match self.0.take() {
            Some(services) => services.stop().await.iter().map(|error| chain(error)).collect(),
            None => {
                let folder = state::directory(&lab.name);
                let errors = block_in_place(|| stop_recorded(&lab.name, &folder));
                errors.iter().map(|error| chain(error)).collect()
            }
        };
        left.iter().for_each(|error| warn!("{error}"));
    }

    /// Stops the services of this agent at its end. Returns whether there were any, and what failed.
    pub(super) async fn end(self) -> (bool, Vec<String>) {
        match self.0 {
            Some(services) => (true, services.stop().await.iter().map(ToString::to_string).collect()),
            None => (false, Vec::new()),
        }
    }
}
