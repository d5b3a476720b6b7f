//! Which exit code an error has: the only place that decides it.
//!
//! Commands return typed errors with `?` and add context where it helps. The outermost error of the chain whose type
//! is known here decides. An error further in does not: a hook that could not be attached, for instance, is a failure
//! (1), even if a missing kernel feature caused it.

use std::error::Error as StdError;

use netmon_kernel::{pins::PinError, sys::capabilities::MissingPrivilege};
use netmon_labfile::{LoadError, generate::GenerateError, settings::SettingsError};
use thiserror::Error;

use super::{exit::ExitCode, lab_file::InvalidLabFile};
use crate::{
    agent::AgentError,
    control::{ControlError, Refusal, RefusalKind, locate::LocateError},
    datapath::DatapathError,
    expect::TrialError,
    overhead::OverheadError,
    ownership::OwnershipError,
    selftest::SelftestError,
    services::LackingCapabilities,
    topology::TopologyError,
    trace::TraceError,
    watch::WatchError,
};

/// Arguments that parse, and cannot be used together or with this lab. Exit code 2.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit code of an error. [`ExitCode::Failed`] if none of the errors in its chain has a code of its own.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    error.chain().find_map(known).unwrap_or(ExitCode::Failed)
}

/// The exit code of an error of a known type. Returns `None` for any other type.
fn known(error: &(dyn StdError + 'static)) -> Option<ExitCode> {
    fn code_of<E: StdError + 'static>(
        error: &(dyn StdError + 'static),
        code: impl FnOnce(&E) -> ExitCode,
    ) -> Option<ExitCode> {
        error.downcast_ref().map(code)
    }
    code_of(error, |_: &UsageError| ExitCode::Usage)
        .or_else(|| code_of(error, |_: &LoadError| ExitCode::Usage))
        .or_else(|| code_of(error, |_: &InvalidLabFile| ExitCode::Usage))
        .or_else(|| code_of(error, |_: &GenerateError| ExitCode::Usage))
        .or_else(|| code_of(error, |_: &SettingsError| ExitCode::Usage))
        .or_else(|| code_of(error, |_: &MissingPrivilege| ExitCode::Unavailable))
        .or_else(|| code_of(error, |_: &LackingCapabilities| ExitCode::Unavailable))
        .or_else(|| code_of(error, agent))
        .or_else(|| code_of(error, control))
        .or_else(|| code_of(error, datapath))
        .or_else(|| code_of(error, locate))
        .or_else(|| code_of(error, overhead))
        .or_else(|| code_of(error, ownership))
        .or_else(|| code_of(error, pin))
        .or_else(|| code_of(error, refusal))
        .or_else(|| code_of(error, selftest))
        .or_else(|| code_of(error, topology))
        .or_else(|| code_of(error, trace))
        .or_else(|| code_of(error, trial))
        .or_else(|| code_of(error, watch))
}

fn agent(error: &AgentError) -> ExitCode {
    match error {
        AgentError::Privilege(_) | AgentError::ServicePrivilege(_) => ExitCode::Unavailable,
        AgentError::PersistedContainers(_) => ExitCode::Usage,
        AgentError::Topology(error) => topology(error),
        AgentError::Ownership(error) => ownership(error),
        AgentError::Datapath(error) => datapath(error),
        AgentError::Pin(error) => pin(error),
        AgentError::Watch(error) => watch(error),
        _ => ExitCode::Failed,
    }
}

fn control(error: &ControlError) -> ExitCode {
    match error {
        ControlError::Ownership(error) => ownership(error),
        ControlError::Refused(error) => refusal(error),
        ControlError::Topology(error) => topology(error),
        ControlError::NoReply { .. } | ControlError::LeftBehind { .. } => ExitCode::Failed,
    }
}

fn datapath(error: &DatapathError) -> ExitCode {
    match error {
        DatapathError::NoTcx | DatapathError::NoTracing(_) => ExitCode::Unavailable,
        DatapathError::Pin(error) => pin(error),
        _ => ExitCode::Failed,
    }
}

fn locate(error: &LocateError) -> ExitCode {
    match error {
        LocateError::Name(_)
        | LocateError::File(_)
        | LocateError::Unnamed { .. }
        | LocateError::NoSuchLink { .. }
        | LocateError::AmbiguousLink { .. } => ExitCode::Usage,
        LocateError::NotServing { .. }
        | LocateError::Unwatched { .. }
        | LocateError::NotRunning(_)
        | LocateError::NoAgent
        | LocateError::SeveralAgents(_)
        | LocateError::NoLinks => ExitCode::Failed,
    }
}

fn overhead(error: &OverheadError) -> ExitCode {
    match error {
        OverheadError::Agent(error) => control(error),
        _ => ExitCode::Failed,
    }
}

fn ownership(error: &OwnershipError) -> ExitCode {
    match error {
        OwnershipError::Held { .. } => ExitCode::Conflict,
        OwnershipError::File { .. } => ExitCode::Failed,
    }
}

fn pin(error: &PinError) -> ExitCode {
    match error {
        lacking if lacking.is_unavailable() => ExitCode::Unavailable,
        conflict if conflict.is_conflict() => ExitCode::Conflict,
        _ => ExitCode::Failed,
    }
}

fn refusal(refusal: &Refusal) -> ExitCode {
    kind(refusal.kind)
}

fn selftest(error: &SelftestError) -> ExitCode {
    match error {
        SelftestError::Topology(error) => topology(error),
        SelftestError::Ownership(error) => ownership(error),
        _ => ExitCode::Failed,
    }
}

/// The same code, whether the agent of the lab refused or this process did.
fn topology(error: &TopologyError) -> ExitCode {
    kind(RefusalKind::from(error))
}

fn trace(error: &TraceError) -> ExitCode {
    match error {
        wrong if wrong.is_usage() => ExitCode::Usage,
        lacking if lacking.is_unavailable() => ExitCode::Unavailable,
        _ => ExitCode::Failed,
    }
}

fn trial(error: &TrialError) -> ExitCode {
    match error {
        TrialError::Agent(error) => agent(error),
        TrialError::Client(_) | TrialError::Signals(_) => ExitCode::Failed,
    }
}

fn watch(error: &WatchError) -> ExitCode {
    error.datapath().map_or(ExitCode::Failed, datapath)
}

fn kind(kind: RefusalKind) -> ExitCode {
    match kind {
        RefusalKind::Invalid => ExitCode::Usage,
        RefusalKind::Conflict => ExitCode::Conflict,
        RefusalKind::Unsupported => ExitCode::Unavailable,
        RefusalKind::Failed => ExitCode::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::{io, thread};

    use anyhow::{Context as _, anyhow};
    use netmon_kernel::sys::capabilities::{Capability, require};
    use netmon_model::impairment::Impairment;
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

    use super::*;
    use crate::ownership::Holder;

    fn refused() -> io::Error {
        io::ErrorKind::PermissionDenied.into()
    }

    fn held() -> OwnershipError {
        OwnershipError::Held { lab: "direct".parse().unwrap(), holder: Holder { pid: 7, http: None } }
    }

    fn conflict() -> TopologyError {
        TopologyError::Conflict(vec!["namespace web exists".to_owned()])
    }

    fn unsupported() -> TopologyError {
        TopologyError::Unsupported(Vec::new())
    }

    fn contradiction() -> TopologyError {
        let jitter = Impairment { jitter: Some("2ms".parse().unwrap()), ..Impairment::default() };
        TopologyError::Impairment(jitter.check(1500).unwrap_err())
    }

    fn refusal_of(kind: RefusalKind) -> Refusal {
        Refusal::new(kind, "no")
    }

    /// Compares the exit code of each error, alone and in a context.
    fn assert_codes(table: Vec<(ExitCode, anyhow::Error)>) {
        for (code, error) in table {
            let text = format!("{error:#}");
            assert_eq!(exit_code(&error), code, "{text}");
            assert_eq!(exit_code(&error.context("testing lab direct")), code, "in context: {text}");
        }
    }

    #[test]
    fn errors_of_input_are_errors_of_usage() {
        let unreadable = || LoadError::Read { path: "lab.toml".into(), reason: refused() };
        let name = "-x".parse::<netmon_model::names::LabName>().unwrap_err();
        assert_codes(vec![
            (ExitCode::Usage, UsageError("which?".to_owned()).into()),
            (ExitCode::Usage, unreadable().into()),
            (ExitCode::Usage, InvalidLabFile(unreadable()).into()),
            (ExitCode::Usage, GenerateError::NotForHosts("10.0.0.0/31".parse().unwrap()).into()),
            (ExitCode::Usage, LocateError::File(unreadable()).into()),
            (ExitCode::Usage, LocateError::Name(name).into()),
            (ExitCode::Usage, LocateError::NoSuchLink { wanted: "x".to_owned(), links: Vec::new() }.into()),
            (
                ExitCode::Usage,
                LocateError::AmbiguousLink { wanted: "x".to_owned(), links: Vec::new() }.into(),
            ),
        ]);
    }

    #[test]
    fn a_lab_or_agent_that_is_not_found_is_a_failure() {
        let lab = || "direct".parse().unwrap();
        assert_codes(vec![
            (ExitCode::Failed, LocateError::NotRunning(lab()).into()),
            (
                ExitCode::Failed,
                LocateError::Unwatched { lab: lab(), services: Vec::new(), is_counted: false }.into(),
            ),
            (ExitCode::Failed, LocateError::NoAgent.into()),
            (ExitCode::Failed, LocateError::NoLinks.into()),
            (ExitCode::Failed, LocateError::SeveralAgents(vec![lab()]).into()),
            (ExitCode::Failed, ControlError::NoReply { lab: lab(), source: refused() }.into()),
            (ExitCode::Failed, ControlError::LeftBehind { lab: lab(), left: Vec::new() }.into()),
        ]);
    }

    #[test]
    fn a_held_lab_is_a_conflict_whatever_found_it_held() {
        assert_codes(vec![
            (ExitCode::Conflict, held().into()),
            (ExitCode::Conflict, TopologyError::Ownership(held()).into()),
            (ExitCode::Conflict, AgentError::Ownership(held()).into()),
            (ExitCode::Conflict, AgentError::Topology(TopologyError::Ownership(held())).into()),
            (ExitCode::Conflict, ControlError::Ownership(held()).into()),
            (ExitCode::Conflict, SelftestError::Ownership(held()).into()),
        ]);
    }

    #[test]
    fn an_error_of_the_topology_has_one_code_in_every_wrapping() {
        let kinds: [(ExitCode, fn() -> TopologyError); 4] = [
            (ExitCode::Conflict, conflict),
            (ExitCode::Unavailable, unsupported),
            (ExitCode::Usage, contradiction),
            (ExitCode::Failed, || TopologyError::Vanished("veth0".to_owned())),
        ];
        for (code, error) in kinds {
            assert_codes(vec![
                (code, error().into()),
                (code, AgentError::Topology(error()).into()),
                (code, ControlError::Topology(error()).into()),
                (code, SelftestError::Topology(error()).into()),
                (code, TrialError::Agent(AgentError::Topology(error())).into()),
                (code, ControlError::Refused(Refusal::from(&error())).into()),
            ]);
        }
        let not_undone = TopologyError::NotUndone { step: Box::new(conflict()), left: Vec::new() };
        let undone = TopologyError::Undone(Box::new(conflict()));
        assert_codes(vec![(ExitCode::Conflict, not_undone.into()), (ExitCode::Conflict, undone.into())]);
    }

    #[test]
    fn a_refusal_of_the_agent_has_the_code_of_its_kind() {
        assert_codes(vec![
            (ExitCode::Usage, refusal_of(RefusalKind::Invalid).into()),
            (ExitCode::Conflict, refusal_of(RefusalKind::Conflict).into()),
            (ExitCode::Unavailable, refusal_of(RefusalKind::Unsupported).into()),
            (ExitCode::Failed, refusal_of(RefusalKind::Failed).into()),
            (ExitCode::Usage, OverheadError::Agent(refusal_of(RefusalKind::Invalid).into()).into()),
            (ExitCode::Failed, OverheadError::Agent(refusal_of(RefusalKind::Failed).into()).into()),
        ]);
    }

    #[test]
    fn a_missing_feature_of_the_host_is_unavailable() {
        let made = || PinError::Make { path: "/sys/fs/bpf/netmon".into(), source: refused() };
        let foreign = || PinError::Foreign("/sys/fs/bpf/netmon/direct".into());
        // This thread, not the process: other tests may need what it drops.
        let missing = thread::spawn(|| {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
            set_capabilities(None, sets).unwrap();
            require(&[Capability::Bpf], "netmon run").unwrap_err()
        });
        let missing = missing.join().unwrap();
        assert_codes(vec![
            (ExitCode::Unavailable, missing.clone().into()),
            (ExitCode::Unavailable, AgentError::Privilege(missing).into()),
            (ExitCode::Unavailable, AgentError::Datapath(DatapathError::NoTcx).into()),
            (ExitCode::Unavailable, AgentError::Watch(DatapathError::NoTcx.into()).into()),
            (ExitCode::Unavailable, AgentError::Pin(PinError::NoFileSystem(refused())).into()),
            (ExitCode::Unavailable, AgentError::Datapath(DatapathError::Pin(made())).into()),
            (ExitCode::Conflict, AgentError::Pin(foreign()).into()),
            (ExitCode::Conflict, AgentError::Datapath(DatapathError::Pin(foreign())).into()),
            (ExitCode::Failed, AgentError::Pin(PinError::failed("open", "/x".as_ref(), refused())).into()),
        ]);
    }

    #[test]
    fn only_the_outermost_error_of_a_known_type_decides() {
        let attach = TopologyError::AttachObserver(Box::new(DatapathError::NoTcx));
        assert_codes(vec![
            (ExitCode::Failed, attach.into()),
            (ExitCode::Failed, AgentError::Serve(io::Error::other(held())).into()),
        ]);
    }

    #[test]
    fn any_other_error_is_a_failure() {
        assert_codes(vec![
            (ExitCode::Failed, anyhow!("something else")),
            (ExitCode::Failed, refused().into()),
            (ExitCode::Failed, Err::<(), _>(refused()).context("cannot open").unwrap_err()),
        ]);
    }
}
