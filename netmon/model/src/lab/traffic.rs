//! What is tried from a namespace: by an expectation, by a probe, to see whether a service is ready.
//!
//! Addresses only: what a name stands for is looked up by whoever is tested, never by netmon.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::RecordType;

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Traffic {
    /// An echo.
    Icmp(IpAddr),
    /// A connection, closed at once.
    Tcp(SocketAddr),
    /// A request.
    Http(Url),
    /// A question over UDP.
    Dns(Query),
    /// A program and its arguments.
    Command(Vec<String>),
}

/// A URL of plain HTTP whose host is an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// Where to connect to.
    pub address: SocketAddr,
    /// What to ask for, with a query if there is one.
    pub path: String,
}

/// A question to a DNS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Whom to ask.
    pub server: SocketAddr,
    /// The name in question, without a dot at its end; empty for the root.
    pub name: String,
    /// Which of its records.
    pub record: RecordType,
}

impl Traffic {
    /// The key that it is written with, which is also the metric's label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Icmp(_) => "icmp",
            Self::Tcp(_) => "tcp",
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
            Self::Command(_) => "command",
        }
    }

    /// What it is aimed at, in one word where there is one.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Icmp(to) => to.to_string(),
            Self::Tcp(to) => to.to_string(),
            Self::Http(Url { address, path }) => match address.port() {
                80 if address.is_ipv6() => format!("http://[{}]{path}", address.ip()),
                80 => format!("http://{}{path}", address.ip()),
                _ => format!("http://{address}{path}"),
            },
            Self::Dns(Query { server, name, record }) => format!("{name}. {record} @{server}"),
            Self::Command(words) => words.join(" "),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => write!(f, "http {}{}", url.address, url.path),
            Self::Command(words) => f.write_str(&words.join(" ")),
            other => write!(f, "{} {}", other.kind(), other.target()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_people_write_it() {
        let http = |address: &str| {
            Traffic::Http(Url { address: address.parse().unwrap(), path: "/x?y".to_owned() }).target()
        };
        assert_eq!(http("10.0.0.2:80"), "http://10.0.0.2/x?y");
        assert_eq!(http("[fd00::2]:80"), "http://[fd00::2]/x?y");
        assert_eq!(http("[fd00::2]:8080"), "http://[fd00::2]:8080/x?y");
        let query = Query {
            server: "10.0.0.1:53".parse().unwrap(),
            name: "example.test".to_owned(),
            record: RecordType::AAAA,
        };
        assert_eq!(Traffic::Dns(query).to_string(), "dns example.test. AAAA @10.0.0.1:53");
    }
}
