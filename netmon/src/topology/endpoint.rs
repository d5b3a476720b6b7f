//! One end of a built link, as the datapath needs it, and the moment at which it is handed over.

use std::sync::Arc;

use ipnet::IpNet;
use netmon_kernel::netns::{Cookie, NetNs};
use netmon_model::names::{IfIndex, IfName, LinkName, NsName, Side};

use super::error::BoxError;

/// One end of a link that exists. While it is held, so is its namespace: drop it before the lab is removed.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The link.
    pub link: LinkName,
    /// Which end of it.
    pub side: Side,
    /// The namespace's name in the lab.
    pub namespace: NsName,
    /// The interface's name.
    pub interface: IfName,
    /// The interface's number in its namespace.
    pub ifindex: IfIndex,
    /// The number of the other end, in the other end's namespace.
    pub peer_ifindex: IfIndex,
    /// The namespace.
    pub netns: Arc<NetNs>,
    /// The namespace's identity for as long as the machine runs.
    pub cookie: Cookie,
    /// Addresses as the lab file gives them.
    pub addresses: Vec<IpNet>,
}

/// Watches endpoints. Called when interfaces exist and before they are set up, so that nothing passes
/// uncounted.
pub trait AttachObserver {
    /// Starts to watch all of `endpoints`: every end of the lab, in the order of its file. Those that are
    /// watched already (known by cookie and ifindex) are left as they are.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way; the lab is then taken back to what it was.
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError>;
}

/// Collects the endpoints, and watches none of them.
impl AttachObserver for Vec<Endpoint> {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        self.extend_from_slice(endpoints);
        Ok(())
    }
}

/// Watches nothing: what `up` without an agent uses.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl AttachObserver for NoObserver {
    fn attach(&mut self, _endpoints: &[Endpoint]) -> Result<(), BoxError> {
        Ok(())
    }
}
