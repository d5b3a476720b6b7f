//! Where the agents of labs serve HTTP.

use netmon_kernel::pins::PinDirectory;
use netmon_model::{names::LabName, server_address::ServerAddress};

use super::LocateError;
use crate::{
    ownership::{Holder, claim, state},
    services,
};

/// What is known of a lab on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    /// An agent runs it and serves at this address.
    Served(ServerAddress),
    /// A process holds it and does not serve.
    Held(Holder),
    /// It is up, without an agent.
    Unwatched,
    /// It is not up.
    Absent,
}

fn status(lab: &LabName) -> Status {
    match claim::holder(lab) {
        Some(Holder { http: Some(address), .. }) => Status::Served(address),
        Some(holder) => Status::Held(holder),
        None if state::State::load(lab).is_some_and(|state| state.complete) => Status::Unwatched,
        None => Status::Absent,
    }
}

/// Returns the address of the agent of `lab`.
///
/// # Errors
///
/// Fails if no agent of this lab serves HTTP. The error has the lab's state.
pub fn agent_of(lab: &LabName) -> Result<ServerAddress, LocateError> {
    address(lab, status(lab))
}

/// Returns the address of the agent of `lab`, or `None` if no agent serves HTTP.
#[must_use]
pub fn find_agent(lab: &LabName) -> Option<ServerAddress> {
    agent_of(lab).ok()
}

/// Returns the address of the only agent of this host or, if there are several, of the one that runs the built-in lab.
/// Returns `None` if there is no agent.
///
/// # Errors
///
/// Fails if several agents run, none of them the built-in lab.
pub fn main_agent() -> Result<Option<ServerAddress>, LocateError> {
    choose(&labs())
}

/// As [`main_agent`], but having no agent is an error, too.
///
/// # Errors
///
/// Fails if no agent runs, or several do and none of them runs the built-in lab.
pub fn only_agent() -> Result<ServerAddress, LocateError> {
    require(labs())
}

/// A lab that is up, and the address of its agent or why none serves HTTP.
#[derive(Debug)]
pub struct LabAgent {
    /// The lab.
    pub lab: LabName,
    /// Its agent.
    pub agent: Result<ServerAddress, LocateError>,
}

/// All labs of this host that are up or held by a process, by name.
#[must_use]
pub fn labs_up() -> Vec<LabAgent> {
    up(labs())
}

fn up(labs: Vec<(LabName, Status)>) -> Vec<LabAgent> {
    let is_up = |(_, status): &(LabName, Status)| *status != Status::Absent;
    let found = |(lab, status)| LabAgent { agent: address(&lab, status), lab };
    labs.into_iter().filter(is_up).map(found).collect()
}

/// All labs of this host.
fn labs() -> Vec<(LabName, Status)> {
    let with_status = |lab: LabName| {
        let status = status(&lab);
        (lab, status)
    };
    once_each(state::labs().into_iter().map(with_status).collect())
}

/// Removes the links of the host if the agent of a lab watches them, too: it is one agent.
fn once_each(mut labs: Vec<(LabName, Status)>) -> Vec<(LabName, Status)> {
    let holders: Vec<Status> =
        labs.iter().filter(|(lab, _)| !lab.is_discover()).map(|(_, status)| status.clone()).collect();
    let is_of_agent =
        |status: &Status| matches!(status, Status::Served(_) | Status::Held(_)) && holders.contains(status);
    labs.retain(|(lab, status)| !(lab.is_discover() && is_of_agent(status)));
    labs
}

fn choose(labs: &[(LabName, Status)]) -> Result<Option<ServerAddress>, LocateError> {
    let served = |(lab, status): &(LabName, Status)| match status {
        Status::Served(address) => Some((lab.clone(), address.clone())),
        _ => None,
    };
    let mut agents: Vec<(LabName, ServerAddress)> = labs.iter().filter_map(served).collect();
    if let [] | [_] = agents[..] {
        return Ok(agents.pop().map(|(_, address)| address));
    }
    let built_in = netmon_labfile::built_in().name;
    match agents.iter().find(|(lab, _)| *lab == built_in) {
        Some((_, address)) => Ok(Some(address.clone())),
        None => Err(LocateError::SeveralAgents(agents.into_iter().map(|(lab, _)| lab).collect())),
    }
}

