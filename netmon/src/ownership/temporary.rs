//! Whether a lab goes with its agent: `netmon run` notes it before anything is made, so that a lab that an
//! agent was killed over is told from one that `netmon up` made to stay.

use std::{fs, io, path::PathBuf};

use netmon_kernel::owned_files;
use netmon_model::names::LabName;

use super::error::OwnershipError;
use super::state;

fn note(lab: &LabName) -> PathBuf {
    state::directory(lab).join("temporary")
}

/// Whether the lab was made to go with its agent.
#[must_use]
pub fn is_temporary(lab: &LabName) -> bool {
    note(lab).exists()
}

/// Notes that the lab goes with its agent.
///
/// # Errors
///
/// When the note cannot be written.
pub fn make_temporary(lab: &LabName) -> Result<(), OwnershipError> {
    let path = note(lab);
    owned_files::write(&path, b"").map_err(|error| OwnershipError::file("write", &path, error))
}

/// Notes that the lab stays.
///
/// # Errors
///
/// When the note cannot be taken away.
pub fn make_permanent(lab: &LabName) -> Result<(), OwnershipError> {
    let path = note(lab);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OwnershipError::file("remove", &path, error))
        }
        _ => Ok(()),
    }
}
