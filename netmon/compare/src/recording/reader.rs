//! Reads a recording as a stream of windows, in bounded memory.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::read::GzDecoder;
use thiserror::Error;

use super::{End, FORMAT, Gap, Header, RecordedWindow, lines::Line};
use crate::series::Series;

/// The longest line. A window of ten thousand busy links has less.
const MAX_LINE_BYTES: usize = 64 << 20;
/// The most series: ten thousand links have fewer.
const MAX_SERIES: usize = 1 << 20;

/// Why a recording cannot be used.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file could not be read, or its compressed data is damaged.
    #[error("cannot read the recording")]
    Read(#[from] io::Error),
    /// It does not begin as a recording does.
    #[error("this is not a recording of netmon")]
    NotARecording,
    /// It was made by a later version.
    #[error("the recording has format {0}, and this netmon reads up to format {FORMAT}: use a newer netmon")]
    TooNew(u32),
    /// A line is not as the format says.
    #[error("line {line} of the recording is damaged")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A line mentions a series that was not introduced.
    #[error("line {0} of the recording mentions an unknown series")]
    UnknownSeries(usize),
    /// A window has no length.
    #[error("line {0} of the recording has a window without length")]
    NoLength(usize),
    /// A line is too long, or there are too many series.
    #[error("line {0} of the recording is too large")]
    TooLarge(usize),
}

/// What a recording says beside its windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The first line.
    pub header: Header,
    /// Every series that was mentioned, in the order of their positions.
    pub series: Vec<Series>,
    /// Times of which nothing is known.
    pub gaps: Vec<Gap>,
    /// The last line. `None` if the recorder was killed.
    pub end: Option<End>,
}

/// Reads a recording, and hands each window to `take`.
///
/// # Errors
///
/// Fails if the data is no recording, of a later format, or damaged. One that is cut off is no error.
pub fn read(input: impl Read, mut take: impl FnMut(RecordedWindow)) -> Result<Summary, ReadError> {
    let mut lines = Lines { input: BufReader::new(GzDecoder::new(input)), number: 0 };
    let header = match lines.next() {
        Ok(Some(Line { recording: Some(header), .. })) => header,
        Err(error @ ReadError::Read(_)) if !is_format(&error) => return Err(error),
        _ => return Err(ReadError::NotARecording),
    };
    if header.format > FORMAT {
        return Err(ReadError::TooNew(header.format));
    }
    let mut summary = Summary { header, series: Vec::new(), gaps: Vec::new(), end: None };
    while let Some(line) = lines.next()? {
        summary.series.extend(line.series.into_iter().flatten());
        summary.gaps.extend(line.gap);
        summary.end = line.end.or(summary.end);
        if summary.series.len() > MAX_SERIES {
            return Err(ReadError::TooLarge(lines.number));
        }
        if let Some(window) = line.window {
            if window.ns == 0 {
                return Err(ReadError::NoLength(lines.number));
            }
            check(&window, summary.series.len()).ok_or(ReadError::UnknownSeries(lines.number))?;
            take(window);
        }
    }
    Ok(summary)
}

/// Returns whether the data is not gzip at all.
fn is_format(error: &ReadError) -> bool {
    let is_invalid =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
    matches!(error, ReadError::Read(error) if is_invalid(error))
}

/// Returns `None` if the window mentions a series that is not known.
fn check(window: &RecordedWindow, known: usize) -> Option<()> {
    let mentioned = window.amounts.iter().map(|amount| amount.series).chain(window.unknown.iter().copied());
    mentioned.max().is_none_or(|last| last < known).then_some(())
}

/// The lines of a recording.
struct Lines<R: Read> {
    input: BufReader<GzDecoder<R>>,
    number: usize,
}

