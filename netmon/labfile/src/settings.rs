//! The configuration file of netmon itself, `/etc/netmon/netmon.toml`: read like a lab file, with all errors at once.
//!
//! What a value means is not known here. The caller gives the types of filters and of kinds, and their errors are
//! reported at their place.

use std::{
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use netmon_model::{survey::DiscoverMode, text::quoted};
use thiserror::Error;

use super::{
    diagnostic::Diagnostic,
    file::lines,
    parse::parse_with,
    report::Report,
    schema,
    section::{Section, Text},
};

/// The file that is read if no other is given, and need not exist.
pub const DEFAULT_FILE: &str = "/etc/netmon/netmon.toml";
/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: usize = 1 << 20;

/// The settings. `F` is the type of filters, `K` that of kinds of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings<F, K> {
    /// The section `[discover]`.
    pub discover: DiscoverSettings<F, K>,
}

/// The section `[discover]`. Everything in it may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverSettings<F, K> {
    /// A link is taken only if one of these matches one of its ends.
    pub include: Vec<F>,
    /// A link is not taken if one of these matches one of its ends.
    pub exclude: Vec<F>,
    /// Kinds of interfaces that are taken, too.
    pub include_kind: Vec<K>,
    /// The maximum number of endpoints.
    pub limit: Option<u32>,
    /// How links are measured.
    pub mode: Option<DiscoverMode>,
}

impl<F, K> Default for DiscoverSettings<F, K> {
    fn default() -> Self {
        Self { include: Vec::new(), exclude: Vec::new(), include_kind: Vec::new(), limit: None, mode: None }
    }
}

impl<F, K> Default for Settings<F, K> {
    fn default() -> Self {
        Self { discover: DiscoverSettings::default() }
    }
}

/// Why a configuration file cannot be loaded. Displays as one message that may have many lines.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("cannot read the configuration file {}: {reason}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The error of the system call.
        reason: io::Error,
    },
    /// The file has errors.
    #[error("the configuration file is invalid; nothing was changed:\n{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
}

