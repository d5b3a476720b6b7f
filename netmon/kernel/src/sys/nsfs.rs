//! What a descriptor of a namespace says of the namespace, without entering it (ioctl_nsfs(2)).
#![expect(unsafe_code, reason = "an ioctl takes a pointer, or returns a descriptor as a number")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use rustix::ioctl::{Getter, ioctl, opcode};

/// The group of these ioctls (`linux/nsfs.h`).
const NSIO: u8 = 0xb7;
const NS_GET_USERNS: libc::Ioctl = opcode::none(NSIO, 1) as libc::Ioctl;
const NS_GET_OWNER_UID: rustix::ioctl::Opcode = opcode::none(NSIO, 4);
const NS_GET_ID: rustix::ioctl::Opcode = opcode::read::<u64>(NSIO, 13);

/// Returns the number that no other namespace has or had since boot. Of a network namespace this is its cookie.
///
/// # Errors
///
/// The kernel's answer: ENOTTY before Linux 6.18.
pub fn id(namespace: impl AsFd) -> io::Result<u64> {
    // SAFETY: NS_GET_ID writes 64 bits to the address that it is given, which is what the getter provides.
    unsafe { ioctl(namespace, Getter::<NS_GET_ID, u64>::new()) }.map_err(io::Error::from)
}

/// Opens the user namespace that owns a namespace.
///
/// # Errors
///
/// The kernel's answer: EPERM if it is outside the caller's user namespace.
pub fn owner(namespace: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: NS_GET_USERNS takes no argument.
    let descriptor = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_USERNS) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just returned this descriptor, and nothing else refers to it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Returns the user who made a user namespace, as the caller's user namespace numbers users.
///
/// # Errors
///
/// The kernel's answer: EINVAL if it is no user namespace.
pub fn owner_uid(user_namespace: impl AsFd) -> io::Result<u32> {
    // SAFETY: NS_GET_OWNER_UID writes a uid_t to the address that it is given, which is what the getter provides.
    unsafe { ioctl(user_namespace, Getter::<NS_GET_OWNER_UID, u32>::new()) }.map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, net::UdpSocket};

    use super::*;
    use crate::sys::namespaces::netns_cookie;

    #[test]
    fn a_network_namespaces_number_is_its_cookie() {
        let own = File::open("/proc/thread-self/ns/net").unwrap();
        let cookie = netns_cookie(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        match id(&own) {
            Ok(id) => assert_eq!(id, cookie),
            Err(before_6_18) => assert_eq!(before_6_18.raw_os_error(), Some(libc::ENOTTY)),
        }
    }

    #[test]
    fn the_owner_of_a_network_namespace_is_a_user_namespace() {
        let own = File::open("/proc/thread-self/ns/net").unwrap();
        // An ordinary user in a container may not open the owner of its network namespace.
        if let Ok(owner) = owner(&own) {
            assert!(owner_uid(&owner).is_ok());
        }
        assert_eq!(owner_uid(&own).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
