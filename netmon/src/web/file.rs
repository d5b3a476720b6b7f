//! What a web configuration file says, as plain data. No file is read but the text that is given.
//!
//! The keys are those of Prometheus' exporter-toolkit. What netmon does not do is refused and not ignored: a file that asks for
//! protection must not be taken for one that gives it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use axum::http::{HeaderName, HeaderValue};
use yaml_rust2::YamlLoader;

use super::{key::Problem, table::Table};

const TOP: [&str; 3] = ["tls_server_config", "http_server_config", "basic_auth_users"];
const TLS: [&str; 14] = [
    "cert_file",
    "cert",
    "key_file",
    "key",
    "client_auth_type",
    "client_ca_file",
    "client_ca",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
    "insecure_skip_verify",
];
const HTTP: [&str; 2] = ["http2", "headers"];
/// The headers that the file may set, as exporters allow them.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// `None` serves without encryption.
    pub(super) tls: Option<TlsSettings>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The bcrypt hash of each user's password.
    pub(super) users: BTreeMap<String, String>,
}

/// `tls_server_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    pub(super) certificates: Pem,
    pub(super) key: Pem,
    pub(super) client_auth: ClientAuth,
    /// Whose certificates are accepted of clients.
    pub(super) client_ca: Option<Pem>,
    pub(super) versions: Versions,
    /// Names of cipher suites of TLS 1.2. Empty for all that are safe.
    pub(super) cipher_suites: Vec<String>,
    pub(super) prefers_own_suites: bool,
    /// Names of key exchange groups, in their order. Empty for the usual ones.
    pub(super) curves: Vec<String>,
}

/// A text in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pem {
    /// In a file, relative to the configuration file's directory.
    File(PathBuf),
    /// In the configuration file itself.
    Inline(String),
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClientAuth {
    #[default]
    No,
    IfGiven,
    Required,
}

/// The versions of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    Only12,
    Only13,
    Both,
}

impl TlsSettings {
    /// Returns the files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.certificates), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().filter_map(
            |pem| match pem {
                Pem::File(path) => Some(path.as_path()),
                Pem::Inline(_) => None,
            },
        )
    }
}

impl Settings {
    /// Parses a file's text.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let documents = YamlLoader::load_from_str(text)
            .map_err(|error| Problem::new("", format!("is no YAML: {error}")))?;
        let document = match documents.as_slice() {
            [] => return Ok(Self::default()),
            [document] => document,
            _ => return Err(Problem::new("", "has several documents")),
        };
        let top = Table::of("", document, &TOP)?;
        let tls = top.table("tls_server_config", &TLS)?;
        let tls = top.has("tls_server_config").then(|| tls_settings(&tls)).transpose()?;
        let http = top.table("http_server_config", &HTTP)?;
        if http.boolean("http2")? == Some(true) {
            log::info!("http_server_config.http2: netmon speaks HTTP/1.1 only");
        }
        let headers = headers(&http.table("headers", &HEADERS)?)?;
        let users = top.table("basic_auth_users", &[])?.all_texts()?;
        let users = users.into_iter().map(|(name, hash)| (name.to_owned(), hash.to_owned())).collect();
        Ok(Self { tls, headers, users })
    }
}

fn tls_settings(table: &Table<'_>) -> Result<TlsSettings, Problem> {
    if !table.texts("client_allowed_sans")?.is_empty() {
        return Err(table.problem("client_allowed_sans", "is not supported by netmon"));
    }
    let missing = |key: &str| table.problem(key, "is missing");
    let client_ca = pem(table, "client_ca_file", "client_ca")?;
    let client_auth = client_auth(table, client_ca.is_some())?;
    Ok(TlsSettings {
        certificates: pem(table, "cert_file", "cert")?.ok_or_else(|| missing("cert_file"))?,
        key: pem(table, "key_file", "key")?.ok_or_else(|| missing("key_file"))?,
        client_auth,
        client_ca,
        versions: versions(table)?,
        cipher_suites: table.texts("cipher_suites")?.into_iter().map(str::to_owned).collect(),
        prefers_own_suites: table.boolean("prefer_server_cipher_suites")?.unwrap_or(true),
        curves: table.texts("curve_preferences")?.into_iter().map(str::to_owned).collect(),
    })
}

fn pem(table: &Table<'_>, file: &str, inline: &str) -> Result<Option<Pem>, Problem> {
    match (table.text(file)?, table.text(inline)?) {
        (Some(_), Some(_)) => {
            Err(table.problem(file, format!("only one of {file} and {inline} may be given")))
        }
        (Some(path), None) => Ok(Some(Pem::File(path.into()))),
        (None, Some(text)) => Ok(Some(Pem::Inline(text.to_owned()))),
        (None, None) => Ok(None),
    }
}

