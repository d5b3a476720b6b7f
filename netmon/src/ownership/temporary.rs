//! Marks a lab as temporary: it is removed when its agent ends.
//!
//! `netmon run` writes the marker before it creates anything. So a lab whose agent was killed can be distinguished from
//! one that `netmon up` built to stay.

use std::{fs, io, path::PathBuf};

use netmon_kernel::owned_files;
use netmon_model::names::LabName;

use super::error::OwnershipError;
use super::state;

fn marker(lab: &LabName) -> PathBuf {
    state::directory(lab).join("temporary")
}

/// Returns whether the lab is temporary.
#[must_use]
pub fn is_temporary(lab: &LabName) -> bool {
    marker(lab).exists()
}

/// Makes the lab temporary.
///
/// # Errors
///
/// Fails if the marker cannot be written.
pub fn make_temporary(lab: &LabName) -> Result<(), OwnershipError> {
    let path = marker(lab);
    owned_files::write(&path, b"").map_err(|error| OwnershipError::file("write", &path, error))
}

/// Makes the lab permanent: it stays when its agent ends.
///
/// # Errors
///
/// Fails if the marker cannot be removed.
pub fn make_permanent(lab: &LabName) -> Result<(), OwnershipError> {
    let path = marker(lab);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OwnershipError::file("remove", &path, error))
        }
        _ => Ok(()),
    }
}
