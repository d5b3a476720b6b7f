//! Privileged tests, one binary.

mod services;
mod services_http;
mod topology;
mod topology_killed;
