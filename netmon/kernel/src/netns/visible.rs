//! Whether the name of a namespace shows outside of this process's own mount namespace.
//!
//! A name is a mount. A process with mounts of its own, as systemd gives one to a service with `PrivateTmp=`, makes it where
//! no other process sees it: `ip netns exec` then says that the file is no namespace.

use std::path::Path;

use netmon_model::names::NsName;

use super::directory::DIRECTORY;
use crate::proc::{Mount, Mounts, Process};

/// Returns whether a name that this process sees is hidden from the host's first process. `false` if that cannot be told.
#[must_use]
pub fn is_hidden_outside(name: &NsName) -> bool {
    Process::Pid(1).mounts().is_ok_and(|mounts| !has(&mounts, name))
}

fn has(mounts: &Mounts, name: &NsName) -> bool {
    let path = Path::new(DIRECTORY).join(name.as_str());
    mounts.iter().filter_map(Mount::point).any(|point| point == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_seen_by_its_mount() {
        let line = "61 25 0:4 net:[4026532281] /run/netns/web rw shared:31 - nsfs nsfs rw\n";
        let mounts = Mounts::new(line.as_bytes().to_vec());
        assert!(has(&mounts, &"web".parse().unwrap()));
        assert!(!has(&mounts, &"we".parse().unwrap()));
    }
}
