//! Measuring by tracing programs: three for the whole host, which see every interface of every namespace.
//!
//! This is for links that netmon did not make. Nothing is attached to their interfaces, no namespace is entered, and
//! nothing is held in one. An interface is known by the cookie of its namespace and its number there, from the moment
//! [`Datapath::watch`] returns until [`Datapath::unwatch`] is called. The counts are those of any other endpoint, plus
//! the two parts of the one-way latency ([`netmon_model::snapshot::LatencyParts`]).

mod counts;
mod endpoint;
mod kernel;
mod loaded;

pub(super) use self::{
    endpoint::TracedEndpoints,
    kernel::{Settings, missing_for_tracing},
    loaded::{MAPS, Tracing},
};
pub use self::{endpoint::TracedTarget, loaded::TracingDepth};
