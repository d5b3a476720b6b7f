//! What is read of the containers that a lab leads into.

use std::collections::BTreeSet;

use netmon_kernel::netns::{NetNs, NetnsId};
use netmon_model::names::NsName;

use super::{
    super::{
        error::TopologyError,
        handle::{Handle, Handles},
        lent,
    },
    Actual, Reader,
};

impl Reader<'_> {
    /// Opens and reads the containers of the lab that is wanted. Returns the identities of their namespaces and of `root`.
    pub(super) fn add_containers(
        &self,
        root: NetnsId,
        actual: &mut Actual,
        handles: &mut Handles,
    ) -> Result<BTreeSet<NetnsId>, TopologyError> {
        let mut known = BTreeSet::from([root]);
        let opened = self.lab.map(|lab| lent::open_containers(lab, root)).transpose()?;
        for (name, netns) in opened.unwrap_or_default() {
            known.insert(netns.identity());
            self.add_container(name, netns, actual, handles)?;
        }
        Ok(known)
    }

    fn add_container(
        &self,
        name: NsName,
        netns: NetNs,
        actual: &mut Actual,
        handles: &mut Handles,
    ) -> Result<(), TopologyError> {
        let mut handle = Handle::of(netns);
        let interfaces = handle.netlink()?.interfaces()?;
        let contents = self.contents(&name, &mut handle, interfaces)?;
        actual.containers.insert(name.clone(), contents);
        handles.insert(name, handle);
        Ok(())
    }
}