impl<R: Read> Lines<R> {
    /// Returns the next complete line. Returns `None` at the end, and where the recorder was killed.
    fn next(&mut self) -> Result<Option<Line>, ReadError> {
        let mut text = Vec::new();
        self.number += 1;
        loop {
            let piece = match self.input.fill_buf() {
                Ok([]) => return Ok(None),
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let end = piece.iter().position(|byte| *byte == b'\n');
            text.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            let length = end.map_or(piece.len(), |end| end + 1);
            self.input.consume(length);
            if text.len() > MAX_LINE_BYTES {
                return Err(ReadError::TooLarge(self.number));
            }
            if end.is_some() {
                let line = serde_json::from_slice(&text);
                return line.map(Some).map_err(|source| ReadError::Line { line: self.number, source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        recording::{Agent, EndReason, Window, Writer, totals::tests::throughput},
        series::Amount,
    };

    fn header() -> Header {
        let (netmon, agent) = ("0.1.0".to_owned(), Agent::default());
        Header {
            format: FORMAT,
            netmon,
            began_at_unix_ms: 1,
            interval_ms: 1000,
            agent,
            lab: None,
            machine: None,
        }
    }

    fn window(second: u64) -> Window {
        let amounts = vec![(throughput("a"), Amount::Bytes(second)), (throughput("b"), Amount::Bytes(1))];
        Window { ended_at_unix_ms: 1000 * second, ns: 1_000_000_000, amounts, unknown: Vec::new() }
    }

    /// A recording of this many windows, with or without its end.
    fn recording(windows: u64, is_complete: bool) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, &header()).unwrap();
        for second in 1..=windows {
            writer.window(window(second)).unwrap();
        }
        if is_complete {
            writer.finish(End { at_unix_ms: 9, windows, reason: EndReason::Complete }).unwrap();
        } else {
            // A killed process runs no destructor.
            std::mem::forget(writer);
        }
        file
    }

    fn windows(file: &[u8]) -> Result<(Summary, Vec<u64>), ReadError> {
        let mut seconds = Vec::new();
        let summary = read(file, |window| seconds.push(window.ended_at_unix_ms / 1000))?;
        Ok((summary, seconds))
    }

    #[test]
    fn a_complete_recording_reads_back_and_has_an_end() {
        let (summary, seconds) = windows(&recording(3, true)).unwrap();
        assert_eq!(seconds, [1, 2, 3]);
        assert_eq!(summary.series, ["a", "b"].map(throughput), "each series is written once");
        assert_eq!(summary.end.unwrap().windows, 3);
    }

    #[test]
    fn a_killed_recorder_leaves_every_window_that_it_wrote() {
        let (summary, seconds) = windows(&recording(3, false)).unwrap();
        assert_eq!((seconds, summary.end), (vec![1, 2, 3], None));
    }

    proptest! {
        #[test]
        fn a_recording_may_be_cut_anywhere_behind_its_first_line(cut in 0_usize..1000) {
            let file = recording(20, true);
            let first = recording(0, false).len();
            let cut = first + cut % (file.len() - first);
            let (summary, seconds) = windows(&file[..cut]).unwrap();
            prop_assert_eq!(summary.header, header());
            prop_assert_eq!(&seconds, &(1..=seconds.len() as u64).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = windows(&bytes);
        }

        #[test]
        fn a_damaged_byte_never_panics(at in 0_usize..4000, byte in any::<u8>()) {
            let mut file = recording(20, true);
            let at = at % file.len();
            file[at] = byte;
            let _ = windows(&file);
        }
    }

    fn compressed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn other_files_are_no_recordings() {
        for file in [b"plain text".to_vec(), Vec::new(), compressed("{}\n"), compressed("text\n")] {
            let error = windows(&file).unwrap_err();
            assert!(matches!(error, ReadError::NotARecording), "{error:?}");
        }
    }

    #[test]
    fn a_later_format_is_refused_and_a_line_of_a_later_kind_is_skipped() {
        let mut later = header();
        later.format = FORMAT + 1;
        let mut file = Vec::new();
        std::mem::forget(Writer::new(&mut file, &later).unwrap());
        assert!(matches!(windows(&file), Err(ReadError::TooNew(format)) if format == FORMAT + 1));

        let header = serde_json::to_string(&Line { recording: Some(header()), ..Line::default() }).unwrap();
        let (summary, seconds) = windows(&compressed(&format!("{header}\n{{\"weather\":1}}\n"))).unwrap();
        assert!(summary.series.is_empty() && seconds.is_empty());
        let unknown = format!(
            "{header}\n{{\"window\":{{\"t\":1,\"ns\":1,\"amounts\":[{{\"series\":0,\"bytes\":1}}]}}}}\n"
        );
        assert!(matches!(windows(&compressed(&unknown)), Err(ReadError::UnknownSeries(2))));
        let empty = format!("{header}\n{{\"window\":{{\"t\":1,\"ns\":0,\"amounts\":[]}}}}\n");
        assert!(matches!(windows(&compressed(&empty)), Err(ReadError::NoLength(2))));
    }
}
