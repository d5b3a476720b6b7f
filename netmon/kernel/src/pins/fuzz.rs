//! An entry point for fuzz targets: the names that any program may give to a folder in a bpf file system.

use netmon_model::names::LabName;

use super::name::{decode, encode};

/// Returns the lab that the pin directory of this name would belong to, as `list` reads it. `None` for any other name.
///
/// # Panics
///
/// If two names were taken for the same directory.
#[must_use]
pub fn lab_of(name: &str) -> Option<LabName> {
    let (lab, root) = decode(name)?;
    assert_eq!(encode(&lab, root), name, "each lab has exactly one name");
    Some(lab)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_that_netmon_gives_leads_to_a_lab() {
        assert_eq!(lab_of("v1%2E2@4097"), Some("v1.2".parse().unwrap()));
        assert_eq!(lab_of("v1%2e2@4097"), None);
    }
}
