//! The agent's HTTP interface: metrics, health and JSON, read-only and bounded.
//!
//! The listener and the shutdown are handed in, so that a test serves on a port of its own and the agent decides when
//! to stop. Readings come from a [`SnapshotSource`]; this module never touches the kernel's maps itself.

mod accept;
mod coding;
mod readings;
mod routes;
mod scrape;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{net::TcpListener, task::JoinHandle};

use self::readings::Readings;
pub use crate::{http::Limits, metrics::Buckets};
use crate::{
    http::{Acceptor, Overload},
    live::{Rates, SnapshotSource},
    metrics::Renderer,
};

/// The address that the agent listens on by default.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9477);

/// Serves on `listener` until `shutdown` completes, with these buckets in every scrape. The task ends when every connection has ended, at the latest
/// [`Limits::drain_time`] later.
pub fn serve(
    listener: TcpListener,
    source: Arc<dyn SnapshotSource>,
    buckets: Buckets,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let readings = Arc::new(Readings::new(source, Renderer::new(buckets)));
    let rates = Arc::new(Rates::default());
    let router = routes::router(Arc::clone(&readings), Arc::clone(&rates));
    let overload = Overload::Refuse(Arc::clone(&readings.refused));
    let acceptor = Acceptor::new(listener, router, limits, overload);
    tokio::spawn(async move {
        tokio::select! {
            () = acceptor.run(shutdown) => {}
            () = rates.sample(&*readings) => {}
        }
    })
}

#[cfg(test)]
mod tests;
