//! The server's side of TLS, by rustls with ring.

use std::{
    fmt, fs,
    io::{self, Cursor},
    path::Path,
    sync::Arc,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, join, split};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
        version::{TLS12, TLS13},
    },
};

use super::{
    WebConfigError,
    file::{ClientAuth, Pem, TlsSettings, Versions},
    key::Problem,
};
use crate::http::Connection;

/// The first byte of a connection that speaks TLS (RFC 8446, 5.1: `handshake`).
const HANDSHAKE: u8 = 22;
/// As much of such a client's request is read.
const MOST_UNREAD: u64 = 1 << 20;
/// What a client that speaks HTTP without TLS gets.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 42\r\n\r\n\
    this port speaks TLS: use https:// for it\n";

/// Certificates, keys and rules.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    asks: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("asks", &self.asks).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificates of the configuration file `file`, whose relative paths start in `folder`.
    pub(super) fn new(settings: &TlsSettings, file: &Path, folder: &Path) -> Result<Self, WebConfigError> {
        let wrong = |problem: Problem| WebConfigError::content(file, &problem);
        let chain = certificates(&settings.certificates, folder, "cert_file").map_err(|e| e.in_file(file))?;
        let (text, place) = text(&settings.key, folder, "key_file").map_err(|e| e.in_file(file))?;
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| wrong(problem("key_file", format!("no key in {place}: {error}"))))?;
        let provider = Arc::new(provider(settings).map_err(wrong)?);
        let verifier = verifier(settings, folder, &provider).map_err(|e| e.in_file(file))?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(settings.versions))
            .map_err(|error| wrong(problem("cipher_suites", error.to_string())))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong(problem("cert_file", format!("does not fit key_file: {error}"))))?;
        config.ignore_client_order = settings.prefers_own_suites;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let asks = settings.client_auth == ClientAuth::Required;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), asks })
    }

    /// Returns whether every client needs a certificate.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.asks
    }

    /// Negotiates TLS. A client that begins with something else is told so, in plain HTTP.
    pub(super) async fn encrypt(&self, mut connection: Connection) -> io::Result<Connection> {
        let first = connection.read_u8().await?;
        if first != HANDSHAKE {
            connection.write_all(PLAIN).await?;
            connection.shutdown().await?;
            // With bytes unread, the kernel would reset the connection, and the client would lose the answer.
            tokio::io::copy(&mut connection.take(MOST_UNREAD), &mut tokio::io::sink()).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client does not speak TLS"));
        }
        let (rest, write) = split(connection);
        let whole = join(Cursor::new([first]).chain(rest), write);
        Ok(Box::new(self.acceptor.accept(whole).await?))
    }
}

/// A file that cannot be read, or a fault in what it says.
enum Fault {
    Read(WebConfigError),
    Content(Problem),
}

impl Fault {
    fn in_file(self, file: &Path) -> WebConfigError {
        match self {
            Self::Read(error) => error,
            Self::Content(problem) => WebConfigError::content(file, &problem),
        }
    }
}

fn problem(key: &str, text: impl Into<String>) -> Problem {
    Problem::new(format!("tls_server_config.{key}"), text)
}

/// Returns a text in PEM, and where it is.
fn text(pem: &Pem, folder: &Path, key: &str) -> Result<(Vec<u8>, String), Fault> {
    match pem {
        Pem::Inline(text) => Ok((text.clone().into_bytes(), key.trim_end_matches("_file").to_owned())),
        Pem::File(path) => {
            let path = folder.join(path);
            let read = fs::read(&path);
            let text =
                read.map_err(|source| Fault::Read(WebConfigError::Read { path: path.clone(), source }))?;
            Ok((text, path.display().to_string()))
        }
    }
}

fn certificates(pem: &Pem, folder: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let (text, place) = text(pem, folder, key)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(Fault::Content(problem(key, format!("no certificate in {place}")))),
        Err(error) => Err(Fault::Content(problem(key, format!("no certificate in {place}: {error}")))),
    }
}

