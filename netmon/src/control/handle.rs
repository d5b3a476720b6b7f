//! Decides who works on a lab: the agent that holds it, or this process.

use std::io;

use netmon_model::{
    impairment::Change,
    names::{LabName, Side},
    progress::Progress,
};

use super::{Client, ControlError, RefusalKind, Request, remove};
use crate::{
    ownership::{
        Claim, Holder, OwnershipError, claim,
        state::{RecordedInterface, RecordedLink},
    },
    topology::impair,
};

/// A lab that this process may change, itself or through the agent that holds it.
#[derive(Debug)]
pub enum LabHandle {
    /// An agent holds the lab and does the work on request.
    Agent(Client, Holder),
    /// No other process held the lab; this one does now.
    Own(Claim),
}

impl LabHandle {
    /// Takes the lab for this process or, if another process holds it, connects to that one.
    ///
    /// # Errors
    ///
    /// [`OwnershipError::Held`] if the holder does not listen, for example another `netmon up` (exit code 4). Also
    /// fails if the lab cannot be locked.
    pub fn acquire(lab: &LabName) -> Result<Self, OwnershipError> {
        decide(Claim::take(lab), Client::connect)
    }

    /// Connects to the process that holds the lab. Returns `None` if no process does; then the lab is not taken.
    ///
    /// # Errors
    ///
    /// [`OwnershipError::Held`] if the holder does not listen (exit code 4).
    pub fn agent(lab: &LabName) -> Result<Option<Client>, OwnershipError> {
        let Some(holder) = claim::holder(lab) else { return Ok(None) };
        connect(lab.clone(), holder, Client::connect).map(|(client, _)| Some(client))
    }

    /// Changes the impairment of packets that leave through `sides` of `link`, and logs what it is now.
    ///
    /// # Errors
    ///
    /// Fails if the amounts contradict each other (exit code 2), the kernel lacks a feature (3), a foreign qdisc or
    /// filter is in the way (4), or the kernel refuses a request after all (1). Nothing is changed then.
    pub fn impair(
        &mut self,
        link: &RecordedLink,
        sides: &[Side],
        change: Change,
    ) -> Result<(), ControlError> {
        match self {
            Self::Agent(client, _) => {
                client.request(&Request::Impair { link: link.name.clone(), sides: sides.to_vec(), change })
            }
            Self::Own(claim) => {
                for (side, impairment) in impair::impair(claim, &link.name, sides, change)? {
                    let RecordedInterface { namespace, interface, .. } = link.end(side);
                    log::debug!("packets from {namespace}:{interface} are impaired: {impairment}");
                }
                Ok(())
            }
        }
    }

    /// Removes the lab. An agent that holds it exits.
    ///
    /// # Errors
    ///
    /// [`ControlError::LeftBehind`] with everything that could not be removed, or [`OwnershipError::Held`] if the
    /// agent does not reply.
    pub fn down(self, progress: &dyn Progress) -> Result<(), ControlError> {
        let (lab, left) = match self {
            Self::Own(claim) => (claim.lab().clone(), remove(&claim, progress)),
            Self::Agent(mut client, holder) => {
                progress.busy("waiting for the agent");
                let done = client.request(&Request::Down);
                progress.rest();
                match done {
                    Err(ControlError::Refused(refusal)) if refusal.kind == RefusalKind::Failed => {
                        (client.lab().clone(), refusal.messages)
                    }
                    // The agent may be exiting already, on a signal or another request: it holds the lab until then.
                    Err(ControlError::NoReply { lab, source }) => {
                        log::debug!("the agent of lab {lab} did not reply: {source}");
                        return Err(OwnershipError::Held { lab, holder }.into());
                    }
                    done => return done,
                }
            }
        };
        if left.is_empty() { Ok(()) } else { Err(ControlError::LeftBehind { lab, left }) }
    }
}

fn decide(
    claim: Result<Claim, OwnershipError>,
    connect_to: impl FnOnce(&LabName) -> io::Result<Client>,
) -> Result<LabHandle, OwnershipError> {
    match claim {
        Ok(claim) => Ok(LabHandle::Own(claim)),
        Err(OwnershipError::Held { lab, holder }) => {
            connect(lab, holder, connect_to).map(|(client, holder)| LabHandle::Agent(client, holder))
        }
        Err(error) => Err(error),
    }
}

