//! Labs whose counting goes on without an agent: built with everything pinned, and gone on with when it is there.

use log::{info, warn};
use netmon_kernel::pins::{Folder, PinError};
use netmon_model::{error::chain, lab::Lab, progress::Progress};

use super::AgentError;
use crate::{
    datapath::{Datapath, Options, features::mode_for},
    ownership::Claim,
    topology::{self, AttachObserver, Endpoint},
};

/// Puts the datapath onto what the topology makes.
pub(crate) struct Eyes<'a> {
    pub(crate) datapath: &'a mut Datapath,
    pub(crate) endpoints: Vec<Endpoint>,
}

impl AttachObserver for Eyes<'_> {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), topology::BoxError> {
        self.datapath.attach_only(endpoints)?;
        self.endpoints = endpoints.to_vec();
        Ok(())
    }
}

/// Builds the lab and watches it. Everything is pinned when that is wanted, or was so before.
pub(crate) fn build(
    lab: &Lab,
    claim: &Claim,
    options: &Options,
    persist: bool,
    progress: &dyn Progress,
) -> Result<(Datapath, Vec<Endpoint>), AgentError> {
    let folder = folder(lab, persist)?;
    // What is pinned already is attached as it is.
    let is_new = !folder.as_ref().is_some_and(Folder::exists);
    let mode = options.mode.or_else(|| mode_for(lab.links.len()).filter(|_| is_new));
    let options = Options { mode, ..options.clone() };
    let mut datapath = match folder {
        Some(folder) => Datapath::load_pinned(&options, folder)?,
        None => Datapath::load(&options)?,
    };
    let mut eyes = Eyes { datapath: &mut datapath, endpoints: Vec::new() };
    match topology::up(lab, claim, &mut eyes, progress) {
        Ok(()) => {
            let endpoints = eyes.endpoints;
            Ok((datapath, endpoints))
        }
        Err(error) => {
            take_back(datapath);
            Err(error.into())
        }
    }
}

/// Where the lab's maps are pinned, or are to be.
fn folder(lab: &Lab, persist: bool) -> Result<Option<Folder>, PinError> {
    let folder = Folder::of(&lab.name)?;
    Ok(Some(folder).filter(|folder| persist || folder.exists()))
}

/// Whether the lab's counting goes on without an agent, as far as can be seen.
fn is_pinned(lab: &Lab) -> bool {
    Folder::of(&lab.name).is_ok_and(|folder| folder.exists())
}

/// Pins that were made for nothing go; those that were there before stay.
fn take_back(datapath: Datapath) {
    let made = datapath.pinned().filter(|(_, is_new)| *is_new).map(|(folder, _)| folder.clone());
    drop(datapath);
    for error in made.iter().flat_map(Folder::remove) {
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
    let (datapath, _) = build(lab, claim, options, persist, progress)?;
    if let Some((folder, _)) = datapath.pinned() {
        info!("counting goes on without an agent, in {}; `netmon run` shows it", folder.path().display());
    }
    Ok(true)
}