fn verifier(
    settings: &TlsSettings,
    folder: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Fault> {
    const KEY: &str = "client_ca_file";
    let Some(authorities) = &settings.client_ca else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities, folder, KEY)? {
        roots.add(certificate).map_err(|error| Fault::Content(problem(KEY, error.to_string())))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    let builder = match settings.client_auth {
        ClientAuth::Required => builder,
        ClientAuth::IfGiven | ClientAuth::No => builder.allow_unauthenticated(),
    };
    builder.build().map(Some).map_err(|error| Fault::Content(problem(KEY, error.to_string())))
}

fn versions(versions: Versions) -> Vec<&'static SupportedProtocolVersion> {
    match versions {
        Versions::Only12 => vec![&TLS12],
        Versions::Only13 => vec![&TLS13],
        Versions::Both => vec![&TLS13, &TLS12],
    }
}

/// Returns ring's algorithms, as far as the file allows them. The suites of TLS 1.3 cannot be chosen, as in Go.
fn provider(settings: &TlsSettings) -> Result<CryptoProvider, Problem> {
    let mut provider = ring::default_provider();
    let name = |suite: tokio_rustls::rustls::CipherSuite| suite.as_str().unwrap_or_default();
    for wanted in &settings.cipher_suites {
        if !provider.cipher_suites.iter().any(|suite| name(suite.suite()) == wanted) {
            return Err(problem("cipher_suites", format!("{wanted} is not supported")));
        }
    }
    if !settings.cipher_suites.is_empty() {
        let is_wanted = |suite: &str| settings.cipher_suites.iter().any(|wanted| wanted == suite);
        provider.cipher_suites.retain(|suite| suite.tls13().is_some() || is_wanted(name(suite.suite())));
    }
    if !settings.curves.is_empty() {
        let all = provider.kx_groups.clone();
        let group = |curve: &String| {
            let name = group_name(curve)
                .ok_or_else(|| problem("curve_preferences", format!("{curve} is not supported")))?;
            let found = all.iter().find(|group| group.name().as_str() == Some(name)).copied();
            found.ok_or_else(|| problem("curve_preferences", format!("{curve} is not supported")))
        };
        provider.kx_groups = settings.curves.iter().map(group).collect::<Result<_, _>>()?;
    }
    Ok(provider)
}

/// Returns rustls' name of a curve, by the name in the file.
fn group_name(curve: &str) -> Option<&'static str> {
    match curve {
        "CurveP256" => Some("secp256r1"),
        "CurveP384" => Some("secp384r1"),
        "X25519" => Some("X25519"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(suites: &[&str], curves: &[&str]) -> TlsSettings {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        TlsSettings {
            certificates: Pem::Inline(String::new()),
            key: Pem::Inline(String::new()),
            client_auth: ClientAuth::No,
            client_ca: None,
            versions: Versions::Both,
            cipher_suites: own(suites),
            prefers_own_suites: true,
            curves: own(curves),
        }
    }

    #[test]
    fn suites_and_curves_are_those_of_the_file() {
        let all = provider(&settings(&[], &[])).unwrap();
        let one = provider(&settings(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], &["CurveP384"])).unwrap();
        assert_eq!(one.cipher_suites.iter().filter(|suite| suite.tls13().is_none()).count(), 1);
        assert_eq!(one.cipher_suites.iter().filter(|suite| suite.tls13().is_some()).count(), 3);
        assert!(all.cipher_suites.len() > 4 && all.kx_groups.len() > 2);
        assert_eq!(one.kx_groups.len(), 1);
        for (suites, curves, expected) in [
            (
                &["TLS_RSA_WITH_RC4_128_SHA"][..],
                &[][..],
                "cipher_suites: TLS_RSA_WITH_RC4_128_SHA is not supported",
            ),
            (&[], &["CurveP521"], "curve_preferences: CurveP521 is not supported"),
        ] {
            let error = provider(&settings(suites, curves)).unwrap_err().to_string();
            assert_eq!(error, format!("tls_server_config.{expected}"));
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_named_with_its_place() {
        let error = Tls::new(&settings(&[], &[]), Path::new("web.yml"), Path::new("")).unwrap_err();
        assert_eq!(error.to_string(), "web.yml: tls_server_config.cert_file: no certificate in cert");
    }

    #[test]
    fn the_answer_in_plain_http_has_the_length_that_it_says() {
        let text = std::str::from_utf8(PLAIN).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
