//! Labs that are counted without an agent: built with everything pinned, and resumed from existing pins.

use log::{info, warn};
use netmon_kernel::pins::{PinDirectory, PinError};
use netmon_model::{error::chain, lab::Lab, progress::Progress};

use super::AgentError;
use crate::{
    datapath::{Options, TracingDepth, features::mode_for},
    ownership::Claim,
    topology,
    watch::Meter,
};

/// Builds the lab and attaches to it. Everything is pinned if `persist` is set or the lab has pins.
pub(crate) fn build(
    lab: &Lab,
    claim: &Claim,
    options: &Options,
    persist: bool,
    progress: &dyn Progress,
) -> Result<Meter, AgentError> {
    let directory = directory(lab, persist)?;
    if directory.is_some() && !lab.containers.is_empty() {
        return Err(AgentError::PersistedContainers(lab.name.clone()));
    }
    // Programs that are already pinned keep their attach mode.
    let is_new = !directory.as_ref().is_some_and(PinDirectory::exists);
    let mode = options.mode.or_else(|| mode_for(lab.links.len()).filter(|_| is_new));
    let into_containers = (!lab.containers.is_empty()).then_some(TracingDepth::Full);
    let tracing = options.tracing.or(into_containers);
    let options = Options { mode, tracing, ..options.clone() };
    let meter = match directory {
        Some(directory) => Meter::load_pinned(&options, directory)?,
        None => Meter::load(&options)?,
    };
    let mut meter = meter.for_lab(claim);
    match topology::up(lab, claim, &mut meter, progress) {
        Ok(()) => Ok(meter),
        Err(error) => {
            remove_new_pins(meter);
            Err(error.into())
        }
    }
}

/// Returns the directory in which the lab's maps are or will be pinned; `None` if they are not.
fn directory(lab: &Lab, persist: bool) -> Result<Option<PinDirectory>, PinError> {
    let directory = PinDirectory::for_lab(&lab.name)?;
    if let Err(unusable) = directory.require_usable()
        && !persist
    {
        // What another program put there does not concern a lab that is not counted without an agent.
        warn!("{}", chain(&unusable));
    }
    Ok(Some(directory).filter(|directory| persist || directory.exists()))
}

/// Returns whether the lab has pins, as far as this process can see.
fn is_pinned(lab: &Lab) -> bool {
    PinDirectory::for_lab(&lab.name).is_ok_and(|folder| folder.exists())
}

/// Removes the pins that a failed build created. Older pins stay.
fn remove_new_pins(meter: Meter) {
    let made = meter.datapath().pinned().filter(|(_, is_new)| *is_new).map(|(folder, _)| folder.clone());
    drop(meter);
    for error in made.iter().flat_map(PinDirectory::remove) {
        warn!("{}", chain(&error));
    }
}

/// Builds the lab and leaves it up. Pinned programs count on without an agent if `persist` is set or the lab has pins.
/// Returns whether they do.
///
/// # Errors
///
/// Fails if the lab cannot be built or attached to, after it was removed again.
pub fn leave_counting(
    lab: &Lab,
    claim: &Claim,
    options: &Options,
    persist: bool,
    progress: &dyn Progress,
) -> Result<bool, AgentError> {
    if !persist && !is_pinned(lab) {
        topology::up(lab, claim, &mut topology::NoObserver, progress)?;
        return Ok(false);
    }
    let meter = build(lab, claim, options, persist, progress)?;
    if let Some((folder, _)) = meter.datapath().pinned() {
        info!(
            "packets are counted without an agent, by programs pinned in {}; `netmon run` shows the counts",
            folder.path().display()
        );
    }
    Ok(true)
}
