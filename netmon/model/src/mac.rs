//! Link-layer addresses (EUI-48).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The bit of the first byte for "locally administered" (IEEE 802, section 8.2.2).
const LOCAL: u8 = 0b10;
/// The bit of the first byte for "group address".
const GROUP: u8 = 0b1;

/// A link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// The text is not a link-layer address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not a link-layer address such as 02:00:5e:10:00:01")]
pub struct InvalidMac(String);

impl Mac {
    /// Makes these bytes a locally administered unicast address, by setting two bits of the first.
    #[must_use]
    pub fn local(mut bytes: [u8; 6]) -> Self {
        bytes[0] = bytes[0] & !GROUP | LOCAL;
        Self(bytes)
    }

    /// Returns whether it is a multicast or broadcast address.
    #[must_use]
    pub fn is_group(self) -> bool {
        self.0[0] & GROUP != 0
    }

    /// Returns whether all bytes are zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        let invalid = || InvalidMac(text.to_owned());
        // Exactly two digits: the standard library would accept a sign.
        let byte = |part: &str| {
            let is_two = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_two.then(|| u8::from_str_radix(part, 16).ok()).flatten()
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(invalid)
    }
}

impl TryFrom<String> for Mac {
    type Error = InvalidMac;

    fn try_from(text: String) -> Result<Self, InvalidMac> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_are_unicast_and_parse_back() {
        for byte in 0..=255 {
            let mac = Mac::local([byte, byte, 1, 2, 3, !byte]);
            assert_eq!(mac.0[0] & (LOCAL | GROUP), LOCAL, "{mac}");
            assert_eq!(mac.to_string().parse(), Ok(mac));
        }
        for wrong in ["02:00:5e:10:00", "02:00:5e:10:00:1", "02:00:5e:10:00:+1", "02-00-5e-10-00-01", ""] {
            assert!(wrong.parse::<Mac>().is_err(), "{wrong}");
        }
    }
}
