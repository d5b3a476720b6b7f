//! A socket filter (`SO_ATTACH_FILTER`, socket(7)) for raw sockets that wait for echo replies.
//!
//! The kernel delivers each message from a peer to every raw socket that is connected to it. If many probes have the same
//! peer, each of them would wake up for the answers to all others. With the filter a socket gets its own answers only.
#![expect(unsafe_code, reason = "the socket option has no safe wrapper")]

use std::{
    io,
    mem::size_of,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd as _},
};

use libc::{BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET, sock_filter};

/// Discards everything but echo replies with this identifier, in the address family of `peer`.
///
/// # Errors
///
/// The kernel's answer.
pub fn only_replies(socket: impl AsFd, peer: IpAddr, identifier: u16) -> io::Result<()> {
    // The length of the header: an IPv4 socket gets it as well, an IPv6 socket does not.
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
    // SAFETY: the program and its description live through the call, and their sizes are given. The kernel copies them.
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

/// Continues if the value equals `k`, and skips `jf` statements otherwise.
fn unless_equal(k: u32, jf: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf, k }
}
