//! Helpers for privileged tests: guards, observers, bounded waiting.

pub mod labs;
pub mod sandbox;
