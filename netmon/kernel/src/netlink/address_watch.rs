//! The kernel's announcements of addresses in one namespace, for a caller that is asynchronous.
//!
//! This is a connection of `rtnetlink`: one socket and one stream of events, for as long as a service waits. It is not
//! used where there is a socket for each of a thousand namespaces (see [`super::watch`], and ADR 0008).

use std::io;

use futures_util::{Stream, StreamExt as _};
use rtnetlink::{
    MulticastGroup, packet_core::NetlinkMessage, packet_route::RouteNetlinkMessage, sys::SocketAddr,
};
use tokio::{runtime, task::JoinHandle};

use crate::netns::NetNs;

type Message = (NetlinkMessage<RouteNetlinkMessage>, SocketAddr);

/// A subscription to the addresses of one namespace. It does not keep the namespace's name, but the namespace alive.
pub struct AddressWatch {
    messages: Box<dyn Stream<Item = Message> + Send + Unpin>,
    connection: JoinHandle<()>,
}

impl AddressWatch {
    /// Subscribes in `namespace`, from now on. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered or the kernel provides no socket.
    pub fn open(namespace: &NetNs) -> io::Result<Self> {
        let runtime = runtime::Handle::try_current().map_err(io::Error::other)?;
        let connect = || {
            let _runtime = runtime.enter();
            rtnetlink::new_multicast_connection(&[MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr])
        };
        let (connection, _, messages) = namespace.run(connect).map_err(io::Error::other)??;
        Ok(Self { messages: Box::new(messages), connection: runtime.spawn(connection) })
    }

    /// Waits until an address was added, changed or removed. The message that a check for duplicates has ended is one.
    ///
    /// # Errors
    ///
    /// Fails if the socket can no longer be read.
    pub async fn changed(&mut self) -> io::Result<()> {
        // Lost messages are announced, too (`NetlinkPayload::Overrun`): something has changed.
        self.messages.next().await.map(drop).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for AddressWatch {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_needs_a_runtime() {
        let namespace = NetNs::current().unwrap();
        assert!(AddressWatch::open(&namespace).is_err());
    }
}
