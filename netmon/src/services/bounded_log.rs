//! The detached supervisor's log: a file of bounded size, since /run is memory.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The size at which the file is rotated. With the previous file, the log has at most twice this size.
pub(crate) const MAX_BYTES: u64 = 1024 * 1024;

/// A log file of bounded size. A full file is renamed to `NAME.1`, which replaces the previous one.
#[derive(Debug)]
pub(crate) struct BoundedLog {
    path: PathBuf,
    file: File,
    size: u64,
    max: u64,
}

impl BoundedLog {
    /// Opens the file for appending.
    pub(crate) fn open(path: &Path, max: u64) -> io::Result<Self> {
        let file = append_to(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, max })
    }
}

/// Opens a log that only root may read.
pub(crate) fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl Write for BoundedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size > 0 && self.size + bytes.len() as u64 > self.max {
            let mut previous = self.path.clone().into_os_string();
            previous.push(".1");
            fs::rename(&self.path, previous)?;
            self.file = append_to(&self.path)?;
            self.size = 0;
        }
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_at_most_two_files_of_the_maximum_size() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("services.log");
        for _ in 0..2 {
            let mut log = BoundedLog::open(&path, 1000).unwrap();
            for _ in 0..100 {
                log.write_all(&[b'x'; 90]).unwrap();
            }
        }
        let mut sizes: Vec<u64> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        sizes.sort_unstable();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|&size| size <= 1000), "{sizes:?}");
        assert_eq!(sizes[1], 990, "the full file is rotated complete");
    }
}
