//! Random link-layer addresses, so that no two of netmon's interfaces have the same.

use std::{
    fs::File,
    io::{self, Read as _},
};

use netmon_model::mac::Mac;

/// Returns `count` random addresses, locally administered.
///
/// # Errors
///
/// Fails if `/dev/urandom` cannot be read.
pub fn random_macs(count: usize) -> io::Result<Vec<Mac>> {
    let mut bytes = vec![0; count * 6];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let six = bytes.chunks_exact(6).filter_map(|six| <[u8; 6]>::try_from(six).ok());
    Ok(six.map(Mac::local).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_addresses_are_all_different() {
        let mut macs = random_macs(100).unwrap();
        macs.sort_unstable();
        macs.dedup();
        assert_eq!(macs.len(), 100);
    }
}
