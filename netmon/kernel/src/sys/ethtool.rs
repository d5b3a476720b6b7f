//! ethtool's ioctl, to read which features of an interface are active.
//!
//! The interface is looked up in the socket's namespace, whatever namespace the caller is in.
#![expect(unsafe_code, reason = "the ioctl takes a request that points to a buffer")]

use std::{
    ffi::CString,
    io,
    os::fd::{AsFd, AsRawFd as _},
};

/// Operations and numbers of `linux/ethtool.h`.
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
const ETH_SS_FEATURES: u32 = 4;
const NAME_BYTES: usize = 32;
/// `struct ethtool_gstrings` and `struct ethtool_gfeatures` up to their arrays, in words.
const GSTRINGS_WORDS: usize = 3;
const GFEATURES_WORDS: usize = 2;
/// Words for each 32 features: available, requested, active, never changed.
const BLOCK_WORDS: usize = 4;
const ACTIVE: usize = 2;
/// More features than any kernel has, as a bound for the number that the kernel reports.
const MAX_FEATURES: usize = 1024;

/// Returns the names of the features in their order, which is the same for every interface of a kernel.
///
/// # Errors
///
/// The kernel's answer; ENODEV without such an interface.
pub fn feature_names(socket: impl AsFd, interface: &str) -> io::Result<Vec<String>> {
    let count = feature_count(&socket, interface)?;
    let mut words = vec![0_u32; GSTRINGS_WORDS + count * NAME_BYTES / 4];
    words[..GSTRINGS_WORDS].copy_from_slice(&[ETHTOOL_GSTRINGS, ETH_SS_FEATURES, count as u32]);
    call(&socket, interface, &mut words)?;
    let bytes: Vec<u8> = words[GSTRINGS_WORDS..].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let name = |bytes: &[u8]| {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    Ok(bytes.chunks(NAME_BYTES).map(name).collect())
}

/// Returns which of `count` features are active.
///
/// # Errors
///
/// The kernel's answer; ENODEV without such an interface.
pub fn active_features(socket: impl AsFd, interface: &str, count: usize) -> io::Result<Vec<bool>> {
    let blocks = count.div_ceil(32);
    let mut words = vec![0_u32; GFEATURES_WORDS + blocks * BLOCK_WORDS];
    words[..GFEATURES_WORDS].copy_from_slice(&[ETHTOOL_GFEATURES, blocks as u32]);
    call(&socket, interface, &mut words)?;
    let is_active = |feature: usize| {
        let word = words[GFEATURES_WORDS + feature / 32 * BLOCK_WORDS + ACTIVE];
        word >> (feature % 32) & 1 != 0
    };
    Ok((0..count).map(is_active).collect())
}

fn feature_count(socket: impl AsFd, interface: &str) -> io::Result<usize> {
    // `struct ethtool_sset_info`: operation, reserved, a mask of 64 bits, and a count for each bit that is set.
    let mask = (1_u64 << ETH_SS_FEATURES).to_ne_bytes();
    let half = |at: usize| u32::from_ne_bytes([mask[at], mask[at + 1], mask[at + 2], mask[at + 3]]);
    let mut words = [ETHTOOL_GSSET_INFO, 0, half(0), half(4), 0];
    call(socket, interface, &mut words)?;
    let count = words[4] as usize;
    if (1..=MAX_FEATURES).contains(&count) { Ok(count) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Sends `words`, which begin with the operation. The kernel writes the answer to them.
fn call(socket: impl AsFd, interface: &str, words: &mut [u32]) -> io::Result<()> {
    let name = CString::new(interface)?;
    let bytes = name.as_bytes_with_nul();
    // SAFETY: all zeros are a valid ifreq: numbers, and a null pointer.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if bytes.len() > request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `words` lives through the call. The kernel reads the operation and the lengths in it and writes no more than
    // those lengths, for which the callers made room.
    let answer = unsafe { libc::ioctl(fd, libc::SIOCETHTOOL as libc::Ioctl, &raw mut request) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn loopback_segments_tcp_by_an_active_feature() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = feature_names(&socket, "lo").unwrap();
        let tcp = names.iter().position(|name| name == "tx-tcp-segmentation").unwrap();
        assert!(active_features(&socket, "lo", names.len()).unwrap()[tcp]);
    }

    #[test]
    fn a_missing_interface_and_a_name_that_is_too_long_are_errors() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(feature_names(&socket, "nowhere").unwrap_err().raw_os_error(), Some(libc::ENODEV));
        assert!(feature_names(&socket, "a234567890123456").is_err());
    }
}
