//! One end of a built link, and the observer that it is handed to.

use std::sync::Arc;

use ipnet::IpNet;
use netmon_kernel::netns::{Cookie, NetNs};
use netmon_model::names::{IfIndex, IfName, LinkName, NsName, Side};

use super::error::BoxError;

/// One end of a link that exists. It keeps its namespace alive, so drop it before the lab is removed.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The link.
    pub link: LinkName,
    /// The side of the link.
    pub side: Side,
    /// The namespace's name in the lab.
    pub namespace: NsName,
    /// The interface's name.
    pub interface: IfName,
    /// The interface's index in its namespace.
    pub ifindex: IfIndex,
    /// The index of the other end, in the other end's namespace.
    pub peer_ifindex: IfIndex,
    /// The namespace.
    pub netns: Arc<NetNs>,
    /// Identifies the namespace until the next boot.
    pub cookie: Cookie,
    /// Addresses as the lab file gives them.
    pub addresses: Vec<IpNet>,
    /// Whether the link leads into a container. Then nothing may be attached to it, and nothing of it be held.
    pub in_container: bool,
}

/// Receives the endpoints of a lab when its interfaces exist and before they are set up. Whatever it attaches then sees
/// the first packet.
pub trait AttachObserver {
    /// Receives every endpoint of the lab, in the order of its file and both ends of a link together, including those of
    /// links that stay.
    ///
    /// # Errors
    ///
    /// Any error makes the build fail, and the lab is restored to what it was.
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError>;
}

/// Collects the endpoints.
impl AttachObserver for Vec<Endpoint> {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        self.extend_from_slice(endpoints);
        Ok(())
    }
}

/// Ignores the endpoints: for `netmon up` without an agent.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl AttachObserver for NoObserver {
    fn attach(&mut self, _endpoints: &[Endpoint]) -> Result<(), BoxError> {
        Ok(())
    }
}
