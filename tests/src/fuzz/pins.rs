//! What lies in a bpf file system: names of pin directories, and the ledgers in a pinned map.

use netmon::watch::audit::fuzz::ledgers;
use netmon_kernel::pins::fuzz::lab_of;

/// Reads bytes as a name, and as ledgers to which readings are added.
pub(super) fn read(bytes: &[u8]) -> bool {
    let is_name = std::str::from_utf8(bytes).is_ok_and(|name| lab_of(name).is_some());
    is_name || ledgers(bytes, bytes.len() as u16).is_some()
}
