//! Creates the file of a recording, without replacing another one by accident.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a file could not be created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// There is one of this name.
    #[error("{} exists; choose another name, or replace it with --force", .0.display())]
    Exists(PathBuf),
    /// The kernel refused.
    #[error("cannot create {}", path.display())]
    Create {
        /// Which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Creates a file, or replaces one if that is wanted.
///
/// # Errors
///
/// Fails if the file exists and may not be replaced, or cannot be created.
pub fn create(path: &Path, may_replace: bool) -> Result<File, CreateError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if may_replace {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => CreateError::Exists(path.to_owned()),
        _ => CreateError::Create { path: path.to_owned(), source },
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    #[test]
    fn an_existing_file_is_replaced_only_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.netmon.gz");
        create(&path, false).unwrap().write_all(b"first").unwrap();
        assert!(matches!(create(&path, false), Err(CreateError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        drop(create(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"");
        let nowhere = directory.path().join("nowhere/run.netmon.gz");
        assert!(matches!(create(&nowhere, false), Err(CreateError::Create { .. })));
    }
}
