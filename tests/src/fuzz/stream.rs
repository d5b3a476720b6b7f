//! The stream of an agent, as `netmon top` reads it.

/// Reads bytes as a stream, which is cut at every few bytes.
pub(super) fn read(bytes: &[u8]) -> bool {
    netmon::api::fuzz::events(bytes, 1 + bytes.len() % 7) > 0
}
