//! Under which names the agent answers: the header `host` is held against a list.
//!
//! A page of another site cannot read from another address than its own. But its name may be made to lead to this
//! machine (DNS rebinding), and then the agent's address *is* its own. Its name gives it away. So loopback's names, the
//! address that the agent listens on and the names that the user allows are answered, and no others. An address can be
//! answered where a name cannot: no name leads there.

use std::{fmt, net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, Uri, Version, header, uri::Authority};
use netmon_model::server_address::ServerAddress;
use thiserror::Error;

/// A name under which the agent answers, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost(String);

/// A text is not the name of a host.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not the name or the address of a host, without a port")]
pub struct InvalidHost(String);

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(text.to_owned());
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().to_string()));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let host = host_of(text).filter(|host| host.bytes().all(is_name) && !text.contains(':'));
        host.map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum WrongHost {
    /// HTTP/1.1 wants exactly one (RFC 9112, 3.2).
    #[error("a request needs one header `host`")]
    NotOne,
    /// The name is not on the list.
    #[error(
        "netmon does not answer as {0}: if that name is meant to lead here, start it with --allow-host {0}"
    )]
    NotAllowed(String),
    /// The name is no name.
    #[error("netmon does not answer under this name: --allow-host NAME allows one")]
    Malformed,
}

/// The names under which the agent answers.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    listen: Vec<IpAddr>,
    allowed: Vec<AllowedHost>,
}

impl Hosts {
    pub(super) fn new(listen: &[ServerAddress], allowed: Vec<AllowedHost>) -> Self {
        let address = |listen: &ServerAddress| match listen {
            ServerAddress::Tcp(address) => Some(address.ip().to_canonical()),
            // Reached by no name at all.
            ServerAddress::Unix(_) => None,
        };
        Self { listen: listen.iter().filter_map(address).collect(), allowed }
    }

    /// Checks the host that a request is for, by its header and by its target if that is a whole URL.
    pub(super) fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), WrongHost> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() || (host.is_none() && version >= Version::HTTP_11) {
            return Err(WrongHost::NotOne);
        }
        if let Some(host) = host {
            self.check_host(host.to_str().map_err(|_| WrongHost::Malformed)?)?;
        }
        uri.authority().map_or(Ok(()), |authority| self.check_host(authority.as_str()))
    }

    fn check_host(&self, text: &str) -> Result<(), WrongHost> {
        let host = host_of(text).ok_or(WrongHost::Malformed)?;
        let is_allowed = host == "localhost"
            || host.parse().is_ok_and(|address| self.is_own(address))
            || self.allowed.iter().any(|allowed| allowed.0 == host);
        if is_allowed { Ok(()) } else { Err(WrongHost::NotAllowed(host)) }
    }

    /// Returns whether the agent can be reached at this address. On an unspecified one it is at all of the host's.
    fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.listen.iter().any(|own| *own == address || own.is_unspecified())
    }
}

/// Returns the host in an authority, in lower case, without the port, brackets and the last dot.
fn host_of(authority: &str) -> Option<String> {
    if authority.contains('@') {
        return None;
    }
    let authority: Authority = authority.parse().ok()?;
    let host = authority.host().trim_matches(['[', ']']);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let host = host.parse::<IpAddr>().map_or(host, |address| address.to_canonical().to_string());
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_answered(listen: &str, allowed: &[&str], host: &str) -> bool {
        let allowed = allowed.iter().map(|name| name.parse().unwrap()).collect();
        let hosts = Hosts::new(&[listen.parse().unwrap()], allowed);
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        hosts.check(Version::HTTP_11, &Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn loopback_is_answered_with_any_port() {
        for host in [
            "localhost",
            "LocalHost:9477",
            "localhost.:80",
            "127.0.0.1:9477",
            "127.8.9.10",
            "[::1]:9477",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_answered("127.0.0.1:9477", &[], host), "{host}");
        }
    }

    #[test]
    fn other_names_and_addresses_are_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:9477",
            "192.0.2.1",
            "0.0.0.0:9477",
            "[2001:db8::1]",
            "x@localhost",
            "localhost@evil.example",
            "",
            "localhost,evil.example",
            "127.1",
            "2130706433",
            "a b",
        ] {
            assert!(!is_answered("127.0.0.1:9477", &[], host), "{host:?}");
        }
    }

    #[test]
    fn the_address_that_it_listens_on_is_answered() {
        assert!(is_answered("192.0.2.1:9477", &[], "192.0.2.1:9477"));
        assert!(is_answered("[2001:db8::1]:9477", &[], "[2001:DB8:0::1]:80"));
        assert!(!is_answered("192.0.2.1:9477", &[], "192.0.2.2"));
        for listen in ["0.0.0.0:9477", "[::]:9477"] {
            assert!(is_answered(listen, &[], "192.0.2.2:9477") && is_answered(listen, &[], "[2001:db8::1]"));
            assert!(!is_answered(listen, &[], "evil.example"), "a name may be rebound, an address cannot");
        }
    }

    #[test]
    fn names_are_allowed_one_by_one() {
        let allowed = ["host.docker.internal", "Lab.Example.", "192.0.2.7"];
        for host in ["host.docker.internal:9477", "lab.example", "192.0.2.7:80"] {
            assert!(is_answered("127.0.0.1:9477", &allowed, host), "{host}");
        }
        assert!(!is_answered("127.0.0.1:9477", &allowed, "docker.internal"));
        for wrong in ["", "a:80", "http://a", "a/b", "*", "*.example", "a b", "x@y", "[::1"] {
            assert!(wrong.parse::<AllowedHost>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_request_has_one_host_and_its_target_counts_too() {
        let hosts = Hosts::new(&["127.0.0.1:9477".parse().unwrap()], Vec::new());
        let headers = |hosts: &[&str]| {
            hosts.iter().map(|host| (header::HOST, host.parse().unwrap())).collect::<HeaderMap>()
        };
        let check =
            |version, uri, host: &[&str]| hosts.check(version, &Uri::from_static(uri), &headers(host));
        assert_eq!(check(Version::HTTP_11, "/", &[]), Err(WrongHost::NotOne));
        assert_eq!(check(Version::HTTP_11, "/", &["localhost", "localhost"]), Err(WrongHost::NotOne));
        assert_eq!(check(Version::HTTP_10, "/", &[]), Ok(()), "HTTP/1.0 has none");
        let error = check(Version::HTTP_10, "http://evil.example/", &["localhost"]).unwrap_err();
        assert!(error.to_string().ends_with("start it with --allow-host evil.example"), "{error}");
    }
}
