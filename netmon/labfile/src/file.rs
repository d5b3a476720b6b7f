//! Reads lab files from disk, and the built-in lab.

use std::{
    io,
    path::{Path, PathBuf},
};

use netmon_model::lab::{Lab, Source};
use thiserror::Error;

use super::{
    bytes,
    diagnostic::Diagnostic,
    parse::parse,
    report::{MAX_ERRORS, Report},
};

/// The largest lab file that is read, in bytes. 16,000 namespaces with a link each need less.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Some editors write it at the beginning of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The path that means standard input, as for many programs.
const STANDARD_INPUT: &str = "-";

const DIRECT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/direct.toml"));

/// Why a lab file cannot be loaded. Displays as one message that may have many lines.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read lab file {}: {reason}\n    help: {}", path.display(), help(reason))]
    Read {
        /// Which file.
        path: PathBuf,
        /// The error of the system call.
        reason: io::Error,
    },
    /// The file is not a valid lab.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
}

impl LoadError {
    /// The errors of the file. Empty if it could not be read.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Read { .. } => &[],
            Self::Invalid(diagnostics) => diagnostics,
        }
    }
}

/// Loads the lab in `file`, or the built-in lab if there is no file.
///
/// # Errors
///
/// Fails as [`load`] does. The built-in lab never fails.
pub fn open(file: Option<&Path>) -> Result<Lab, LoadError> {
    file.map_or_else(|| Ok(built_in()), load)
}

/// Returns the classic first exercise, `labs/direct.toml`: a namespace, a veth pair and a web server.
#[must_use]
pub fn built_in() -> Lab {
    match parse(DIRECT, "direct.toml", "direct") {
        Ok(lab) => Lab { source: Source::BuiltIn, ..lab },
        // It is part of this program, and a test reads it.
        Err(diagnostics) => unreachable!("the built-in lab is invalid: {}", lines(&diagnostics)),
    }
}

/// Reads the lab file at `path`; `-` is standard input. The lab's default name is the file's stem, so a lab from standard
/// input needs a `name`.
///
/// # Errors
///
/// Returns [`LoadError::Read`] if the file cannot be read, and [`LoadError::Invalid`] with all of its errors if it is not a
/// valid lab.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use netmon_labfile::{LoadError, load};
///
/// let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/star.toml");
/// let lab = load(&path)?;
/// assert_eq!(lab.name.as_str(), "star");
///
/// let error = load(Path::new("/nonexistent/lab.toml")).unwrap_err();
/// assert!(matches!(error, LoadError::Read { .. }));
/// # Ok::<(), LoadError>(())
/// ```
pub fn load(path: &Path) -> Result<Lab, LoadError> {
    let unreadable = |reason| LoadError::Read { path: path.to_owned(), reason };
    let from = if path == Path::new(STANDARD_INPUT) { Path::new("/dev/stdin") } else { path };
    let bytes = bytes::read(from, MAX_FILE_BYTES + 1).map_err(unreadable)?;
    let source = path.display().to_string();
    let text = checked_text(&bytes, &source).map_err(LoadError::Invalid)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut lab = parse(text, &source, &stem).map_err(LoadError::Invalid)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    lab.source = Source::File(path.to_owned());
    lab.directory = absolute.parent().map(Path::to_owned);
    Ok(lab)
}

/// What to do about a file that cannot be read.
fn help(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::NotFound => "check the path; `netmon generate` prints a lab file to start from",
        io::ErrorKind::IsADirectory => "this is a directory: give the lab file in it",
        io::ErrorKind::PermissionDenied => "`ls -l` shows who may read it",
        io::ErrorKind::TimedOut => "start the program that writes to it first, or give a regular file",
        _ => "give the path of a regular file",
    }
}

/// Returns the bytes of a file as text, unless they are something else or too many.
fn checked_text<'b>(bytes: &'b [u8], source: &str) -> Result<&'b str, Vec<Diagnostic>> {
    let refuse = |text: &str, at: usize, message: String, help: &str| {
        let mut report = Report::new(text);
        report.error(at..at + 1, message, help);
        Err(report.into_diagnostics(source))
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        let help = "a lab of 16,000 namespaces fits easily; is this the right file?";
        return refuse("", 0, format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20), help);
    }
    if bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii().is_empty() {
        // Some editors empty a file before they write it. That must not remove a watched lab.
        let help = "write a lab, or start from one that `netmon generate` prints";
        return refuse("", 0, "the file is empty".to_owned(), help);
    }
    std::str::from_utf8(bytes).or_else(|error| {
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let message = format!("the file is not UTF-8 text: byte 0x{byte:02x} does not begin a character");
        refuse(&String::from_utf8_lossy(bytes), at, message, "save the file as UTF-8")
    })
}

/// At most this many errors are shown; the rest are only counted.
const SHOWN: usize = 1000;

