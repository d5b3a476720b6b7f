//! Identifiers of echo requests and DNS queries.
//!
//! They tell netmon's own messages from those of other programs. A collision by accident is unlikely; they are no
//! secret.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

/// Consecutive identifiers from a random start.
#[derive(Debug)]
pub(super) struct MessageIds(u16);

impl MessageIds {
    pub(super) fn new() -> Self {
        // The standard library seeds each of these from the kernel's random numbers.
        Self(RandomState::new().build_hasher().finish() as u16)
    }

    pub(super) fn next(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(1);
        self.0
    }
}
