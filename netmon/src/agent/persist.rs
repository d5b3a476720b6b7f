//! Labs whose counting goes on without an agent: built with everything pinned, and gone on with when it is there.

use log::{info, warn};
use netmon_kernel::pins::{PinDirectory, PinError};
use netmon_model::{error::chain, lab::Lab, progress::Progress};

use super::AgentError;
use crate::{
    datapath::{Options, features::mode_for},
    ownership::Claim,
    topology,
    watch::Meter,
};

/// Builds the lab and watches it. Everything is pinned when that is wanted, or was so before.
pub(crate) fn build(
    lab: &Lab,
    claim: &Claim,
    options: &Options,
    persist: bool,
    progress: &dyn Progress,
) -> Result<Meter, AgentError> {
    let folder = folder(lab, persist)?;
    // What is pinned already is attached as it is.
    let is_new = !folder.as_ref().is_some_and(PinDirectory::exists);
    let mode = options.mode.or_else(|| mode_for(lab.links.len()).filter(|_| is_new));
    let options = Options { mode, ..options.clone() };
    let meter = match folder {
        Some(folder) => Meter::load_pinned(&options, folder)?,
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

/// Where the lab's maps are pinned, or are to be.
fn folder(lab: &Lab, persist: bool) -> Result<Option<PinDirectory>, PinError> {
    let folder = PinDirectory::for_lab(&lab.name)?;
    Ok(Some(folder).filter(|folder| persist || folder.exists()))
}

/// Whether the lab's counting goes on without an agent, as far as can be seen.
fn is_pinned(lab: &Lab) -> bool {
    PinDirectory::for_lab(&lab.name).is_ok_and(|folder| folder.exists())
}

/// Pins that were made for nothing go; those that were there before stay.
fn remove_new_pins(meter: Meter) {
    let made = meter.datapath().pinned().filter(|(_, is_new)| *is_new).map(|(folder, _)| folder.clone());
    drop(meter);
    for error in made.iter().flat_map(PinDirectory::remove) {
        warn!("{}", chain(&error));
    }
}

/// Builds the lab and leaves it with programs on its hooks that count without an agent, when that is wanted or was so
/// before; says whether they do.
///
/// # Errors
///
/// What stood in the way, after everything that was done is undone.
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
        info!("counting goes on without an agent, in {}; `netmon run` shows it", folder.path().display());
    }
    Ok(true)
}
