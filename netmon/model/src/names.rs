//! The names and numbers of the field, as types that cannot be mixed up.
//!
//! Every constructor checks the kernel's own rules, so that a value of these types can be used in a
//! netlink request, a path or a metric label without a second thought. What the rules are is said here
//! and nowhere else.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest interface name in bytes: `IFNAMSIZ` (16) less the terminating NUL (`linux/if.h`).
pub const MAX_IFNAME: usize = 15;
/// The longest file name in bytes: a namespace name is a file in /run/netns (`NAME_MAX`, `linux/limits.h`).
pub const MAX_NSNAME: usize = 255;
/// How the namespace that the agent was started in is called.
pub const ROOT: &str = "root";

/// Why a name was refused. The message says what would be right.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what} {given:?} {problem}")]
pub struct InvalidName {
    what: &'static str,
    given: String,
    problem: String,
}

impl InvalidName {
    fn new(what: &'static str, given: &str, problem: impl Into<String>) -> Self {
        // The text may come from a file, of any length: the message must stay one.
        let shown = given.char_indices().nth(60).map_or(given, |(end, _)| &given[..end]);
        Self { what, given: shown.to_owned(), problem: problem.into() }
    }
}

/// The name of a network namespace as `ip netns list` shows it, or `root`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NsName(String);

impl NsName {
    /// The namespace that the agent was started in.
    #[must_use]
    pub fn root() -> Self {
        Self(ROOT.to_owned())
    }

    /// Whether this is the namespace that the agent was started in.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == ROOT
    }
}

impl TryFrom<String> for NsName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        check_file_name("namespace name", &name, MAX_NSNAME)?;
        Ok(Self(name))
    }
}

/// The name of a network interface: 1 to 15 bytes, no `/`, `:` or white space, not `.` or `..`
/// (`dev_valid_name` in the kernel's `net/core/dev.c`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(String);

impl TryFrom<String> for IfName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        check_file_name("interface name", &name, MAX_IFNAME)?;
        if name.contains(':') {
            return Err(InvalidName::new("interface name", &name, "must not contain ':'"));
        }
        if name.contains('%') {
            // The kernel would take `veth%d` as a template and pick a number itself.
            return Err(InvalidName::new("interface name", &name, "must not contain '%'"));
        }
        if name == "all" || name == "default" {
            // The kernel refuses them (`sysctl_dev_name_is_allowed`): both are folders in /proc/sys/net.
            return Err(InvalidName::new("interface name", &name, "must not be 'all' or 'default'"));
        }
        Ok(Self(name))
    }
}

/// The name of a link in a lab; by default `<a.namespace>:<a.interface>--<b.namespace>:<b.interface>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkName(String);

impl LinkName {
    /// The name of a link whose lab file gives none.
    #[must_use]
    pub fn default_for(a: (&NsName, &IfName), b: (&NsName, &IfName)) -> Self {
        Self(format!("{}:{}--{}:{}", a.0, a.1, b.0, b.1))
    }
}

impl TryFrom<String> for LinkName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidName::new("link name", &name, "must not be empty or contain white space"));
        }
        Ok(Self(name))
    }
}

/// The name of a lab: it becomes a folder under /run/netmon and part of the marks on what the lab owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

/// The longest lab name in bytes: `netmon:` and the name must fit an interface alias (`IFALIASZ`, 256)
/// with room to spare, and a path under /run/netmon a Unix socket address (108).
pub const MAX_LABNAME: usize = 64;
/// A file beside the labs' folders: what of /run/netns is netmon's.
pub const NOT_A_LAB: &str = "netns-directory";

impl TryFrom<String> for LabName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        check_file_name("lab name", &name, MAX_LABNAME)?;
        if name == NOT_A_LAB {
            let problem =
                format!("must not be '{NOT_A_LAB}', which is the name of a note in netmon's directory");
            return Err(InvalidName::new("lab name", &name, problem));
        }
        Ok(Self(name))
    }
}

/// The longest service name in bytes: it may become part of a file's or a cgroup's name.
pub const MAX_SERVICE_NAME: usize = 64;

/// Checks the name of a service, which is shown in the log and may become a file's name.
///
/// # Errors
///
/// Why it cannot be one.
pub fn check_service_name(name: &str) -> Result<(), InvalidName> {
    check_file_name("service name", name, MAX_SERVICE_NAME)
}

/// What a name must be to serve as one file name, and to be shown on one line.
fn check_file_name(what: &'static str, name: &str, longest: usize) -> Result<(), InvalidName> {
    let refuse = |problem: String| Err(InvalidName::new(what, name, problem));
    if name.is_empty() {
        return refuse("must not be empty".to_owned());
    }
    if name.len() > longest {
        return refuse(format!("is {} bytes long, at most {longest} are allowed", name.len()));
    }
    if name == "." || name == ".." {
        return refuse("must not be '.' or '..'".to_owned());
    }
    if name.contains('/') {
        return refuse("must not contain '/'".to_owned());
    }
    if name.starts_with('-') {
        return refuse("must not start with '-', which commands read as an option".to_owned());
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("must not contain white space or control characters".to_owned());
    }
    Ok(())
}

macro_rules! string_name {
    ($($name:ident),*) => {$(
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::try_from(name.to_owned())
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}
string_name!(NsName, IfName, LinkName, LabName);

/// An interface's number, unique in its namespace only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfIndex(pub u32);

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a namespace for as long as the machine runs (`SO_NETNS_COOKIE`). Anything stored uses it, beside the
/// boot id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cookie(pub u64);

/// The identity of an interface for as long as the machine runs, unless its number is reused: its namespace and its
/// number there. Never its name, which may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId {
    /// The namespace.
    pub netns: Cookie,
    /// The interface's number in it.
    pub ifindex: IfIndex,
}

/// The slot of an endpoint in the kernel's maps; never reused while the endpoint lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndpointId(pub u32);

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an interface is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The namespace.
    pub namespace: NsName,
    /// The interface.
    pub interface: IfName,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.interface)
    }
}

/// Which end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The end that the lab file calls `a`.
    A,
    /// The end that the lab file calls `b`.
    B,
}

impl Side {
    /// The other end.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A hook of an endpoint, as tc means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Arriving in the namespace through this interface.
    Ingress,
    /// Leaving the namespace through this interface.
    Egress,
}

impl Direction {
    /// Both hooks, in the order in which they are shown.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_name_of_sixteen_bytes_is_refused_and_the_limit_named() {
        let error = IfName::from_str("a234567890123456").unwrap_err();
        assert!(error.to_string().contains("at most 15 are allowed"), "{error}");
        assert!(IfName::from_str("a23456789012345").is_ok());
    }

    #[test]
    fn names_that_would_leave_their_folder_or_hide_as_options_are_refused() {
        for hostile in ["", ".", "..", "../../etc", "a/b", "-x", "a b", "a\nb", "a\0b"] {
            assert!(NsName::from_str(hostile).is_err(), "{hostile:?}");
            assert!(IfName::from_str(hostile).is_err(), "{hostile:?}");
            assert!(LabName::from_str(hostile).is_err(), "{hostile:?}");
        }
        assert!(LabName::from_str(NOT_A_LAB).is_err() && NsName::from_str(NOT_A_LAB).is_ok());
    }
}