/// A holder that does not listen is a conflict, whatever the reason.
fn connect(
    lab: LabName,
    holder: Holder,
    connect_to: impl FnOnce(&LabName) -> io::Result<Client>,
) -> Result<(Client, Holder), OwnershipError> {
    match connect_to(&lab) {
        Ok(client) => Ok((client, holder)),
        Err(error) => {
            log::debug!("cannot connect to the holder of lab {lab}: {error}");
            Err(OwnershipError::Held { lab, holder })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        os::unix::net::UnixStream,
        thread::{self, JoinHandle},
    };

    use netmon_model::{mac::Mac, progress::Silent};

    use super::*;
    use crate::control::{Refusal, Reply};

    fn lab() -> LabName {
        "direct".parse().unwrap()
    }

    fn holder() -> Holder {
        Holder { pid: 7, http: None }
    }

    fn held() -> OwnershipError {
        OwnershipError::Held { lab: lab(), holder: holder() }
    }

    /// The handle of a lab whose agent gives this reply, or none, and the request that it gets.
    fn agent_with(reply: Option<Reply>) -> (LabHandle, JoinHandle<String>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let client = Client::from_stream(&lab(), ours).unwrap();
        let agent = thread::spawn(move || {
            let mut request = String::new();
            BufReader::new(theirs.try_clone().unwrap()).read_line(&mut request).unwrap();
            if let Some(reply) = reply {
                theirs.write_all((serde_json::to_string(&reply).unwrap() + "\n").as_bytes()).unwrap();
            }
            request
        });
        (LabHandle::Agent(client, holder()), agent)
    }

    #[test]
    fn an_agent_that_holds_the_lab_and_listens_does_the_work() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let handle = decide(Err(held()), |lab| Client::from_stream(lab, ours)).unwrap();
        let LabHandle::Agent(client, holder) = handle else { panic!("{handle:?}") };
        assert_eq!((client.lab(), holder.pid), (&lab(), 7));
    }

    #[test]
    fn a_holder_that_does_not_listen_is_a_conflict() {
        let error = decide(Err(held()), |_| Err(io::ErrorKind::ConnectionRefused.into())).unwrap_err();
        assert_eq!(error.to_string(), held().to_string());
    }

    #[test]
    fn a_lab_that_cannot_be_locked_has_no_agent_to_ask() {
        let error = OwnershipError::File {
            operation: "lock",
            operand: "lock".to_owned(),
            source: io::ErrorKind::PermissionDenied.into(),
        };
        let error = decide(Err(error), |_| panic!("no process holds the lab")).unwrap_err();
        assert!(matches!(error, OwnershipError::File { .. }));
    }

    #[test]
    fn down_waits_for_the_agent_to_remove_the_lab() {
        let (handle, agent) = agent_with(Some(Ok(())));
        handle.down(&Silent).unwrap();
        assert_eq!(agent.join().unwrap(), "\"down\"\n");
    }

    #[test]
    fn down_reports_all_that_the_agent_left_behind() {
        let left = vec!["namespace a".to_owned(), "namespace b".to_owned()];
        let (handle, _agent) = agent_with(Some(Refusal::unless_empty(left)));
        let error = handle.down(&Silent).unwrap_err();
        assert_eq!(error.to_string(), "cannot remove all of lab direct:\n  namespace a\n  namespace b");
    }

    #[test]
    fn down_of_an_agent_that_exits_without_a_reply_is_a_conflict() {
        let (handle, _agent) = agent_with(None);
        let error = handle.down(&Silent).unwrap_err();
        assert!(matches!(error, ControlError::Ownership(OwnershipError::Held { .. })), "{error:?}");
    }

    #[test]
    fn an_impairment_is_requested_for_the_link_and_its_ends() {
        let end = |namespace: &str| RecordedInterface {
            namespace: namespace.parse().unwrap(),
            interface: "eth0".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            ifindex: None,
        };
        let link =
            RecordedLink { name: "core".parse().unwrap(), a: end("one"), b: end("two"), in_container: false };
        let change = Change { clear: true, ..Change::default() };
        let refusal = Refusal::new(RefusalKind::Conflict, "a qdisc is in the way");
        let (mut handle, agent) = agent_with(Some(Err(refusal.clone())));
        let error = handle.impair(&link, &[Side::B], change).unwrap_err();
        assert!(matches!(error, ControlError::Refused(refused) if refused == refusal));
        let request: Request = serde_json::from_str(&agent.join().unwrap()).unwrap();
        assert_eq!(request, Request::Impair { link: link.name, sides: vec![Side::B], change });
    }
}
