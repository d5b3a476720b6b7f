//! The bytes of a lab file, whatever kind of file it is: never more than asked for, and never waiting for ever.
//!
//! A pipe is as good as a plain file (`netmon plan <(netmon generate star -n 5)`), as long as somebody writes to it.

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

/// How long whoever writes to a pipe may be silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of it is read at once.
const CHUNK: u64 = 64 * 1024;

/// The first `most` bytes of a file.
///
/// # Errors
///
/// When it cannot be read; of kind `TimedOut` when it is a pipe and nobody writes to it.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Whoever opens a pipe waits for a writer otherwise.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() {
        file.take(most).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    while (bytes.len() as u64) < most {
        await_bytes(&file)?;
        let chunk = CHUNK.min(most - bytes.len() as u64);
        match file.by_ref().take(chunk).read_to_end(&mut bytes) {
            Ok(0) => break,
            // What came before the pipe was empty is kept.
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
                let silent = format!("nobody wrote to it for {} seconds", PATIENCE.as_secs());
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
        for most in [1 << 20, 100_000] {
            let (reading, mut writing) = io::pipe().unwrap();
            let writer = thread::spawn(move || writing.write_all(&[b'#'; 400_000]));
            let bytes = read(Path::new(&format!("/proc/self/fd/{}", reading.as_raw_fd())), most).unwrap();
            assert_eq!(bytes.len() as u64, most.min(400_000));
            drop(reading);
            // A writer that was cut short is told so.
            assert_eq!(writer.join().unwrap().is_ok(), most > 400_000);
        }
    }

    #[test]
    fn what_has_no_end_is_cut() {
        assert_eq!(read(Path::new("/dev/zero"), 1000).unwrap(), [0; 1000]);
    }
}
