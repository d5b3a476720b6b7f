//! The names and numbers of the field, as types that cannot be mixed up.
//!
//! Every constructor checks the kernel's own rules, so a value of these types can be used in a netlink request, a path or
//! a metric label without another check. The rules are defined here and nowhere else. A name is cloned for every snapshot
//! and every place that refers to it, so clones share its text.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest interface name in bytes: `IFNAMSIZ` (16) less the terminating NUL (`linux/if.h`).
pub const MAX_IFNAME: usize = 15;
/// The longest file name in bytes: a namespace name is a file in /run/netns (`NAME_MAX`, `linux/limits.h`).
pub const MAX_NSNAME: usize = 255;
/// The name of the namespace that the agent was started in.
pub const ROOT: &str = "root";

/// The name is not valid. The message states the rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what} {given:?} {problem}")]
pub struct InvalidName {
    what: &'static str,
    given: String,
    problem: String,
}

impl InvalidName {
    fn new(what: &'static str, given: &str, problem: impl Into<String>) -> Self {
        // The text may come from a file and have any length, and the message must stay short.
        let shown = given.char_indices().nth(60).map_or(given, |(end, _)| &given[..end]);
        Self { what, given: shown.to_owned(), problem: problem.into() }
    }
}

/// The name of a network namespace as `ip netns list` shows it, or `root`.
///
/// ```
/// use netmon_model::names::NsName;
///
/// assert!("root".parse::<NsName>().is_ok_and(|name| name.is_root()));
/// assert!("a/b".parse::<NsName>().is_err(), "it is the name of a file");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NsName(Arc<str>);

impl NsName {
    /// Returns the name of the namespace that the agent was started in.
    #[must_use]
    pub fn root() -> Self {
        Self(ROOT.into())
    }

    /// Returns whether this is the namespace that the agent was started in.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == ROOT
    }
}

impl TryFrom<String> for NsName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        check_file_name("namespace name", &name, MAX_NSNAME)?;
        Ok(Self(name.into()))
    }
}

/// The name of a network interface: 1 to 15 bytes, no `/`, `:` or white space, not `.` or `..`
/// (`dev_valid_name` in the kernel's `net/core/dev.c`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(Arc<str>);

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
            // The kernel refuses them (`sysctl_dev_name_is_allowed`): both are directories in /proc/sys/net.
            return Err(InvalidName::new("interface name", &name, "must not be 'all' or 'default'"));
        }
        Ok(Self(name.into()))
    }
}

/// The name under which the end of a link is shown: that of its interface, or `NETNS:INTERFACE` of the far end for a host's
/// end whose own name is random.
///
/// ```
/// use netmon_model::names::{EndName, IfName};
///
/// # fn main() -> Result<(), netmon_model::names::InvalidName> {
/// assert_eq!(EndName::from("eth0".parse::<IfName>()?).as_str(), "eth0");
/// assert!("shop.web:eth0".parse::<EndName>().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndName(Arc<str>);

impl TryFrom<String> for EndName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        check_file_name("end name", &name, MAX_NSNAME + 1 + MAX_IFNAME)?;
        Ok(Self(name.into()))
    }
}

impl From<IfName> for EndName {
    fn from(name: IfName) -> Self {
        Self(name.0)
    }
}

impl PartialEq<IfName> for EndName {
    fn eq(&self, other: &IfName) -> bool {
        self.0 == other.0
    }
}

/// The name of a link in a lab. By default, `<a.namespace>:<a.interface>--<b.namespace>:<b.interface>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkName(Arc<str>);

impl LinkName {
    /// Returns the name of a link that has none in the lab file.
    #[must_use]
    pub fn default_for(a: (&NsName, &IfName), b: (&NsName, &IfName)) -> Self {
        Self(format!("{}:{}--{}:{}", a.0, a.1, b.0, b.1).into())
    }
}

impl TryFrom<String> for LinkName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidName::new("link name", &name, "must not be empty or contain white space"));
        }
        Ok(Self(name.into()))
    }
}

/// The name of a lab. It becomes a directory under /run/netmon and part of the marks on what the lab owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(Arc<str>);

/// The longest lab name in bytes: `netmon:` and the name must fit an interface alias (`IFALIASZ`, 256) with room to
/// spare, and a path under /run/netmon must fit a Unix socket address (108).
pub const MAX_LABNAME: usize = 64;
/// A file beside the labs' directories: it records what netmon owns in /run/netns.
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
        Ok(Self(name.into()))
    }
}

/// The lab name under which the agent of `netmon run --discover` is known, which no lab file may have.
pub const DISCOVER: &str = "discover";

impl LabName {
    /// Returns the name of the agent that watches the links of the host. It builds no lab.
    #[must_use]
    pub fn discover() -> Self {
        Self(DISCOVER.into())
    }

    /// Returns whether this is the agent that watches the links of the host.
    #[must_use]
    pub fn is_discover(&self) -> bool {
        &*self.0 == DISCOVER
    }
}

/// The longest service name in bytes: it may become part of a file's or a cgroup's name.
pub const MAX_SERVICE_NAME: usize = 64;

/// Checks the name of a service, which is shown in the log and may become a file's name.
///
/// # Errors
///
/// Fails if the name breaks a rule, and states which.
pub fn check_service_name(name: &str) -> Result<(), InvalidName> {
    check_file_name("service name", name, MAX_SERVICE_NAME)
}

/// Checks that a name can be a file name, and be displayed on one line.
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
            /// Returns the name as text.
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
                name.as_str().to_owned()
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
string_name!(NsName, IfName, EndName, LinkName, LabName);

/// An interface's number, which is unique only in its namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfIndex(pub u32);

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a namespace until the machine reboots (`SO_NETNS_COOKIE`). Stored together with the boot id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cookie(pub u64);

/// The identity of an interface until the machine reboots, unless its number is reused: its namespace and its number
/// there. Never its name, which may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId {
    /// The namespace.
    pub netns: Cookie,
    /// The interface's number in it.
    pub ifindex: IfIndex,
}

/// The slot of an endpoint in the kernel's maps. It is not reused while the endpoint exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndpointId(pub u32);

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The namespace and the name of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The end that the lab file calls `a`.
    A,
    /// The end that the lab file calls `b`.
    B,
}

impl Side {
    /// Returns the other end.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A hook of an endpoint, in the sense of tc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Arriving in the namespace through this interface.
    Ingress,
    /// Leaving the namespace through this interface.
    Egress,
}

impl Direction {
    /// Both hooks, in display order.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// Returns the label's value.
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
    fn an_interface_name_of_sixteen_bytes_is_refused_with_the_limit() {
        let error = IfName::from_str("a234567890123456").unwrap_err();
        assert!(error.to_string().contains("at most 15 are allowed"), "{error}");
        assert!(IfName::from_str("a23456789012345").is_ok());
    }

    #[test]
    fn a_name_that_could_be_another_path_or_an_option_is_refused() {
        for hostile in ["", ".", "..", "../../etc", "a/b", "-x", "a b", "a\nb", "a\0b"] {
            assert!(NsName::from_str(hostile).is_err(), "{hostile:?}");
            assert!(IfName::from_str(hostile).is_err(), "{hostile:?}");
            assert!(LabName::from_str(hostile).is_err(), "{hostile:?}");
        }
        assert!(LabName::from_str(NOT_A_LAB).is_err() && NsName::from_str(NOT_A_LAB).is_ok());
    }
}
