//! Attaches and detaches the programs of a link: those of the agent that watches the lab or, without an agent, programs
//! of this process.

use netmon_model::names::LinkName;

use super::{OverheadError, link::End};
use crate::{
    control::{Client, HookCommand, Request},
    datapath::Options,
    topology::Endpoint,
    watch::Meter,
};

/// Controls the hooks of one link.
pub trait HookControl {
    /// Detaches the programs.
    ///
    /// # Errors
    ///
    /// Fails if a program cannot be detached.
    fn detach(&mut self) -> Result<(), OverheadError>;

    /// Attaches the programs.
    ///
    /// # Errors
    ///
    /// Fails if a program cannot be attached.
    fn attach(&mut self) -> Result<(), OverheadError>;
}

/// The hooks of an agent, which keeps their counters. The agent reattaches them when this is dropped or this process
/// ends.
#[derive(Debug)]
pub struct AgentHooks(Client);

impl AgentHooks {
    /// Requests control over the hooks of `link` from its agent.
    ///
    /// # Errors
    ///
    /// Fails if the agent does not reply, or another client controls these hooks.
    pub fn borrow(mut agent: Client, link: &LinkName) -> Result<Self, OverheadError> {
        agent.request(&Request::Hooks(link.clone()))?;
        Ok(Self(agent))
    }
}

impl HookControl for AgentHooks {
    fn detach(&mut self) -> Result<(), OverheadError> {
        Ok(self.0.command(HookCommand::Off)?)
    }

    fn attach(&mut self) -> Result<(), OverheadError> {
        Ok(self.0.command(HookCommand::On)?)
    }
}

/// Hooks of this process, for a lab that no agent watches.
pub struct OwnHooks {
    meter: Meter,
    endpoints: Vec<Endpoint>,
}

impl OwnHooks {
    /// Loads the programs.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses them.
    pub fn load(ends: &[End; 2], options: &Options) -> Result<Self, OverheadError> {
        let endpoints = ends.iter().map(|end| end.endpoint.clone()).collect();
        Ok(Self { meter: Meter::load(options)?, endpoints })
    }
}

impl HookControl for OwnHooks {
    fn detach(&mut self) -> Result<(), OverheadError> {
        match self.meter.release().into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn attach(&mut self) -> Result<(), OverheadError> {
        Ok(self.meter.attach(&self.endpoints)?)
    }
}