/// Loads `file`; without one, [`DEFAULT_FILE`] if that exists.
///
/// # Errors
///
/// Fails if the file cannot be read, or with every error in it.
pub fn load<F: Word, K: Word>(file: Option<&Path>) -> Result<Settings<F, K>, SettingsError> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let unreadable = |reason| SettingsError::Read { path: path.to_owned(), reason };
    let bytes = match fs::read(path) {
        Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(Settings::default());
        }
        read => read.map_err(unreadable)?,
    };
    if bytes.len() > MAX_FILE_BYTES {
        return Err(unreadable(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    parse(&text, &path.display().to_string()).map_err(SettingsError::Invalid)
}

/// A word of the file that is checked where it stands.
pub trait Word: FromStr<Err: Display> {}

impl<T: FromStr<Err: Display>> Word for T {}

/// Reads settings from TOML text. `source` names its origin in errors.
///
/// # Errors
///
/// Returns every error of the text, in its order.
///
/// # Examples
///
/// ```
/// use netmon_labfile::settings::parse;
///
/// let settings = parse::<String, String>("[discover]\ninclude = [\"shop.*\"]\n", "netmon.toml").expect("settings");
/// assert_eq!(settings.discover.include, ["shop.*"]);
///
/// let errors = parse::<String, String>("[discover]\nlimits = 7\n", "netmon.toml").unwrap_err();
/// assert_eq!(errors[0].message, "unknown key \"limits\" in [discover]");
/// ```
pub fn parse<F: Word, K: Word>(text: &str, source: &str) -> Result<Settings<F, K>, Vec<Diagnostic>> {
    parse_with(text, source, |root, report| {
        let file = Section::open(&schema::SETTINGS, root, 0..0, report);
        let discover = file.table("discover", &schema::DISCOVER, report);
        let discover = discover.map(|section| discover_section(&section, report)).unwrap_or_default();
        Some(Settings { discover })
    })
}

fn discover_section<F: Word, K: Word>(
    section: &Section<'_, '_>,
    report: &mut Report<'_>,
) -> DiscoverSettings<F, K> {
    DiscoverSettings {
        include: words(section, "include", report),
        exclude: words(section, "exclude", report),
        include_kind: words(section, "include_kind", report),
        limit: limit(section, report),
        mode: section.string("mode", report).and_then(|text| mode(&text, report)),
    }
}

fn words<T: Word>(section: &Section<'_, '_>, key: &str, report: &mut Report<'_>) -> Vec<T> {
    let words = section.strings(key, report).unwrap_or_default();
    words.iter().filter_map(|word| parsed(word, key, report)).collect()
}

fn parsed<T: Word>(word: &Text<'_>, key: &str, report: &mut Report<'_>) -> Option<T> {
    let refuse = |error: T::Err| {
        let message = format!("{} is not valid in `{key}`", quoted(word.get_ref()));
        report.error(word.span(), message, error.to_string());
    };
    word.get_ref().parse().map_err(refuse).ok()
}

fn limit(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<u32> {
    let written = section.integer("limit", report)?;
    let limit = u32::try_from(*written.get_ref()).ok().filter(|limit| *limit > 0);
    if limit.is_none() {
        report.error(written.span(), "the limit is out of range", "write a number from 1 on, such as 1024");
    }
    limit
}

fn mode(word: &Text<'_>, report: &mut Report<'_>) -> Option<DiscoverMode> {
    let mode = DiscoverMode::ALL.into_iter().find(|mode| mode.as_str() == *word.get_ref());
    if mode.is_none() {
        let known: Vec<&str> = DiscoverMode::ALL.iter().map(|mode| mode.as_str()).collect();
        let message = format!("there is no mode {}", quoted(word.get_ref()));
        report.error(word.span(), message, format!("the modes are {}", known.join(", ")));
    }
    mode
}

#[cfg(test)]
mod tests {
    use netmon_model::names::NsName;

    use super::*;

    /// Words that have to be names of namespaces.
    fn read(text: &str) -> Result<Settings<NsName, String>, Vec<Diagnostic>> {
        parse(text, "netmon.toml")
    }

    #[test]
    fn every_key_is_read() {
        let text = "[discover]\ninclude = [\"a\", \"b\"]\nexclude = [\"c\"]\ninclude_kind = [\"bridge\"]\nlimit = 64\n\
                    mode = \"count\"\n";
        let discover = read(text).unwrap().discover;
        assert_eq!(discover.include.iter().map(NsName::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(discover.exclude[0].as_str(), "c");
        assert_eq!(discover.include_kind, ["bridge"]);
        assert_eq!((discover.limit, discover.mode), (Some(64), Some(DiscoverMode::Count)));
    }

    #[test]
    fn an_empty_file_has_the_defaults() {
        assert_eq!(read("# nothing\n").unwrap(), Settings::default());
        assert_eq!(read("[discover]\n").unwrap(), Settings::default());
    }

    #[test]
    fn all_errors_are_reported_at_their_place() {
        let text =
            "[discover]\ninclude = [\"good\", \"not/good\"]\nlimit = 0\nmode = \"fast\"\n[discovery]\n";
        let errors = read(text).unwrap_err();
        let said: Vec<_> = errors.iter().map(|error| (error.line, error.column, &*error.message)).collect();
        let expected = [
            (2, 20, "\"not/good\" is not valid in `include`"),
            (3, 9, "the limit is out of range"),
            (4, 8, "there is no mode \"fast\""),
            (5, 2, "unknown key \"discovery\" in the configuration file"),
        ];
        assert_eq!(said, expected);
        assert_eq!(errors[2].help, "the modes are tracing, count");
    }

    #[test]
    fn text_that_is_no_toml_is_shown_with_its_line() {
        let errors = read("[discover]\nlimit == 3\n").unwrap_err();
        assert_eq!(errors[0].line, 2);
        assert!(errors[0].to_string().contains("2 | limit == 3"), "{}", errors[0]);
    }

    #[test]
    fn only_the_default_file_may_be_absent() {
        let error = load::<String, String>(Some(Path::new("/nonexistent/netmon.toml"))).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("cannot read the configuration file /nonexistent/netmon.toml: "), "{said}");
    }
}
