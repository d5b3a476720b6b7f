//! Lab files on disk, and the lab that is built in.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    Lab,
    diagnostic::{Diagnostic, Report},
};

/// The largest lab file that is read, in bytes: 16,000 namespaces with a link each take less.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// What [`Lab::source`] says of the built-in lab.
pub const BUILT_IN: &str = "built-in";

const DIRECT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../labs/direct.toml"));

/// Why there is no lab. Displays as one message that may have many lines.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read lab file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
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
/// See [`Lab::load`].
pub fn open(file: Option<&Path>) -> Result<Lab, LoadError> {
    file.map_or_else(|| Ok(Lab::built_in()), Lab::load)
}

impl Lab {
    /// The classic first exercise, `labs/direct.toml`: a namespace, a veth pair and a web server.
    #[must_use]
    pub fn built_in() -> Self {
        match Self::parse(DIRECT, BUILT_IN, "direct") {
            Ok(lab) => lab,
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
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let source = path.display().to_string();
        let text = checked_text(&bytes, &source).map_err(LoadError::Invalid)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut lab = Self::parse(text, &source, &stem).map_err(LoadError::Invalid)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        lab.directory = absolute.parent().map(Path::to_owned);
        Ok(lab)
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