fn require(labs: Vec<(LabName, Status)>) -> Result<ServerAddress, LocateError> {
    if let Some(address) = choose(&labs)? {
        return Ok(address);
    }
    // No agent serves. The first lab that is up explains it best.
    match labs.into_iter().find(|(_, status)| *status != Status::Absent) {
        Some((lab, status)) => address(&lab, status),
        None => Err(LocateError::NoAgent),
    }
}

fn address(lab: &LabName, status: Status) -> Result<ServerAddress, LocateError> {
    let lab = lab.clone();
    match status {
        Status::Served(address) => Ok(address),
        Status::Held(holder) => Err(LocateError::NotServing { lab, holder }),
        Status::Unwatched => Err(unwatched(lab)),
        Status::Absent => Err(LocateError::NotRunning(lab)),
    }
}

/// Describes a lab that is up without an agent.
fn unwatched(lab: LabName) -> LocateError {
    // Only root may read the state of services. The message of other users leaves it out.
    let services = services::recorded_status(&state::directory(&lab)).unwrap_or_default();
    let is_counted = PinDirectory::for_lab(&lab).is_ok_and(|directory| directory.exists());
    LocateError::Unwatched { lab, services, is_counted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(name: &str) -> LabName {
        name.parse().unwrap()
    }

    fn of_port(port: u16) -> ServerAddress {
        std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    fn served(name: &str, port: u16) -> (LabName, Status) {
        (lab(name), Status::Served(of_port(port)))
    }

    #[test]
    fn a_missing_agent_is_reported_with_the_next_command() {
        let error = |status| address(&lab("direct"), status).unwrap_err().to_string();
        assert!(error(Status::Absent).contains("`netmon run`"));
        assert!(error(Status::Unwatched).contains("is up, but nothing measures it"));
        assert!(
            error(Status::Held(Holder { pid: 7, http: None })).contains("held by process 7, which is not")
        );
    }

    #[test]
    fn the_only_agent_is_chosen_whatever_its_lab() {
        let labs = [(lab("down"), Status::Absent), served("one", 1), (lab("up"), Status::Unwatched)];
        assert_eq!(choose(&labs).unwrap().unwrap(), of_port(1));
        assert_eq!(choose(&labs[..1]).unwrap(), None);
    }

    #[test]
    fn among_several_agents_that_of_the_built_in_lab_is_chosen() {
        let labs = [served("one", 1), served("direct", 2), served("two", 3)];
        assert_eq!(choose(&labs).unwrap().unwrap(), of_port(2));
        let error = choose(&[served("one", 1), served("two", 3)]).unwrap_err();
        assert_eq!(error.to_string(), "several labs are running; name one of them: one | two");
    }

    #[test]
    fn the_labs_that_are_up_are_listed_with_or_without_an_agent() {
        let labs = vec![(lab("down"), Status::Absent), served("one", 1), (lab("up"), Status::Unwatched)];
        let [one, unwatched] = &up(labs)[..] else { panic!("two of three are up") };
        assert_eq!((one.lab.as_str(), one.agent.as_ref().unwrap()), ("one", &of_port(1)));
        assert!(matches!(&unwatched.agent, Err(LocateError::Unwatched { lab: up, .. }) if *up == lab("up")));
    }

    #[test]
    fn an_agent_that_has_a_lab_and_the_links_of_the_host_is_one_agent() {
        let both = once_each(vec![served("discover", 1), served("one", 1), served("two", 2)]);
        assert_eq!(both, [served("one", 1), served("two", 2)]);
        let apart = vec![served("discover", 3), served("one", 1), (lab("up"), Status::Unwatched)];
        assert_eq!(once_each(apart.clone()), apart);
    }

    #[test]
    fn without_an_agent_the_first_lab_that_is_up_is_explained() {
        let labs = vec![(lab("down"), Status::Absent), (lab("up"), Status::Unwatched)];
        assert!(matches!(require(labs), Err(LocateError::Unwatched { lab: up, .. }) if up == lab("up")));
        assert!(matches!(require(vec![(lab("down"), Status::Absent)]), Err(LocateError::NoAgent)));
    }
}
