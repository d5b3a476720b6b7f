//! TLS, passwords and headers for the agent's HTTP interface, by the web configuration file that Prometheus' exporters share.
//!
//! The file and everything that it names are read again when one of them has changed, so that a renewed certificate needs no
//! restart. A change with a fault is reported, and the agent keeps what it had. docs/SECURITY.md is the users' page
//! ([adr/0042](../../../docs/adr/0042-tls-by-the-file-that-exporters-share.md)).

mod file;
mod key;
mod passwords;
mod table;
mod tls;

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use netmon_model::error::chain;
use thiserror::Error;

use self::{
    file::{Settings, TlsSettings},
    key::Problem,
    passwords::Passwords,
    tls::Tls,
};
use crate::http::{Connection, Later, Secure};

/// The web configuration file cannot be used.
#[derive(Debug, Error)]
pub enum WebConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file says what netmon does not understand.
    #[error("{path}: {problem}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the key.
        problem: String,
    },
}

impl WebConfigError {
    fn content(path: &Path, problem: &dyn fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// A web configuration file, and what it led to the last time that it could be used.
#[derive(Debug)]
pub struct WebConfig {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Arc<Loaded>,
    /// The files and what they were when they were last read, whether they could be used or not.
    seen: Vec<(PathBuf, Stamp)>,
}

/// What tells two versions of a file apart: device, inode, size, and both parts of the time of the last change. `None` if there is no file.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// What a file says, ready to use.
#[derive(Debug)]
struct Loaded {
    tls: Option<Tls>,
    passwords: Arc<Passwords>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl WebConfig {
    /// Loads a web configuration file, and the certificates that it names.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, or says what netmon does not understand.
    pub fn load(path: &Path) -> Result<Self, WebConfigError> {
        let (loaded, files) = load(path);
        let state = State { current: Arc::new(loaded?), seen: stamped(files) };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// Returns what is in force, after reading the files again if one has changed.
    fn current(&self) -> Arc<Loaded> {
        let mut state = self.lock();
        if state.seen.iter().any(|(path, seen)| stamp(path) != *seen) {
            let (loaded, files) = load(&self.path);
            state.seen = stamped(files);
            match loaded.and_then(|loaded| self.check_same_kind(&state.current, loaded)) {
                Ok(loaded) => {
                    log::info!("{} was read again", self.path.display());
                    state.current = Arc::new(loaded);
                }
                Err(error) => {
                    log::warn!("what changed is not used, and the agent serves as before: {}", chain(&error));
                }
            }
        }
        Arc::clone(&state.current)
    }

    /// A client that was told that connections are encrypted must not find them in the clear.
    fn check_same_kind(&self, current: &Loaded, loaded: Loaded) -> Result<Loaded, WebConfigError> {
        if current.tls.is_some() == loaded.tls.is_some() {
            return Ok(loaded);
        }
        let problem = "tls_server_config was added or removed, which needs a restart of the agent";
        Err(WebConfigError::content(&self.path, &problem))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads a file. Also returns the files that were read or looked for.
fn load(path: &Path) -> (Result<Loaded, WebConfigError>, Vec<PathBuf>) {
    let mut files = vec![path.to_owned()];
    let loaded = fs::read_to_string(path)
        .map_err(|source| WebConfigError::Read { path: path.to_owned(), source })
        .and_then(|text| Settings::parse(&text).map_err(|problem| WebConfigError::content(path, &problem)))
        .and_then(|settings| ready(path, settings, &mut files));
    (loaded, files)
}

fn ready(path: &Path, settings: Settings, files: &mut Vec<PathBuf>) -> Result<Loaded, WebConfigError> {
    let Settings { tls, headers, users } = settings;
    let folder = path.parent().unwrap_or(Path::new(""));
    files.extend(tls.iter().flat_map(TlsSettings::files).map(|file| folder.join(file)));
    let tls = tls.map(|settings| Tls::new(&settings, path, folder)).transpose()?;
    let passwords =
        Passwords::new(users).map_err(|problem: Problem| WebConfigError::content(path, &problem))?;
    Ok(Loaded { tls, passwords: Arc::new(passwords), headers })
}

fn stamped(files: Vec<PathBuf>) -> Vec<(PathBuf, Stamp)> {
    files.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

fn stamp(path: &Path) -> Stamp {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
}

impl Secure for WebConfig {
    fn is_encrypted(&self) -> bool {
        self.lock().current.tls.is_some()
    }

    fn is_authenticated(&self) -> bool {
        let current = Arc::clone(&self.lock().current);
        !current.passwords.is_empty() || current.tls.as_ref().is_some_and(Tls::asks_for_certificates)
    }

    fn encrypt(&self, connection: Connection) -> Later<'_, io::Result<Connection>> {
        let current = self.current();
        Box::pin(async move {
            match &current.tls {
                Some(tls) => tls.encrypt(connection).await,
                None => Ok(connection),
            }
        })
    }

    fn check<'a>(&'a self, headers: &'a HeaderMap) -> Later<'a, Result<(), Box<Response>>> {
        let passwords = Arc::clone(&self.current().passwords);
        Box::pin(async move { passwords.check(headers).await })
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.lock().current.headers.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `secret`, at the lowest cost.
    const HASH: &str = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_changed_file_is_used_at_once_and_a_broken_one_is_not() {
        let (_folder, path) = written(&format!("basic_auth_users:\n  one: {HASH}\n"));
        let config = WebConfig::load(&path).unwrap();
        assert!(config.is_authenticated() && !config.is_encrypted());
        let header = |value: &str| format!("http_server_config:\n  headers:\n    X-Frame-Options: {value}\n");
        fs::write(&path, header("deny")).unwrap();
        assert!(config.current().passwords.is_empty());
        assert_eq!(config.headers().len(), 1);
        fs::write(&path, "no_such_key: 1").unwrap();
        assert_eq!(config.current().headers.len(), 1, "as before");
        fs::write(&path, header("sameorigin")).unwrap();
        assert_eq!(config.current().headers[0].1, "sameorigin");
    }

    #[test]
    fn a_missing_file_and_a_missing_certificate_are_named() {
        let error = WebConfig::load(Path::new("/no/such.yml")).unwrap_err();
        assert_eq!(chain(&error), "cannot read /no/such.yml: No such file or directory (os error 2)");
        let (folder, path) = written("tls_server_config:\n  cert_file: no.crt\n  key_file: no.key\n");
        let error = WebConfig::load(&path).unwrap_err();
        let missing = folder.path().join("no.crt");
        assert!(
            chain(&error).starts_with(&format!("cannot read {}", missing.display())),
            "{}",
            chain(&error)
        );
    }
}
