//! Types of DNS records in queries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The types with a name, and their numbers (RFC 1035, section 3.2.2; RFC 3596; RFC 2782).
pub const RECORD_TYPES: [(&str, u16); 9] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
];

/// The number of a record type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordType(pub u16);

impl RecordType {
    /// IPv4 addresses.
    pub const A: Self = Self(1);
    /// IPv6 addresses.
    pub const AAAA: Self = Self(28);
}

impl FromStr for RecordType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = RECORD_TYPES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, number)| Self(number)).ok_or(())
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RECORD_TYPES.into_iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            // RFC 3597, section 5.
            None => write!(f, "TYPE{}", self.0),
        }
    }
}
