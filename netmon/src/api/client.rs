//! A client of the agent's HTTP interface, used by `netmon status` and other commands.
//!
//! Each request has a connection of its own, over plain TCP, and is bounded in time and size.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::body::{Bytes, to_bytes};
use hyper::{Response, StatusCode};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{net::TcpStream, time::timeout};

use crate::http::exchange;

/// Time for the agent to accept the connection.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// Time for the complete response. The server itself gives up after ten seconds.
const RESPONSE_TIME: Duration = Duration::from_secs(12);
/// Maximum size of a response: a thousand links take about 4 MB.
const MAX_BYTES: usize = 256 << 20;

/// Why a request has no usable response.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The agent cannot be reached: no process listens there, for example.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The connection broke, or the peer does not speak HTTP.
    #[error("cannot request {path} from {address}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// The path and query of the request.
        path: String,
        /// The cause.
        source: axum::BoxError,
    },
    /// The response was not complete in time.
    #[error("no response from {address} to {path} within {RESPONSE_TIME:?}")]
    Late {
        /// The address.
        address: SocketAddr,
        /// The path and query of the request.
        path: String,
    },
    /// The agent responded with an error.
    #[error("{address} responded to {path} with {status}: {text}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The path and query of the request.
        path: String,
        /// The status.
        status: StatusCode,
        /// Its text.
        text: String,
    },
    /// The response is not the JSON that this version of netmon expects.
    #[error("cannot read the response of {address} to {path}: is it a netmon agent of this version?")]
    NotUnderstood {
        /// The address.
        address: SocketAddr,
        /// The path and query of the request.
        path: String,
        /// The first difference.
        source: serde_json::Error,
    },
}

/// A client of one agent. It holds no connection between requests.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    /// Creates a client of the agent that listens on `address`. If that is unspecified, the client uses loopback.
    #[must_use]
    pub fn new(mut address: SocketAddr) -> Self {
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        Self { address }
    }

    /// Returns the address that requests are sent to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests `path` and reads the response as JSON.
    ///
    /// # Errors
    ///
    /// Fails if the agent cannot be reached, responds late or with an error, or with other JSON than expected.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let address = self.address;
        let body = timeout(RESPONSE_TIME, self.fetch(path));
        let body = body.await.map_err(|_| ClientError::Late { address, path: path.to_owned() })??;
        let path = path.to_owned();
        serde_json::from_slice(&body).map_err(|source| ClientError::NotUnderstood { address, path, source })
    }

    async fn fetch(&self, path: &str) -> Result<Bytes, ClientError> {
        let address = self.address;
        let stream =
            timeout(CONNECT_TIME, TcpStream::connect(address)).await.unwrap_or_else(|late| Err(late.into()));
        let stream = stream.map_err(|source| ClientError::Connect { address, source })?;
        let read = async |response: Response<_>| {
            let (status, body) = (response.status(), response.into_body());
            Ok((status, to_bytes(body, MAX_BYTES).await?))
        };
        let exchanged = exchange(stream, address, path, read).await;
        let (status, body) =
            exchanged.map_err(|source| ClientError::Http { address, path: path.to_owned(), source })?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            return Err(ClientError::Refused { address, path: path.to_owned(), status, text });
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netmon_model::{
        fixtures,
        snapshot::{Flow, Snapshot},
    };
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        api,
        live::{Readiness, SnapshotSource, SourceError},
        server::{Buckets, Limits, serve},
    };

    struct Direct;

    impl SnapshotSource for Direct {
        fn snapshot(&self) -> Result<Snapshot, SourceError> {
            Ok(fixtures::direct())
        }

        fn flows(&self) -> Vec<Flow> {
            fixtures::flows()
        }

        fn ready(&self) -> Readiness {
            Readiness::from_hooks(3, 4)
        }
    }

    async fn agent() -> SocketAddr {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, Arc::new(Direct), Buckets::default(), Limits::default(), std::future::pending());
        address
    }

    #[tokio::test]
    async fn an_agent_that_listens_on_all_addresses_is_reached_on_loopback() {
        let client = Client::new(agent().await);
        assert!(client.address().ip().is_loopback());
        let links: api::Links = client.get("/api/v1/links").await.unwrap();
        let (told, counted) = (links.links[0].b.as_ref().unwrap(), fixtures::direct());
        let counted = counted.links[0].b.as_ref().unwrap();
        assert_eq!(told.egress.packets, counted.hooks.egress.packets());
    }

    #[tokio::test]
    async fn an_error_response_is_reported_with_its_text() {
        let error = Client::new(agent().await).get::<Readiness>("/readyz").await.unwrap_err();
        let ClientError::Refused { status, text, .. } = error else { panic!("{error}") };
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("3 of 4 hooks are attached"), "{text}");
    }

    #[tokio::test]
    async fn a_response_with_other_json_than_expected_is_reported() {
        let error = Client::new(agent().await).get::<api::Topology>("/api/v1/links").await.unwrap_err();
        assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error}");
        let error = Client::new(agent().await).get::<api::Topology>("/metrics").await.unwrap_err();
        assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_refused_connection_is_reported_with_its_address() {
        // Bound and not listening: no other process can take the port, and connections are refused.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let error = Client::new(address).get::<api::Links>("/api/v1/links").await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to {address}"));
    }
}