/// Returns the lines of all errors of a file.
pub(super) fn lines(diagnostics: &[Diagnostic]) -> String {
    let mut lines: Vec<_> = diagnostics.iter().take(SHOWN).map(Diagnostic::to_string).collect();
    match diagnostics.len() {
        ..=SHOWN => {}
        MAX_ERRORS.. => lines.push(format!("... and at least {} more errors", MAX_ERRORS - SHOWN)),
        count => lines.push(format!("... and {} more errors", count - SHOWN)),
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use netmon_model::lab::ServiceKind;
    use rustix::time::{ClockId, clock_gettime};
    use tempfile::TempDir;

    use super::*;

    /// A file in a directory of its own.
    struct TempFile {
        path: PathBuf,
        _directory: TempDir,
    }

    impl TempFile {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            fs::write(&path, bytes).unwrap();
            Self { path, _directory: directory }
        }

        fn error(&self) -> String {
            load(&self.path).unwrap_err().to_string().replace(&self.path.display().to_string(), "FILE")
        }
    }

    #[test]
    fn the_built_in_lab_is_the_classic_first_exercise() {
        let lab = open(None).unwrap();
        assert_eq!((lab.name.as_str(), &lab.source, &lab.directory), ("direct", &Source::BuiltIn, &None));
        let link = &lab.links[0];
        assert_eq!(link.name.as_str(), "root:veth0--direct_netns:veth1");
        assert_eq!(link.a.addresses[0].to_string(), "10.200.0.2/24");
        assert_eq!(link.b.addresses[0].to_string(), "10.200.0.3/24");
        assert_eq!(lab.namespaces[0].nameservers, Some(Vec::new()));
        assert_eq!(lab.services[0].kind, ServiceKind::Http("10.200.0.3:80".parse().unwrap()));
    }

    #[test]
    fn every_example_lab_loads() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
        let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        let labs: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
        assert!(labs.len() >= 2, "{labs:?}");
        for path in labs {
            let lab = open(Some(&path)).unwrap_or_else(|error| panic!("{error}"));
            assert!(!lab.links.is_empty(), "{}", path.display());
            assert_eq!(lab.name.as_str(), path.file_stem().unwrap());
        }
    }

    #[test]
    fn the_stem_of_the_file_is_the_default_name_and_its_directory_is_absolute() {
        let file = TempFile::new("two.words.toml", b"# nothing\n");
        let lab = load(&file.path).unwrap();
        assert_eq!(lab.name.as_str(), "two.words");
        assert_eq!(lab.directory.as_deref(), file.path.parent());
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused_with_the_place() {
        let file = TempFile::new("latin1.toml", b"name = \"x\"\n# caf\xe9 \xe0 Paris\n");
        let expected = "\
FILE:2:6: error: the file is not UTF-8 text: byte 0xe9 does not begin a character
  |
2 | # caf\u{fffd} \u{fffd} Paris
  |      ^
    help: save the file as UTF-8";
        assert_eq!(file.error(), expected);
    }

    #[test]
    fn an_empty_file_is_refused() {
        for text in [&b""[..], b"\n \r\n", BYTE_ORDER_MARK] {
            let file = TempFile::new("empty.toml", text);
            assert!(file.error().starts_with("FILE:1:1: error: the file is empty\n    help: "));
        }
    }

    #[test]
    fn a_huge_file_is_refused_before_it_is_parsed() {
        let file = TempFile::new("huge.toml", &vec![b'#'; 4 * 1024 * 1024 + 1]);
        assert!(
            file.error().starts_with("FILE:1:1: error: the file is larger than 4 MiB"),
            "{}",
            file.error()
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Path::new("/nonexistent/lab.toml")).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("cannot read lab file /nonexistent/lab.toml: No such file"), "{said}");
        assert!(said.contains("\n    help: check the path"), "{said}");
        assert!(error.diagnostics().is_empty());
    }

    #[test]
    fn beyond_a_thousand_errors_are_only_counted() {
        let text = "[[namespace]]\n".repeat(SHOWN + 7);
        let error = LoadError::Invalid(parse(&text, "f", "f").unwrap_err());
        assert!(error.to_string().ends_with("... and 7 more errors"));
        assert_eq!(error.diagnostics().len(), SHOWN + 7);
    }

    #[test]
    fn the_time_to_read_a_lab_grows_linearly() {
        let lab = |namespaces: usize| {
            let one = |n: usize| {
                let net = format!("10.{}.{}", n >> 8, n & 255);
                format!(
                    "[[namespace]]\nname = \"ns{n}\"\nroutes = [{{ to = \"default\", via = \"{net}.1\" }}]\n\
                     [[link]]\na = {{ namespace = \"root\", interface = \"v{n}\", addresses = [\"{net}.1/24\"] }}\n\
                     b = {{ namespace = \"ns{n}\", interface = \"v\", addresses = [\"{net}.2/24\"] }}\n"
                )
            };
            (0..namespaces).map(one).collect::<String>()
        };
        // Of this thread alone, whatever else the machine does.
        let seconds = |text: &str, is_right: bool| {
            let measured = (0..3).map(|_| {
                let started = thread_seconds();
                assert_eq!(parse(text, "f", "f").is_ok(), is_right);
                thread_seconds() - started
            });
            measured.fold(f64::INFINITY, f64::min)
        };
        let (small, large) = (lab(250), lab(4_000));
        // 16 times the size. Were anything quadratic, it would take 256 times as long.
        assert!(seconds(&large, true) < 80.0 * seconds(&small, true));
        let wrong = |text: &str| text.replace("namespace = \"ns", "namespace = \"other");
        assert!(seconds(&wrong(&large), false) < 80.0 * seconds(&wrong(&small), false));
    }

    fn thread_seconds() -> f64 {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap()).as_secs_f64()
    }
}
