//! Finds what a user means by a lab, an agent or a link, from what labs record under /run/netmon.
//!
//! Reads only. What it cannot find is a [`LocateError`] that says what to do next.

mod agent;
mod error;
mod link;
mod removal;

use netmon_model::names::LabName;

pub use self::{
    agent::{LabAgent, agent_of, find_agent, labs_up, main_agent, only_agent},
    error::LocateError,
    link::link,
    removal::{RecordedLab, lab_to_remove, recorded},
};

/// The lab that is meant: the one in a file if `given` looks like a path, otherwise the one of this name.
///
/// # Errors
///
/// Fails if `given` is neither a lab file that can be read nor a lab's name.
pub fn lab(given: &str) -> Result<LabName, LocateError> {
    if is_file(given) { Ok(netmon_labfile::load(given.as_ref())?.name) } else { Ok(given.parse()?) }
}

/// Returns whether a lab is given by its file.
#[must_use]
pub fn is_file(given: &str) -> bool {
    given.contains('/') || given.ends_with(".toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_a_word_is_a_name() {
        assert_eq!(lab("direct").unwrap().as_str(), "direct");
        assert!(matches!(lab("./nowhere.toml"), Err(LocateError::File(_))));
        assert!(matches!(lab("-x"), Err(LocateError::Name(_))));
    }
}
