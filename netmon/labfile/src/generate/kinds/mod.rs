//! The shapes, one a file: who is joined to whom, and which way packets go.

pub(super) mod bridge;
pub(super) mod chain;
pub(super) mod direct;
pub(super) mod mesh;
pub(super) mod ring;
mod router;
pub(super) mod star;
