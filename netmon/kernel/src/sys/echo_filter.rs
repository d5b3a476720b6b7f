//! A socket filter (`SO_ATTACH_FILTER`, socket(7)) for raw sockets that wait for echo replies.
//!
//! The kernel gives every raw socket each message that comes from its peer. Where many probes have the same peer, all
//! of them would wake up for the answers to all others; a filter has each see its own.
#![expect(unsafe_code, reason = "the socket option has no safe wrapper")]

use std::{
    io,
    mem::size_of,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd as _},
};

use libc::{BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET, sock_filter};

/// Lets nothing through but echo replies from `peer`'s family with this identifier.
///
/// # Errors
///
/// The kernel's answer.
pub fn only_replies(socket: impl AsFd, peer: IpAddr, identifier: u16) -> io::Result<()> {
    // The length of an IPv4 header, which such a socket sees as well; of IPv6 it sees none.
    let (header, reply) = match peer {
        IpAddr::V4(_) => (statement(BPF_LDX | BPF_B | BPF_MSH, 0), 0),
        IpAddr::V6(_) => (statement(BPF_LDX | BPF_K, 0), 129),
    };
    let mut program = [
        header,
        statement(BPF_LD | BPF_B | BPF_IND, 0),
        unless_equal(reply, 3),
        statement(BPF_LD | BPF_H | BPF_IND, 4),
        unless_equal(identifier.into(), 1),
        statement(BPF_RET | BPF_K, u32::MAX),
        statement(BPF_RET | BPF_K, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let length = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the program and its description live through the call, and their sizes are given; the kernel copies them.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            length,
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Goes on when the value is this one, and leaves out so many statements otherwise.
fn unless_equal(k: u32, jf: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf, k }
}
