//! Changing the lab while it is watched: the file is read, checked and planned first, and what is wrong with it
//! changes nothing.
//!
//! Services are taken as one: when one of them differs, all are ended and started. Those of a lab whose services are
//! as they were run on. When the new ones do not start, the lab and its services are made as they were.

use std::{mem, path::Path};

use log::{info, warn};
use netmon_labfile;
use netmon_model::{
    error::chain,
    impairment::Change,
    lab::{Lab, Source},
    names::{LinkName, Side},
};
use tokio::task::block_in_place;

use super::Built;
use crate::{
    control::{Answer, Refused},
    ownership::state,
    services::{Supervisor, is_supervised, stop_recorded},
    topology,
};

/// SIGHUP: the file that the agent was started with, again.
pub(super) async fn to_own_file(built: &mut Built, services: &mut Option<Supervisor>) {
    let Source::File(file) = built.lab.source.clone() else {
        info!("SIGHUP: the lab is the built-in one, there is no file to read again");
        return;
    };
    info!("SIGHUP: reading {}", file.display());
    to_file(built, services, Some(&file)).await;
}

/// Makes the lab as this file has it; none is the built-in lab. Says what became of it, and logs the same.
pub(super) async fn to_file(
    built: &mut Built,
    services: &mut Option<Supervisor>,
    file: Option<&Path>,
) -> Answer {
    let answer = match read(built, file) {
        Ok(lab) => apply(built, services, lab).await,
        Err(refusal) => refusal,
    };
    for error in &answer.errors {
        warn!("lab {} stays as it was: {error}", built.lab.name);
    }
    answer
}

/// The lab in the file, unless it cannot be or is in somebody's way.
fn read(built: &Built, file: Option<&Path>) -> Result<Lab, Answer> {
    let refuse = |refused, error: String| Err(Answer { errors: vec![error], refused });
    let lab = match netmon_labfile::open(file) {
        Ok(lab) => lab,
        Err(error) => return refuse(Some(Refused::Invalid), chain(&error)),
    };
    if lab.name != built.lab.name {
        let other = format!("{} is lab {}, and this agent runs lab {}", lab.source, lab.name, built.lab.name);
        return refuse(Some(Refused::Invalid), other);
    }
    match block_in_place(|| topology::plan(&lab)) {
        Ok(_) => Ok(lab),
        Err(error) => refuse(Refused::of(&error), chain(&error)),
    }
}

async fn apply(built: &mut Built, services: &mut Option<Supervisor>, lab: Lab) -> Answer {
    let mut answer = Answer::default();
    let are_others = lab.services != built.lab.services || lab.directory != built.lab.directory;
    let are_to_start = are_others || !are_running(built, services);
    if are_others {
        stop(built, services).await;
    }
    // What a probe waits at holds its namespace.
    built.watch.probes().stop().await;
    match remake(built, lab) {
        Ok(before) if are_to_start => match start(built, services).await {
            Ok(()) => {}
            Err(error) => {
                answer.errors.push(error);
                answer.errors.extend(take_back(built, services, before).await);
            }
        },
        Ok(_) => {}
        Err(error) => {
            answer.errors.push(error);
            if are_to_start {
                answer.errors.extend(start(built, services).await.err());
            }
        }
    }
    built.start_probes();
    if answer.errors.is_empty() {
        info!("lab {} is as {} has it now", built.lab.name, built.lab.source);
    }
    answer
}

/// Makes the lab as `lab` has it, and gives back what it was; when that fails, it is as it was.
fn remake(built: &mut Built, lab: Lab) -> Result<Lab, String> {
    block_in_place(|| built.watch.change(&built.lab, &lab, &built.claim)).map_err(|error| chain(&error))?;
    Ok(mem::replace(&mut built.lab, lab))
}

/// A lab whose services do not start is made as it was before, with those that ran.
async fn take_back(built: &mut Built, services: &mut Option<Supervisor>, before: Lab) -> Vec<String> {
    let remade = remake(built, before).err().map(|error| format!("the lab is not as it was: {error}"));
    let started = start(built, services).await.err();
    let started = started.map(|error| format!("the services that ran do not run any more: {error}"));
    remade.into_iter().chain(started).collect()
}

/// Whether the lab's services run, under this agent or under a supervisor that `netmon up` left.
fn are_running(built: &Built, services: &Option<Supervisor>) -> bool {
    services.is_some() || is_supervised(&built.lab, &state::directory(&built.lab.name))
}

async fn start(built: &Built, services: &mut Option<Supervisor>) -> Result<(), String> {
    let started = Supervisor::start(&built.lab, &state::directory(&built.lab.name)).await;
    *services = Some(started.map_err(|error| chain(&error))?);
    Ok(())
}

/// Changes what is done to the packets of a link, and nothing else.
pub(super) fn impairment(built: &mut Built, link: &LinkName, sides: &[Side], change: Change) -> Answer {
    let changed = block_in_place(|| topology::impair::impair(&built.claim, link, sides, change));
    let refused = |error: String, refused| {
        warn!("link {link} stays as it was: {error}");
        Answer { errors: vec![error], refused }
    };
    let now = match changed {
        Ok(now) => now,
        Err(error) => return refused(chain(&error), Refused::of(&error)),
    };
    for (side, impairment) in now {
        // From now on this is the lab: a change that fails leads back here.
        if let Some(there) = built.lab.links.iter_mut().find(|there| there.name == *link) {
            let end = match side {
                Side::A => &mut there.a,
                Side::B => &mut there.b,
            };
            end.impairment = impairment;
            info!("link {link}: packets from {}:{} are impaired: {impairment}", end.namespace, end.interface);
        }
    }
    block_in_place(|| built.watch.declare_impairments(&built.lab));
    Answer::default()
}

/// Ends the services, also those under a supervisor that `netmon up` left.
async fn stop(built: &Built, services: &mut Option<Supervisor>) {
    let left: Vec<String> = match services.take() {
        Some(services) => services.stop().await.iter().map(|error| chain(error)).collect(),
        None => {
            let folder = state::directory(&built.lab.name);
            block_in_place(|| stop_recorded(&built.lab.name, &folder))
                .iter()
                .map(|error| chain(error))
                .collect()
        }
    };
    left.iter().for_each(|error| warn!("{error}"));
}
