//! A DNS server that knows every name with `there` in it, and no other.

use std::net::UdpSocket;

/// Answers queries until its process ends: NOERROR without a record for a name that it knows, NXDOMAIN for others.
pub fn serve(socket: &UdpSocket) {
    let mut message = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut message) {
        let is_known = message[..length].windows(5).any(|part| part == b"there");
        message[2] |= 0x80;
        message[3] = if is_known { 0 } else { 3 };
        // The client may be gone.
        let _ = socket.send_to(&message[..length], client);
    }
}
