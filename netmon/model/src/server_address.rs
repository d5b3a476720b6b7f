//! Where a server is reached: at an IP address and a port, or at a unix socket.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The kernel's limit on the path of a unix socket, without its end (unix(7)).
const MAX_PATH: usize = 107;

/// The address of a server.
///
/// As text it is `ADDRESS:PORT` or `unix:PATH`. Read from text, it may also be `:PORT`, which is every address of this
/// host, and `PORT` or `localhost:PORT`, which are loopback.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ServerAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// What protects the clients of a server over TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Whether connections are encrypted.
    pub encrypted: bool,
    /// Whether clients say who they are.
    pub authenticated: bool,
}

impl Security {
    /// Returns what there is not. `None` if there is everything.
    #[must_use]
    pub const fn lacking(self) -> Option<&'static str> {
        match (self.authenticated, self.encrypted) {
            (true, true) => None,
            (true, false) => Some("without encryption"),
            (false, true) => Some("without authentication"),
            (false, false) => Some("without authentication and encryption"),
        }
    }

    /// Returns the URL of a server's page with these.
    #[must_use]
    pub fn url(self, address: &ServerAddress) -> String {
        let url = address.url();
        match url.strip_prefix("http://") {
            Some(rest) if self.encrypted => format!("https://{rest}"),
            _ => url,
        }
    }
}

/// A text is not the address of a server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is no address: use ADDRESS:PORT, PORT or localhost:PORT on loopback, :PORT on every address, or unix:/PATH"
)]
pub struct InvalidServerAddress(String);

impl ServerAddress {
    /// Returns whether only programs of this host reach it, as long as no rule of the host's forwards it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Returns the address to connect to: loopback, if the server listens on every address.
    #[must_use]
    pub fn to_reach(&self) -> Self {
        match self {
            Self::Tcp(address) if address.ip().is_unspecified() => {
                let loopback: IpAddr = match address.ip() {
                    IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                };
                Self::Tcp(SocketAddr::new(loopback, address.port()))
            }
            other => other.clone(),
        }
    }

    /// Returns the URL of the server's page. A unix socket has none that a browser could open, so it is returned as it is.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(address) => format!("http://{address}/"),
            Self::Unix(_) => self.to_string(),
        }
    }

    /// Returns the host of a URL or of the header `host`.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl From<SocketAddr> for ServerAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for ServerAddress {
    type Err = InvalidServerAddress;

    fn from_str(text: &str) -> Result<Self, InvalidServerAddress> {
        let invalid = || InvalidServerAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let is_usable = path.starts_with('/') && path.len() <= MAX_PATH && !path.contains('\0');
            return is_usable.then(|| Self::Unix(path.into())).ok_or_else(invalid);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or_else(invalid)?;
        match host {
            "" => Ok(Self::Tcp((Ipv6Addr::UNSPECIFIED, port).into())),
            "localhost" => Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port).into())),
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = InvalidServerAddress;

    fn try_from(text: String) -> Result<Self, InvalidServerAddress> {
        text.parse()
    }
}

impl From<ServerAddress> for String {
    fn from(address: ServerAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<ServerAddress>().map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn an_address_is_read_in_the_ways_of_other_exporters() {
        for (text, address) in [
            ("127.0.0.1:9477", "127.0.0.1:9477"),
            ("[::1]:9477", "[::1]:9477"),
            (":9477", "[::]:9477"),
            ("9477", "127.0.0.1:9477"),
            ("localhost:9477", "127.0.0.1:9477"),
            ("localhost:0", "127.0.0.1:0"),
            ("unix:/run/netmon/metrics.sock", "unix:/run/netmon/metrics.sock"),
        ] {
            assert_eq!(parsed(text), address, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_would_be_right() {
        let long = format!("unix:/{}", "a".repeat(MAX_PATH));
        for text in [
            "",
            ":",
            "127.0.0.1",
            "::1",
            "host:80",
            "127.0.0.1:99999",
            "99999",
            "+80",
            "-1",
            "unix:run/x",
            &long,
        ] {
            assert!(parsed(text).contains("is no address: use ADDRESS:PORT"), "{text}");
        }
    }

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        let is_local = |text: &str| text.parse::<ServerAddress>().unwrap().is_local();
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/x"] {
            assert!(is_local(text), "{text}");
        }
        for text in [":1", "0.0.0.0:1", "192.0.2.1:1", "[fe80::1]:1"] {
            assert!(!is_local(text), "{text}");
        }
    }

    #[test]
    fn a_server_on_every_address_is_reached_on_loopback() {
        for (text, reached) in [
            ("0.0.0.0:9", "127.0.0.1:9"),
            ("[::]:9", "[::1]:9"),
            ("10.0.0.1:9", "10.0.0.1:9"),
            ("unix:/x", "unix:/x"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_reach().to_string(), reached);
        }
    }
}
