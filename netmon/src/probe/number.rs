//! Numbers that tell our messages from others': not to be guessed by accident, no secret.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

/// A row of numbers that begins somewhere.
#[derive(Debug)]
pub(super) struct Numbers(u16);

impl Numbers {
    pub(super) fn new() -> Self {
        // The standard library seeds each of these from the kernel's random numbers.
        Self(RandomState::new().build_hasher().finish() as u16)
    }

    pub(super) fn next(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(1);
        self.0
    }
}
