//! The shapes, one in each file: which namespaces are joined, and the path of packets.

pub(super) mod bridge;
pub(super) mod chain;
pub(super) mod direct;
pub(super) mod mesh;
pub(super) mod ring;
mod router;
pub(super) mod star;
