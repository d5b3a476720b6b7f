//! Where the agent of a lab is, from what labs leave under /run/netmon; and when there is none, what to do.

use std::net::SocketAddr;

use anyhow::{anyhow, bail};
use netmon_labfile;
use netmon_model::names::LabName;

use crate::{
    cli::{exit::ExitCode, lab_file::LabFile},
    ownership::{claim, state},
};

/// The lab that is meant: by a file, when it looks like one, otherwise by its name.
pub(crate) fn named(given: &str) -> anyhow::Result<LabName> {
    if is_file(given) {
        return Ok(LabFile { file: Some(given.into()) }.open()?.name);
    }
    given.parse().map_err(|error: netmon_model::names::InvalidName| ExitCode::Usage.because(error))
}

/// Whether a lab is given by its file.
pub(crate) fn is_file(given: &str) -> bool {
    given.contains('/') || given.ends_with(".toml")
}

/// Which agent is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct WhichAgent {
    /// The lab, by its name or its file; without one, that which an agent runs.
    #[arg(env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Ask the agent at this address, whatever it runs.
    #[arg(long, env = "NETMON_ADDRESS", value_name = "ADDRESS:PORT", conflicts_with = "lab")]
    address: Option<SocketAddr>,
}

impl WhichAgent {
    /// Where it answers. `command` is what the user typed.
    pub(crate) fn address(&self, command: &str) -> anyhow::Result<SocketAddr> {
        match (self.address, &self.lab) {
            (Some(address), _) => Ok(address),
            (None, Some(lab)) => agent_of(&named(lab)?),
            (None, None) => only_agent(command),
        }
    }
}

/// What is known of a lab on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// An agent runs it, and answers here.
    Agent(SocketAddr),
    /// A process holds it, and does not serve.
    Held(String),
    /// It is there, without an agent.
    UpOnly,
    /// It is not there.
    Nothing,
}

fn look(lab: &LabName) -> Found {
    match claim::holder(lab) {
        Some(claim::Holder { http: Some(address), .. }) => Found::Agent(address),
        Some(holder) => Found::Held(holder.to_string()),
        None if state::State::load(lab).is_some_and(|state| state.complete) => Found::UpOnly,
        None => Found::Nothing,
    }
}

/// Where the agent of `lab` answers.
pub(crate) fn agent_of(lab: &LabName) -> anyhow::Result<SocketAddr> {
    match look(lab) {
        Found::Agent(address) => Ok(address),
        other => Err(without_agent(lab, &other)),
    }
}

/// Where the agent of `lab` answers, if one does.
pub(crate) fn agent_address(lab: &LabName) -> Option<SocketAddr> {
    match look(lab) {
        Found::Agent(address) => Some(address),
        _ => None,
    }
}

/// Every lab of this machine, and who has it.
fn labs() -> Vec<(Found, LabName)> {
    state::labs().into_iter().map(|lab| (look(&lab), lab)).collect()
}

/// Where the one agent of this machine answers; with several, that of the built-in lab; none where no agent runs.
/// `command` is what the user typed.
pub(crate) fn one_agent(command: &str) -> anyhow::Result<Option<SocketAddr>> {
    choose(&labs(), command)
}

fn choose(labs: &[(Found, LabName)], command: &str) -> anyhow::Result<Option<SocketAddr>> {
    let agents: Vec<_> = labs
        .iter()
        .filter_map(|(found, lab)| match found {
            Found::Agent(address) => Some((lab, *address)),
            _ => None,
        })
        .collect();
    if let [(_, address)] = agents[..] {
        return Ok(Some(address));
    }
    let built_in = netmon_labfile::built_in().name;
    if let Some((_, address)) = agents.iter().find(|(lab, _)| **lab == built_in) {
        return Ok(Some(*address));
    }
    if !agents.is_empty() {
        let names: Vec<_> = agents.iter().map(|(lab, _)| lab.as_str()).collect();
        bail!("several labs run; say which one: netmon {command} {}", names.join(" | "));
    }
    Ok(None)
}

fn only_agent(command: &str) -> anyhow::Result<SocketAddr> {
    let labs = labs();
    if let Some(address) = choose(&labs, command)? {
        return Ok(address);
    }
    // None answers: then the first that is there at all says what is the matter.
    Err(match labs.iter().find(|(found, _)| *found != Found::Nothing) {
        Some((found, lab)) => without_agent(lab, found),
        None => anyhow!(
            "no agent runs here, and no lab is up. Start one in another terminal with `netmon run`, or give \
             --address of an agent elsewhere"
        ),
    })
}

fn without_agent(lab: &LabName, found: &Found) -> anyhow::Error {
    match found {
        Found::Held(holder) => {
            anyhow!(
                "lab {lab} is in the hands of {holder}, which does not serve (yet); try again in a moment"
            )
        }
        Found::UpOnly => anyhow!(
            "lab {lab} is up, but nothing measures it: no agent runs. `netmon run` with the same lab file \
             watches it, and leaves it up at the end"
        ),
        Found::Agent(_) | Found::Nothing => anyhow!(
            "no agent runs lab {lab}, and the lab is not up. Start it in another terminal with `netmon run`, \
             or give --address of an agent elsewhere"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_a_word_is_a_name() {
        assert_eq!(named("direct").unwrap().as_str(), "direct");
        let error = named("./nowhere.toml").unwrap_err();
        assert_eq!(ExitCode::of(&error), ExitCode::Usage);
        let error = named("-x").unwrap_err();
        assert_eq!(ExitCode::of(&error), ExitCode::Usage);
    }

    #[test]
    fn whoever_finds_no_agent_is_told_what_to_do() {
        let lab: LabName = "direct".parse().unwrap();
        let said = |found: Found| without_agent(&lab, &found).to_string();
        assert!(said(Found::Nothing).contains("`netmon run`"));
        assert!(said(Found::UpOnly).contains("is up, but nothing measures it"));
        assert!(said(Found::Held("process 7".to_owned())).contains("process 7"));
    }
}
