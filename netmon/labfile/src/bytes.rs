//! Reads the bytes of a lab file of any kind, with bounds on their number and on the wait for them.
//!
//! A pipe works as well as a regular file (`netmon plan <(netmon generate star -n 5)`), as long as a program writes to it.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};

/// How long the writer of a pipe may be silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes of a pipe are read at once.
const CHUNK: u64 = 64 * 1024;

/// Reads the first `max` bytes of a file.
///
/// # Errors
///
/// Fails if it cannot be read. The kind is `TimedOut` if it is a pipe to which no program writes.
pub(super) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    // Without this flag, open(2) of a pipe waits for a writer.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() {
        file.take(max).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    while (bytes.len() as u64) < max {
        await_bytes(&file)?;
        let chunk = CHUNK.min(max - bytes.len() as u64);
        match file.by_ref().take(chunk).read_to_end(&mut bytes) {
            Ok(0) => break,
            // The pipe is empty for now; the bytes before are in the buffer.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => drop(other?),
        }
    }
    Ok(bytes)
}

fn await_bytes(file: &File) -> io::Result<()> {
    let patience = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&patience)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => {
                let silent = format!("no data for {} seconds", PATIENCE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, silent));
            }
            ready => return ready.map(drop).map_err(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::fd::AsRawFd as _, thread};

    use super::*;

    #[test]
    fn a_pipe_is_read_to_its_end_and_no_further_than_asked() {
        for max in [1 << 20, 100_000] {
            let (reading, mut writing) = io::pipe().unwrap();
            let writer = thread::spawn(move || writing.write_all(&[b'#'; 400_000]));
            let bytes = read(Path::new(&format!("/proc/self/fd/{}", reading.as_raw_fd())), max).unwrap();
            assert_eq!(bytes.len() as u64, max.min(400_000));
            drop(reading);
            // A writer whose pipe was closed early gets an error.
            assert_eq!(writer.join().unwrap().is_ok(), max > 400_000);
        }
    }

    #[test]
    fn a_file_without_an_end_is_cut() {
        assert_eq!(read(Path::new("/dev/zero"), 1000).unwrap(), [0; 1000]);
    }
}
