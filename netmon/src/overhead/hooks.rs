//! Who takes the programs off and puts them on: the agent that watches the lab, or, without one, a datapath
//! of our own.

use netmon_model::names::LinkName;

use super::{OverheadError, link::End};
use crate::{
    control::{Client, HookCommand, Request},
    datapath::Options,
    topology::Endpoint,
    watch::Meter,
};

/// The hooks of one link.
pub trait Hooks {
    /// Takes the programs off.
    ///
    /// # Errors
    ///
    /// What stood in the way.
    fn off(&mut self) -> Result<(), OverheadError>;

    /// Puts the programs on.
    ///
    /// # Errors
    ///
    /// What stood in the way.
    fn on(&mut self) -> Result<(), OverheadError>;
}

/// The hooks of an agent, which keeps their counters. The agent reattaches them when this is dropped or this process
/// ends.
#[derive(Debug)]
pub struct AgentsHooks(Client);

impl AgentsHooks {
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

impl Hooks for AgentsHooks {
    fn off(&mut self) -> Result<(), OverheadError> {
        Ok(self.0.command(HookCommand::Off)?)
    }

    fn on(&mut self) -> Result<(), OverheadError> {
        Ok(self.0.command(HookCommand::On)?)
    }
}

/// Our own, for a lab that nobody watches.
pub struct OwnHooks {
    meter: Meter,
    endpoints: Vec<Endpoint>,
}

impl OwnHooks {
    /// Loads the programs.
    ///
    /// # Errors
    ///
    /// When the kernel refuses them.
    pub fn load(ends: &[End; 2], options: &Options) -> Result<Self, OverheadError> {
        let endpoints = ends.iter().map(|end| end.endpoint.clone()).collect();
        Ok(Self { meter: Meter::load(options)?, endpoints })
    }
}

impl Hooks for OwnHooks {
    fn off(&mut self) -> Result<(), OverheadError> {
        match self.meter.release().into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn on(&mut self) -> Result<(), OverheadError> {
        Ok(self.meter.attach(&self.endpoints)?)
    }
}
