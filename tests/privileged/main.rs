//! Privileged tests, one binary.

mod topology;
