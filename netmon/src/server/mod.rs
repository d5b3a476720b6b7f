//! The agent's HTTP interface: metrics, health and JSON, read-only and bounded.
//!
//! The listener and the shutdown are handed in, so that a test serves on a port of its own and the agent decides when
//! to stop. Readings come from a [`SnapshotSource`]; this module never touches the kernel's maps itself.

mod accept;
mod coding;
mod feed;
mod files;
mod generations;
mod guard;
mod hosts;
mod listen;
mod processor_time;
mod readings;
mod routes;
mod scrape;
mod security;
mod spool;
mod stream;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{sync::watch, task::JoinHandle};

use self::{feed::Feed, hosts::Hosts, readings::Readings, scrape::Scrapes};
pub use self::{
    hosts::{AllowedHost, InvalidHost},
    listen::{ListenError, Listeners},
};
use crate::{
    http::{Acceptor, Overload},
    live::SnapshotSource,
    metrics::Renderer,
};
pub use crate::{
    http::{Limits, Secure},
    metrics::Buckets,
};

/// The address that the agent listens on by default.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9477);
/// The memory that the history may take by default: 16 MiB.
pub const DEFAULT_HISTORY_BYTES: usize = 16 << 20;

/// How the agent serves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How wide the buckets of histograms in `/metrics` are.
    pub buckets: Buckets,
    /// The memory that the history may take. `None` keeps no history.
    pub history_bytes: Option<usize>,
    /// Names under which the agent answers, beside loopback's and the address that it listens on.
    pub allowed_hosts: Vec<AllowedHost>,
    /// The bounds of what clients can take up.
    pub limits: Limits,
    /// How clients over TCP are secured. `None` if they are not.
    pub security: Option<Arc<dyn Secure>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            buckets: Buckets::default(),
            history_bytes: Some(DEFAULT_HISTORY_BYTES),
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
            security: None,
        }
    }
}

/// Serves on `listeners` until `shutdown` completes. The task ends when every connection has ended, at the latest
/// [`Limits::drain_time`] later.
pub fn serve(
    listeners: Listeners,
    source: Arc<dyn SnapshotSource>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let Options { buckets, history_bytes, allowed_hosts, limits, security } = options;
    let hosts = Hosts::new(listeners.addresses(), allowed_hosts);
    let readings = Arc::new(Readings::new(source));
    let scrapes = Arc::new(Scrapes::new(Arc::clone(&readings), Renderer::new(buckets)));
    let (response, refused) = (guard::too_many_connections(&limits), Arc::clone(&readings.refused));
    let overload = Overload::Refuse { response, refused };
    let feed = Arc::new(Feed::new(Arc::clone(&readings), history_bytes));
    let (close, closing) = watch::channel(false);
    let router = routes::router((readings, scrapes), Arc::clone(&feed), closing);
    let Listeners { sockets, files, .. } = listeners;
    let acceptor = Acceptor::new(sockets, router, limits, overload).secured(security.clone());
    let acceptor = acceptor.with_early_headers(guard::header_lines().into());
    let acceptor =
        acceptor.wrap(|router| security::around(router, security, |router| guard::around(router, hosts)));
    let shutdown = async move {
        shutdown.await;
        close.send_replace(true);
    };
    tokio::spawn(async move {
        tokio::select! {
            () = acceptor.run(shutdown) => {}
            () = feed.run() => {}
        }
        drop(files);
    })
}

#[cfg(test)]
mod tests;
