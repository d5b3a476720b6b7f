//! Lab files on disk, and the lab that is built in.

use std::{
    io,
    path::{Path, PathBuf},
};

use netmon_model::lab::{Lab, Source};
use thiserror::Error;

use super::{
    bytes,
    diagnostic::{Diagnostic, Report},
    parse::parse,
};

/// The largest lab file that is read, in bytes: 16,000 namespaces with a link each take less.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// What some editors begin UTF-8 text with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const DIRECT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/direct.toml"));

/// Why there is no lab. Displays as one message that may have many lines.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read lab file {}: {reason}\n    help: {}", path.display(), help(reason))]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file was read, and is not a lab.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
}

impl LoadError {
    /// What is wrong in the file; empty if it could not be read.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Read { .. } => &[],
            Self::Invalid(diagnostics) => diagnostics,
        }
    }
}

/// The lab in `file`, or the built-in one.
///
/// # Errors
///
/// See [`load`].
pub fn open(file: Option<&Path>) -> Result<Lab, LoadError> {
    file.map_or_else(|| Ok(built_in()), load)
}

/// The classic first exercise, `labs/direct.toml`: a namespace, a veth pair and a web server.
#[must_use]
pub fn built_in() -> Lab {
    match parse(DIRECT, "direct.toml", "direct") {
        Ok(lab) => Lab { source: Source::BuiltIn, ..lab },
        // It is part of this program, and a test reads it.
        Err(diagnostics) => unreachable!("the built-in lab is invalid: {}", lines(&diagnostics)),
    }
}

/// Reads the lab file at `path`; the lab's default name is the file's stem.
///
/// # Errors
///
/// [`LoadError::Read`] if the file cannot be read, and [`LoadError::Invalid`] with everything that is
/// wrong in it if it is no lab.
pub fn load(path: &Path) -> Result<Lab, LoadError> {
    let unreadable = |reason| LoadError::Read { path: path.to_owned(), reason };
    let bytes = bytes::read(path, MAX_FILE_BYTES + 1).map_err(unreadable)?;
    let source = path.display().to_string();
    let text = checked_text(&bytes, &source).map_err(LoadError::Invalid)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut lab = parse(text, &source, &stem).map_err(LoadError::Invalid)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    lab.source = Source::File(path.to_owned());
    lab.directory = absolute.parent().map(Path::to_owned);
    Ok(lab)
}

/// What there is to do about a file that cannot be read.
fn help(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::NotFound => "is the path right? `netmon generate` prints a lab file to start from",
        io::ErrorKind::IsADirectory => "this is a folder: give the lab file in it",
        io::ErrorKind::PermissionDenied => "`ls -l` shows who may read it",
        io::ErrorKind::TimedOut => "start whoever writes to it first, or give a plain file",
        _ => "give the path of a plain file",
    }
}

/// The bytes of a file as text, if they are that and not too many.
fn checked_text<'b>(bytes: &'b [u8], source: &str) -> Result<&'b str, Vec<Diagnostic>> {
    let refuse = |text: &str, message: String, help: &str| {
        let mut report = Report::new(text);
        report.error(text.len()..text.len(), message, help);
        Err(report.into_diagnostics(source))
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        let help = "a lab of 16,000 namespaces fits easily; is this the right file?";
        return refuse("", format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20), help);
    }
    if bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii().is_empty() {
        // Some editors empty a file before they write it; a lab that is watched is not to go for that.
        let help = "write a lab, or start from one that `netmon generate` prints";
        return refuse("", "the file is empty".to_owned(), help);
    }
    std::str::from_utf8(bytes).or_else(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let byte = bytes.get(valid.len()).copied().unwrap_or_default();
        let message = format!("the file is not UTF-8 text: byte 0x{byte:02x} begins no character");
        refuse(std::str::from_utf8(valid).unwrap_or(""), message, "save the file as UTF-8")
    })
}

/// As many as anybody reads; the rest is counted.
const SHOWN: usize = 1000;

fn lines(diagnostics: &[Diagnostic]) -> String {
    let mut lines: Vec<_> = diagnostics.iter().take(SHOWN).map(Diagnostic::to_string).collect();
    if diagnostics.len() > SHOWN {
        lines.push(format!("... and {} more errors", diagnostics.len() - SHOWN));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Instant};

    use netmon_model::lab::ServiceKind;
    use tempfile::TempDir;

    use super::*;

    /// A file in a folder of its own, removed at the end.
    struct TempFile(PathBuf, #[expect(dead_code, reason = "removes the file when it is dropped")] TempDir);

    impl TempFile {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            fs::write(&path, bytes).unwrap();
            Self(path, directory)
        }

        fn error(&self) -> String {
            load(&self.0).unwrap_err().to_string().replace(&self.0.display().to_string(), "FILE")
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
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let labs: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
        assert!(labs.len() >= 2, "{labs:?}");
        for path in labs {
            let lab = open(Some(&path)).unwrap_or_else(|error| panic!("{error}"));
            assert!(!lab.links.is_empty(), "{}", path.display());
            assert_eq!(lab.name.as_str(), path.file_stem().unwrap());
        }
    }

    #[test]
    fn a_labs_default_name_is_the_files_stem_and_its_folder_is_absolute() {
        let file = TempFile::new("two.words.toml", b"# nothing\n");
        let lab = load(&file.0).unwrap();
        assert_eq!(lab.name.as_str(), "two.words");
        assert_eq!(lab.directory.as_deref(), file.0.parent());
    }

    #[test]
    fn what_is_no_text_is_refused_with_the_place() {
        let file = TempFile::new("latin1.toml", b"name = \"x\"\n# caf\xe9\n");
        let expected = "FILE:2:6: error: the file is not UTF-8 text: byte 0xe9 begins no character";
        assert_eq!(file.error().lines().next(), Some(expected));
    }

    #[test]
    fn an_empty_file_is_refused_as_one_that_was_not_written_yet() {
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
    fn a_file_that_is_not_there_is_named() {
        let error = load(Path::new("/nonexistent/lab.toml")).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("cannot read lab file /nonexistent/lab.toml: No such file"), "{said}");
        assert!(said.contains("\n    help: is the path right?"), "{said}");
        assert!(error.diagnostics().is_empty());
    }

    #[test]
    fn many_errors_are_shown_to_a_limit_and_counted() {
        let text = "[[namespace]]\n".repeat(SHOWN + 7);
        let error = LoadError::Invalid(parse(&text, "f", "f").unwrap_err());
        assert!(error.to_string().ends_with("... and 7 more errors"));
        assert_eq!(error.diagnostics().len(), SHOWN + 7);
    }

    #[test]
    fn the_time_to_read_a_lab_grows_with_its_size_and_not_with_its_square() {
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
        let seconds = |text: &str, is_right: bool| {
            let started = Instant::now();
            assert_eq!(parse(text, "f", "f").is_ok(), is_right);
            started.elapsed().as_secs_f64()
        };
        let (small, large) = (lab(500), lab(4_000));
        // Eight times the size; were anything quadratic it would take sixty-four times as long.
        assert!(seconds(&large, true) < 24.0 * seconds(&small, true).max(0.01));
        let wrong = |text: &str| text.replace("namespace = \"ns", "namespace = \"other");
        assert!(seconds(&wrong(&large), false) < 24.0 * seconds(&wrong(&small), false).max(0.01));
    }
}