fn client_auth(table: &Table<'_>, has_ca: bool) -> Result<ClientAuth, Problem> {
    const KEY: &str = "client_auth_type";
    let auth = match table.text(KEY)? {
        None | Some("NoClientCert") => ClientAuth::No,
        Some("VerifyClientCertIfGiven") => ClientAuth::IfGiven,
        Some("RequireAndVerifyClientCert") => ClientAuth::Required,
        Some(other @ ("RequestClientCert" | "RequireAnyClientCert")) => {
            let text =
                format!("{other} verifies nothing, and is not supported; write RequireAndVerifyClientCert");
            return Err(table.problem(KEY, text));
        }
        Some(other) => {
            let text = format!(
                "{other:?} is none of NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            );
            return Err(table.problem(KEY, text));
        }
    };
    match (auth, has_ca) {
        (ClientAuth::No, true) => {
            Err(table.problem(KEY, "a client_ca_file needs RequireAndVerifyClientCert here"))
        }
        (ClientAuth::IfGiven | ClientAuth::Required, false) => {
            Err(table.problem("client_ca_file", "is missing, and client_auth_type needs it"))
        }
        _ => Ok(auth),
    }
}

fn versions(table: &Table<'_>) -> Result<Versions, Problem> {
    let version = |key: &str| match table.text(key)? {
        None => Ok(None),
        Some("TLS12") => Ok(Some(12)),
        Some("TLS13") => Ok(Some(13)),
        Some(other) => Err(table.problem(key, format!("{other} is not supported; write TLS12 or TLS13"))),
    };
    match (version("min_version")?.unwrap_or(12), version("max_version")?.unwrap_or(13)) {
        (12, 12) => Ok(Versions::Only12),
        (13, 13) => Ok(Versions::Only13),
        (12, 13) => Ok(Versions::Both),
        _ => Err(table.problem("min_version", "is above max_version")),
    }
}

fn headers(table: &Table<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
    let header = |(name, value): (&str, &str)| {
        let problem = |text: String| table.problem(name, text);
        let is_allowed = match name {
            "X-Content-Type-Options" => value == "nosniff",
            "X-Frame-Options" => ["deny", "sameorigin"].contains(&value.to_ascii_lowercase().as_str()),
            _ => true,
        };
        let parsed = name.parse().ok().zip(value.parse().ok()).filter(|_| is_allowed);
        parsed.ok_or_else(|| problem(format!("{value:?} is not allowed")))
    };
    table.all_texts()?.into_iter().filter(|(_, value)| !value.is_empty()).map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Settings::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_the_exporters_is_understood() {
        let text = "
tls_server_config:
  cert_file: server.crt
  key_file: /etc/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
  cipher_suites:
  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: ''
basic_auth_users:
  alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze
";
        let settings = Settings::parse(text).unwrap();
        let tls = settings.tls.unwrap();
        let files: Vec<_> = tls.files().map(|file| file.to_str().unwrap().to_owned()).collect();
        assert_eq!(files, ["server.crt", "/etc/server.key", "ca.crt"]);
        assert_eq!((tls.client_auth, tls.versions), (ClientAuth::Required, Versions::Only13));
        assert_eq!((tls.curves.len(), tls.cipher_suites.len(), tls.prefers_own_suites), (2, 1, false));
        assert_eq!(settings.headers.len(), 1, "an empty value sets no header");
        assert!(settings.users["alice"].starts_with("$2y$10$"));
    }

    #[test]
    fn an_empty_file_asks_for_nothing() {
        for text in ["", "# nothing\n", "basic_auth_users:\n", "{}"] {
            assert_eq!(Settings::parse(text), Ok(Settings::default()), "{text:?}");
        }
    }

    #[test]
    fn a_certificate_may_be_in_the_file_itself() {
        let text = "tls_server_config: { cert: 'PEM', key: 'PEM' }";
        let tls = Settings::parse(text).unwrap().tls.unwrap();
        assert_eq!((tls.certificates, tls.versions), (Pem::Inline("PEM".to_owned()), Versions::Both));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let tls = |more: &str| format!("tls_server_config: {{ cert_file: a, key_file: b, {more} }}");
        for (text, expected) in [
            ("tls_server_confg: 1", "tls_server_confg: unknown key; did you mean tls_server_config?"),
            ("tls_server_config:\n", "tls_server_config.cert_file: is missing"),
            ("tls_server_config: { cert_file: a }", "tls_server_config.key_file: is missing"),
            ("tls_server_config: 7", "tls_server_config: is no mapping of keys and values"),
            (&tls("cert: c"), "tls_server_config.cert_file: only one of cert_file and cert may be given"),
            (
                &tls("min_version: TLS10"),
                "tls_server_config.min_version: TLS10 is not supported; write TLS12 or TLS13",
            ),
            (
                &tls("min_version: TLS13, max_version: TLS12"),
                "tls_server_config.min_version: is above max_version",
            ),
            (
                &tls("client_ca_file: c"),
                "tls_server_config.client_auth_type: a client_ca_file needs RequireAndVerifyClientCert here",
            ),
            (
                &tls("client_auth_type: VerifyClientCertIfGiven"),
                "tls_server_config.client_ca_file: is missing, and client_auth_type needs it",
            ),
            (
                &tls("client_auth_type: RequestClientCert"),
                "tls_server_config.client_auth_type: RequestClientCert verifies nothing, and is not supported; write RequireAndVerifyClientCert",
            ),
            (
                &tls("client_allowed_sans: [a]"),
                "tls_server_config.client_allowed_sans: is not supported by netmon",
            ),
            (
                "http_server_config: { headers: { Server: x } }",
                "http_server_config.headers.Server: unknown key",
            ),
            (
                "http_server_config: { headers: { X-Content-Type-Options: sniff } }",
                "http_server_config.headers.X-Content-Type-Options: \"sniff\" is not allowed",
            ),
            ("basic_auth_users: { a: 7 }", "basic_auth_users.a: is not a text"),
            ("--- {}\n--- {}", "has several documents"),
        ] {
            assert_eq!(problem(text), expected, "{text}");
        }
        assert!(problem("a: [").starts_with("is no YAML: "));
    }
}
