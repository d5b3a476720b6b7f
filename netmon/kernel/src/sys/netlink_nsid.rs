//! recvmsg(2) on a netlink socket that hears other namespaces: the message, and the namespace that it is about.
#![expect(unsafe_code, reason = "the control message of NETLINK_LISTEN_ALL_NSID has no safe wrapper")]

use std::{
    io,
    mem::{MaybeUninit, size_of, zeroed},
    os::fd::{AsFd, AsRawFd as _},
};

/// Room for the control message, aligned as `cmsghdr` requires.
type Control = [u64; 8];

/// Reads one datagram into `buffer`. Returns its length, and the number of the namespace that it comes from in the table
/// of the socket's namespace. `None` if it is about the socket's own namespace.
///
/// # Errors
///
/// The kernel's answer: EAGAIN if there is no datagram and the socket is non-blocking, ENOBUFS if datagrams were lost.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Option<i32>)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = MaybeUninit::<Control>::zeroed();
    // SAFETY: all zeros are a valid msghdr: null pointers and lengths of zero.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: the message points to one part and one control buffer, with their sizes, which live through the call.
    let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, 0) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((length.unsigned_abs(), nsid(&message)))
}

fn nsid(message: &libc::msghdr) -> Option<i32> {
    // SAFETY: the kernel has filled `msg_control`, which is still there, and set its length.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: the macros return null or a header inside the buffer.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if (level, kind) == (libc::SOL_NETLINK, libc::NETLINK_LISTEN_ALL_NSID) {
            // SAFETY: this control message carries an int, which need not be aligned.
            return Some(unsafe { libc::CMSG_DATA(header).cast::<i32>().read_unaligned() });
        }
        // SAFETY: as above.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_datagram_without_the_control_message_has_no_namespace() {
        let (here, there) = UnixDatagram::pair().unwrap();
        there.send(b"message").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(receive(&here, &mut buffer).unwrap(), (7, None));
        assert_eq!(&buffer[..7], b"message");
        here.set_nonblocking(true).unwrap();
        assert_eq!(receive(&here, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
