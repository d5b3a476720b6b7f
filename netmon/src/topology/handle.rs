//! A namespace together with its netlink socket, and how many of them are opened or made at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    thread,
};

use super::{duplicates, error::TopologyError, mark::Mark};
use crate::{
    names::NsName,
    netlink::{
        Netlink,
        link::{LOOPBACK, set_alias_and_up},
    },
    netns::{NetNs, NetNsError, names},
};

/// A namespace that is being worked on.
#[derive(Debug)]
pub struct Handle {
    /// The namespace.
    pub namespace: Arc<NetNs>,
    /// A socket inside it.
    pub netlink: Netlink,
}

/// Namespaces that are being worked on, by name.
pub type Handles = BTreeMap<NsName, Handle>;

impl Handle {
    /// Opens the namespace that is called `name`.
    ///
    /// # Errors
    ///
    /// When there is none, or it may not be entered.
    pub fn open(name: &NsName) -> Result<Self, TopologyError> {
        let namespace = NetNs::open(name)?;
        Ok(Self { netlink: Netlink::open_in(&namespace)?, namespace: Arc::new(namespace) })
    }

    /// A handle of a namespace that is held already. The calling thread ends up inside it.
    pub(super) fn enter(namespace: NetNs) -> Result<Self, TopologyError> {
        namespace.enter()?;
        Ok(Self { netlink: Netlink::open()?, namespace: Arc::new(namespace) })
    }

    /// Makes one on the calling thread, which ends up inside it: marked, lo up, and only then named.
    fn make(name: &NsName, mark: &Mark) -> Result<Self, TopologyError> {
        let namespace = NetNs::unshare()?;
        duplicates::are_not_awaited_here();
        let mut netlink = Netlink::open()?;
        netlink.request(&set_alias_and_up(LOOPBACK, "lo", mark.as_str()))?;
        names::place(name, &namespace, mark.as_str())?;
        Ok(Self { namespace: Arc::new(namespace), netlink })
    }
}

/// Makes namespaces one after the other on a thread of their own, and calls `made` as each appears.
/// Ends at the first that fails; those before it stay.
///
/// # Errors
///
/// What the first failure was.
pub fn make_all(
    wanted: &[NsName],
    mark: &Mark,
    mut made: impl FnMut(&NsName, Handle),
) -> Result<(), TopologyError> {
    if wanted.is_empty() {
        return Ok(());
    }
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let maker = move || {
            for name in wanted {
                let handle = Handle::make(name, mark);
                let failed = handle.is_err();
                if sender.send((name, handle)).is_err() || failed {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("netns-maker".to_owned())
            .spawn_scoped(scope, maker)
            .map_err(|e| NetNsError::new("start", "a thread that makes namespaces", e))?;
        for (name, handle) in receiver {
            made(name, handle?);
        }
        Ok(())
    })
}

/// A namespace takes two descriptors, and the customary limit is 1,024: asks for as many as are allowed.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // When it is refused, large labs fail at the descriptor that is one too many, and say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
