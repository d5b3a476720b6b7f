//! The message of an error, as the command line prints it.
//!
//! An error type says what failed. That the host is as it was is the same for many of them, and is said here, once.

use std::error::Error as StdError;

use crate::{
    agent::AgentError,
    control::{ControlError, RefusalKind},
    expect::TrialError,
    selftest::SelftestError,
    topology::TopologyError,
};

/// Returns the error with its causes, and whether the host is as it was, or is again.
#[must_use]
pub fn error_message(error: &anyhow::Error) -> String {
    let end = if error.chain().any(left_host_unchanged) {
        "; nothing was changed"
    } else if error.chain().filter_map(topology).any(TopologyError::was_undone) {
        "; the changes before it were undone"
    } else {
        ""
    };
    format!("{error:#}{end}")
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
