//! Files and folders that only their owner may write to, whatever the umask is: what is read back from them decides
//! what is removed.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Makes a folder, and those above it that are missing. Anybody may look into it.
///
/// # Errors
///
/// When the kernel refuses; that it is there already is no error.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Writes a file that anybody may read. What could only be written in part is taken away.
///
/// # Errors
///
/// When the kernel refuses, or there is no space left.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path)?;
    let written = file.write_all(text);
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}
