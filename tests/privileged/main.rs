//! Privileged tests, one binary.
