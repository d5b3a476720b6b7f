//! The name of a pin directory. The kernel allows no dots in it, while a lab's name may have almost any character.

use netmon_model::names::LabName;

use crate::netns::Cookie;

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Returns `LAB@COOKIE`. A byte other than a letter, a digit, `-` or `_` is written as `%` and two hexadecimal digits. The
/// 64 bytes of a lab's name become at most 192, of the 255 that a file name may have.
pub(super) fn encode(lab: &LabName, root: Cookie) -> String {
    let mut name = String::new();
    for byte in lab.as_str().bytes() {
        if is_plain(byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name + &format!("@{}", root.0)
}

/// Returns the lab and the root namespace of a name. `None` if [`encode`] would not return it.
pub(super) fn decode(name: &str) -> Option<(LabName, Cookie)> {
    let (lab, root) = name.split_once('@')?;
    let mut bytes = Vec::new();
    let mut rest = lab.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let (lab, root) = (String::from_utf8(bytes).ok()?.parse().ok()?, Cookie(root.parse().ok()?));
    // Each lab has exactly one name, so that a foreign directory is not taken for it.
    (encode(&lab, root) == name).then_some((lab, root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lab_name_is_encoded_as_the_kernel_allows_and_decoded_again() {
        for lab in ["direct", "v1.2", "a@b", "%41", "café", "..x", "$(reboot)"] {
            let (lab, root): (LabName, _) = (lab.parse().unwrap(), Cookie(4097));
            let name = encode(&lab, root);
            assert!(name.bytes().all(|byte| is_plain(byte) || byte == b'%' || byte == b'@'), "{name}");
            assert_eq!(decode(&name), Some((lab, root)), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_not_an_encoded_lab_is_refused() {
        for name in ["direct", "direct@", "@1", "a%4@1", "a%zz@1", "%61@1", "direct@01", "a.b@1"] {
            assert_eq!(decode(name), None, "{name}");
        }
    }
}
