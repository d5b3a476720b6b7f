//! What is attempted from a namespace, by an expectation, a probe or a readiness check.
//!
//! Destinations are addresses: netmon itself never resolves a name.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::RecordType;

/// What is attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Traffic {
    /// An ICMP echo.
    Icmp(IpAddr),
    /// A TCP connection, closed immediately.
    Tcp(SocketAddr),
    /// An HTTP request.
    Http(Url),
    /// A DNS query over UDP.
    Dns(Query),
    /// A command: a program and its arguments.
    Command(Vec<String>),
}

/// A URL of plain HTTP whose host is an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// The server's address.
    pub address: SocketAddr,
    /// The path, with the query if there is one.
    pub path: String,
}

/// A query to a DNS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The server.
    pub server: SocketAddr,
    /// The name, without the trailing dot. Empty for the root.
    pub name: String,
    /// The record type.
    pub record: RecordType,
}

impl Traffic {
    /// Returns its key in a lab file, which is also its label in metrics.
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

    /// Returns its destination, in one word if possible.
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
    fn a_target_is_written_in_its_usual_short_form() {
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
