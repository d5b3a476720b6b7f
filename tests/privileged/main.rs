//! Privileged tests, one binary.

mod agent_counts;
mod agent_lifecycle;
mod agent_measures;
mod agent_refusals;
mod examples;
mod program_run;
mod prometheus;
mod scattered;
mod services;
mod services_http;
mod topology;
mod topology_held;
mod topology_killed;
