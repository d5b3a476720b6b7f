//! A client of the agent's HTTP interface: what `netmon status` and others ask with.
//!
//! One connection a question, over plain TCP, with bounds on time and size. It knows no URLs but the agent's.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::body::{Body, Bytes, to_bytes};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{net::TcpStream, time::timeout};

/// How long the agent has to accept.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// How long the agent has to answer; the server gives up after ten seconds itself.
const ANSWER_TIME: Duration = Duration::from_secs(12);
/// The longest answer that is read: a thousand links take about 4 MB.
const LONGEST: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("cannot ask {address} for {path}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What was asked for.
        path: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing came in time.
    #[error("no answer from {address} for {path} within {ANSWER_TIME:?}")]
    Late {
        /// The address.
        address: SocketAddr,
        /// What was asked for.
        path: String,
    },
    /// The answer is a refusal.
    #[error("{address} answers {path} with {status}: {text}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What was asked for.
        path: String,
        /// The status.
        status: StatusCode,
        /// The reason.
        text: String,
    },
    /// The answer is not what this version of netmon expects.
    #[error("cannot understand what {address} answers for {path}: is it a netmon agent of this version?")]
    NotUnderstood {
        /// The address.
        address: SocketAddr,
        /// What was asked for.
        path: String,
        /// Where it differs.
        source: serde_json::Error,
    },
}

/// An agent's address, to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    /// A client of the agent that listens on `address`. One that listens everywhere is asked on loopback.
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

    /// Where it asks.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for JSON.
    ///
    /// # Errors
    ///
    /// When there is no answer, or not the expected one.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let address = self.address;
        let body = timeout(ANSWER_TIME, self.fetch(path));
        let body = body.await.map_err(|_| ClientError::Late { address, path: path.to_owned() })??;
        let path = path.to_owned();
        serde_json::from_slice(&body).map_err(|source| ClientError::NotUnderstood { address, path, source })
    }

    async fn fetch(&self, path: &str) -> Result<Bytes, ClientError> {
        let address = self.address;
        let stream =
            timeout(CONNECT_TIME, TcpStream::connect(address)).await.unwrap_or_else(|late| Err(late.into()));
        let stream = stream.map_err(|source| ClientError::Connect { address, source })?;
        let (status, body) = exchange(stream, address, path).await.map_err(|source| ClientError::Http {
            address,
            path: path.to_owned(),
            source,
        })?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            return Err(ClientError::Refused { address, path: path.to_owned(), status, text });
        }
        Ok(body)
    }
}

/// One request and its answer.
pub(crate) async fn exchange(
    stream: TcpStream,
    address: SocketAddr,
    path: &str,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Body::empty())?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((
            status,
            to_bytes(Body::new(answer.into_body()), LONGEST).await?,
        ))
    };
    // The connection has to be driven until the answer is complete; its own end is no news.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => {
            ended?;
            answer.await
        }
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
        server::{Limits, Readiness, SnapshotSource, SourceError, serve},
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
            Readiness::of_hooks(3, 4)
        }
    }

    async fn agent() -> SocketAddr {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, Arc::new(Direct), Limits::default(), std::future::pending());
        address
    }

    #[tokio::test]
    async fn an_agent_that_listens_everywhere_is_asked_on_loopback() {
        let client = Client::new(agent().await);
        assert!(client.address().ip().is_loopback());
        let links: api::Links = client.get("/api/v1/links").await.unwrap();
        let (told, counted) = (links.links[0].b.as_ref().unwrap(), fixtures::direct());
        let counted = counted.links[0].b.as_ref().unwrap();
        assert_eq!(told.egress.packets, counted.hooks.egress.packets());
    }

    #[tokio::test]
    async fn a_refusal_comes_with_its_reason() {
        let error = Client::new(agent().await).get::<Readiness>("/readyz").await.unwrap_err();
        let ClientError::Refused { status, text, .. } = error else { panic!("{error}") };
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("3 of 4 hooks are attached"), "{text}");
    }

    #[tokio::test]
    async fn something_else_than_the_expected_json_is_named_as_such() {
        let error = Client::new(agent().await).get::<api::Topology>("/api/v1/links").await.unwrap_err();
        assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error}");
        let error = Client::new(agent().await).get::<api::Topology>("/metrics").await.unwrap_err();
        assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error}");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_with_the_address() {
        // Bound and not listening: the port stays ours, and connections are refused.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let error = Client::new(address).get::<api::Links>("/api/v1/links").await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to {address}"));
    }
}
