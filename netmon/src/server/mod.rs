//! The agent's HTTP interface: metrics, health and JSON, read-only and bounded.
//!
//! The listener and the end are handed in, so that a test serves on a port of its own and the agent decides
//! when to stop. What there is to serve comes from a [`SnapshotSource`]; this module never touches the
//! kernel's maps itself.

mod accept;
mod limits;
mod readings;
mod routes;
mod sampling;
mod scrape;
mod source;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{net::TcpListener, task::JoinHandle};

use self::{accept::Acceptor, readings::Readings};
pub use self::{
    limits::Limits,
    source::{Readiness, SnapshotSource, SourceError},
};
use crate::live::rates::History;
pub use crate::live::rates::WINDOW;

/// Where the agent listens unless it is told otherwise.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9477);

/// Serves on `listener` until `shutdown` is done. The task ends when every connection has, at the latest
/// [`Limits::drain_time`] later.
pub fn serve(
    listener: TcpListener,
    source: Arc<dyn SnapshotSource>,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let readings = Arc::new(Readings::new(source));
    let history = Arc::new(History::default());
    let router = routes::router(Arc::clone(&readings), Arc::clone(&history), limits.request_time);
    let acceptor = Acceptor { listener, router, limits, readings: Arc::clone(&readings) };
    tokio::spawn(async move {
        tokio::select! {
            () = acceptor.run(shutdown) => {}
            () = sampling::sample(&readings, &history) => {}
        }
    })
}

#[cfg(test)]
mod tests;
