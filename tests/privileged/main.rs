//! Privileged tests, one binary.

mod agent_costs;
mod agent_counts;
mod agent_leaves_no_programs;
mod agent_lifecycle;
mod agent_loads;
mod agent_measures;
mod agent_neighbours;
mod agent_parts;
mod agent_refusals;
mod agent_round_trips;
mod delays;
mod examples;
mod foreign_programs;
mod kernel_drops;
mod overhead;
mod program_run;
mod prometheus;
mod raw_frames;
mod receive_times;
mod retransmissions;
mod services;
mod services_http;
mod topology;
mod topology_held;
mod topology_killed;
mod wire_kinds;
