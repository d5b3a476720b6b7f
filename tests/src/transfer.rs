//! A TCP transfer into the namespace of the lab `direct`.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use netmon_kernel::netns::NetNs;

use crate::labs::valid;

/// Sends so many bytes to a listener of this address in `direct_netns`, which reads them all.
///
/// # Panics
///
/// If that fails.
pub fn transfer(address: IpAddr, bytes: usize) {
    let inside = NetNs::open(&valid("direct_netns")).expect("a namespace");
    let listener = inside.run(move || TcpListener::bind((address, 0)).expect("an address of the namespace"));
    let listener = listener.expect("a thread in it");
    let at: SocketAddr = listener.local_addr().expect("a port");
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; 1 << 20];
        let mut total = 0;
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            total += read;
        }
        total
    });
    let mut stream = TcpStream::connect(at).expect("a connection");
    stream.write_all(&vec![0x55; bytes]).expect("a reader");
    drop(stream);
    assert_eq!(reader.join().expect("a reader"), bytes);
}
