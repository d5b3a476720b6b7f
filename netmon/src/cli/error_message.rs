//! The message of an error, as the command line prints it.
//!
//! An error type says what failed. That the host is as it was is the same for many of them, and is said here, once.

use std::error::Error as StdError;

use rustix::process::{Resource, getrlimit};

use crate::{
    agent::AgentError,
    control::{ControlError, RefusalKind},
    expect::TrialError,
    selftest::SelftestError,
    topology::TopologyError,
};

/// The kernel's answer to a process that has as many files open as it may (EMFILE).
const TOO_MANY_FILES: &str = "(os error 24)";

/// Returns the error with its causes, whether the host is as it was, or is again, and what to do if that is not plain.
#[must_use]
pub fn error_message(error: &anyhow::Error) -> String {
    let end = if error.chain().any(left_host_unchanged) {
        "; nothing was changed"
    } else if error.chain().filter_map(topology).any(TopologyError::was_undone) {
        "; the changes before it were undone"
    } else {
        ""
    };
    let text = format!("{error:#}{end}");
    let limit = getrlimit(Resource::Nofile).maximum;
    advice(&text, limit).map_or_else(|| text.clone(), |advice| format!("{text}\n    help: {advice}"))
}

/// Returns what to do about an error whose message leads nowhere, with the limit of open files. `None` for any other.
fn advice(text: &str, limit: Option<u64>) -> Option<String> {
    let limit = limit.filter(|_| text.contains(TOO_MANY_FILES))?;
    Some(format!(
        "this process may open {limit} files at a time, and an agent of one link opens about 100: raise the limit (`ulimit -n`, \
         LimitNOFILE= in a unit)"
    ))
}

fn left_host_unchanged(error: &(dyn StdError + 'static)) -> bool {
    if let Some(ControlError::Refused(refusal)) = error.downcast_ref() {
        return refusal.kind != RefusalKind::Failed;
    }
    topology(error).is_some_and(TopologyError::changed_nothing)
}

/// Returns the error of the topology that another error stands for: a transparent one is not in the chain.
fn topology<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e TopologyError> {
    let agent = |error: &'e AgentError| match error {
        AgentError::Topology(error) => Some(error),
        _ => None,
    };
    if let Some(ControlError::Topology(error)) = error.downcast_ref() {
        Some(error)
    } else if let Some(SelftestError::Topology(error)) = error.downcast_ref() {
        Some(error)
    } else if let Some(TrialError::Agent(error)) = error.downcast_ref() {
        agent(error)
    } else {
        error.downcast_ref().or_else(|| error.downcast_ref().and_then(agent))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::control::Refusal;

    fn conflict() -> TopologyError {
        TopologyError::Conflict(vec!["namespace web already exists and is not part of lab office".to_owned()])
    }

    #[test]
    fn a_limit_of_open_files_is_named_where_it_is_the_reason() {
        let text = "cannot load eBPF program netmon_in_whole: Too many open files (os error 24)";
        let advice = advice(text, Some(64)).unwrap();
        assert!(advice.starts_with("this process may open 64 files at a time"), "{advice}");
        assert_eq!(super::advice("File exists (os error 17)", Some(64)), None);
        let error = anyhow::Error::from(std::io::Error::from_raw_os_error(24));
        assert!(error_message(&error).contains("\n    help: this process may open "));
    }

    #[test]
    fn an_error_before_the_first_change_says_so_once_in_every_wrapping() {
        let message = "namespace web already exists and is not part of lab office; nothing was changed";
        let refusal = Refusal::from(&conflict());
        let wrapped: [anyhow::Error; 5] = [
            conflict().into(),
            AgentError::Topology(conflict()).into(),
            ControlError::Topology(conflict()).into(),
            TrialError::Agent(AgentError::Topology(conflict())).into(),
            ControlError::Refused(refusal).into(),
        ];
        for error in wrapped {
            assert_eq!(error_message(&error), message);
            let error = Err::<(), _>(error).context("cannot build lab office").unwrap_err();
            assert_eq!(error_message(&error), format!("cannot build lab office: {message}"));
        }
    }

    #[test]
    fn a_failed_step_is_reported_with_what_was_undone() {
        let vanished = || Box::new(TopologyError::Vanished("web:eth0".to_owned()));
        let error = anyhow::Error::from(AgentError::Topology(TopologyError::Undone(vanished())));
        let message = "web:eth0 disappeared while the lab was being built";
        assert_eq!(error_message(&error), format!("{message}; the changes before it were undone"));
        let left = vec!["cannot delete interface veth0".to_owned()];
        let error = TopologyError::NotUndone { step: vanished(), left };
        let expected = format!("{message}; this could not be undone: cannot delete interface veth0");
        assert_eq!(error_message(&error.into()), expected);
    }

    #[test]
    fn an_error_after_a_change_does_not_claim_that_nothing_was_changed() {
        let vanished = || TopologyError::Vanished("web:eth0".to_owned());
        let undone = TopologyError::NotUndone { step: Box::new(conflict()), left: vec!["veth0".to_owned()] };
        for error in
            [vanished().into(), undone.into(), ControlError::Refused(Refusal::from(&vanished())).into()]
        {
            let message = error_message(&error);
            assert!(!message.contains("nothing was changed"), "{message}");
        }
    }
}
