//! Who takes the programs off and puts them on: the agent that watches the lab, or, without one, a datapath
//! of our own.

use netmon_model::names::{LabName, LinkName};

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

/// Those of an agent, which it keeps the counters of. They are on when this is dropped, and when its process ends.
#[derive(Debug)]
pub struct AgentsHooks(Client);

impl AgentsHooks {
    /// Asks the agent of `lab` for the hooks of `link`.
    ///
    /// # Errors
    ///
    /// When it does not answer, or somebody else has them.
    pub fn borrow(lab: &LabName, link: &LinkName) -> Result<Self, OverheadError> {
        let mut agent = Self(Client::connect(lab).map_err(OverheadError::Agent)?);
        agent.say(&Request::Hooks(link.clone()))?;
        Ok(agent)
    }

    fn say(&mut self, words: &impl serde::Serialize) -> Result<(), OverheadError> {
        let answer = self.0.say(words).map_err(OverheadError::Agent)?;
        if answer.errors.is_empty() { Ok(()) } else { Err(OverheadError::Refused(answer.errors.join("; "))) }
    }
}

impl Hooks for AgentsHooks {
    fn off(&mut self) -> Result<(), OverheadError> {
        self.say(&HookCommand::Off)
    }

    fn on(&mut self) -> Result<(), OverheadError> {
        self.say(&HookCommand::On)
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
