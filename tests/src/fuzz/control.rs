//! Messages of the control socket, in both directions.

use std::fmt::Debug;

use netmon::control::{HookCommand, Reply, Request};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a line as every kind of message. What is read is written and read again, as the same.
pub(super) fn read(bytes: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(bytes) else { return false };
    let kinds = [again::<Request>(line), again::<HookCommand>(line), again::<Reply>(line)];
    kinds.contains(&true)
}

/// Returns whether the text is valid.
pub(super) fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> bool {
    let Ok(message) = serde_json::from_str::<T>(text) else { return false };
    let written = serde_json::to_string(&message).expect("what was read can be written");
    assert!(!written.contains('\n'), "a message is one line: {written}");
    assert_eq!(serde_json::from_str::<T>(&written).expect(&written), message);
    true
}
