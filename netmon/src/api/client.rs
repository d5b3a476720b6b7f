//! A client of the agent's HTTP interface, used by `netmon status` and other commands.
//!
//! Each request has a connection of its own, over plain TCP, and is bounded in time and size. A stream has one too, which
//! ends when it is dropped.

use std::{io, time::Duration};

use axum::body::{Body, Bytes, to_bytes};
use futures_util::{Stream, StreamExt as _, stream};
use hyper::{Response, StatusCode};
use netmon_model::server_address::ServerAddress;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{sync::mpsc, time::timeout};

use super::{Event, sse::Parser};
use crate::http::{self, Connection, exchange};

/// Time for the agent to accept the connection.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// Time for the complete response. The server itself gives up after ten seconds.
const RESPONSE_TIME: Duration = Duration::from_secs(12);
/// Maximum size of a response: a thousand links take about 4 MB.
const MAX_BYTES: usize = 256 << 20;

/// A stream is given up after this much silence. The server sends a comment every ten seconds.
const SILENCE: Duration = Duration::from_secs(25);
/// Maximum number of events that wait for the caller. The server skips seconds for a client that takes none.
const WAITING_EVENTS: usize = 4;

/// Why a request has no usable response.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The agent cannot be reached: no process listens there, for example.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address.
        address: ServerAddress,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The connection broke, or the peer does not speak HTTP.
    #[error("cannot request {path} from {address}")]
    Http {
        /// The address.
        address: ServerAddress,
        /// The path and query of the request.
        path: String,
        /// The cause.
        source: axum::BoxError,
    },
    /// The response was not complete in time.
    #[error("no response from {address} to {path} within {RESPONSE_TIME:?}")]
    Late {
        /// The address.
        address: ServerAddress,
        /// The path and query of the request.
        path: String,
    },
    /// A stream was silent for too long.
    #[error("{address} has sent nothing over {path} for {SILENCE:?}")]
    Silent {
        /// The address.
        address: ServerAddress,
        /// The path and query of the request.
        path: String,
    },
    /// The agent responded with an error.
    #[error("{address} responded to {path} with {status}: {text}")]
    Refused {
        /// The address.
        address: ServerAddress,
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
        address: ServerAddress,
        /// The path and query of the request.
        path: String,
        /// The first difference.
        source: serde_json::Error,
    },
}

/// A client of one agent. It holds no connection between requests.
#[derive(Clone, Debug)]
pub struct Client {
    address: ServerAddress,
}

impl Client {
    /// Creates a client of the agent that listens on `address`. If that is unspecified, the client uses loopback.
    #[must_use]
    pub fn new(address: impl Into<ServerAddress>) -> Self {
        Self { address: address.into().to_reach() }
    }

    /// Returns the address that requests are sent to.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Requests `path` and reads the response as JSON.
    ///
    /// # Errors
    ///
    /// Fails if the agent cannot be reached, responds late or with an error, or with other JSON than expected.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let (address, known) = (|| self.address.clone(), path.to_owned());
        let body = timeout(RESPONSE_TIME, self.fetch(path)).await;
        let body = body.map_err(|_| ClientError::Late { address: address(), path: path.to_owned() })??;
        let failed = |source| ClientError::NotUnderstood { address: address(), path: known, source };
        serde_json::from_slice(&body).map_err(failed)
    }

    /// Follows the agent: its state, the history if it is wanted, then every second, and a farewell when the agent ends.
    ///
    /// An error is the last item. Without a farewell or an error before it, the end means that the connection broke.
    /// Events of kinds that this version does not know are left out. Dropping the stream closes the connection.
    pub fn stream(
        &self,
        with_history: bool,
    ) -> impl Stream<Item = Result<Event, ClientError>> + Send + Unpin + use<> {
        let (sender, events) = mpsc::channel(WAITING_EVENTS);
        let client = self.clone();
        let path = if with_history { "/api/v1/stream?history=1" } else { "/api/v1/stream" };
        drop(tokio::spawn(async move {
            let follow = client.follow(path, &sender);
            tokio::select! {
                followed = follow => if let Err(error) = followed {
                    let _ = sender.send(Err(error)).await;
                },
                () = sender.closed() => {}
            }
        }));
        Box::pin(stream::unfold(events, async |mut events| Some((events.recv().await?, events))))
    }

    /// Forwards the events of a stream until it ends.
    async fn follow(
        &self,
        path: &str,
        events: &mpsc::Sender<Result<Event, ClientError>>,
    ) -> Result<(), ClientError> {
        let address = &self.address;
        let stream = self.connect().await?;
        let mut problem = None;
        let read = async |response: Response<Body>| {
            problem = forward(address, path, response, events).await?.err();
            Ok(())
        };
        let followed = exchange(stream, &address.host(), path, read).await;
        followed.map_err(|source| self.broken(path, source))?;
        problem.map_or(Ok(()), Err)
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let stream = timeout(CONNECT_TIME, http::connect(&self.address));
        let stream = stream.await.unwrap_or_else(|late| Err(late.into()));
        stream.map_err(|source| ClientError::Connect { address: self.address.clone(), source })
    }

    fn broken(&self, path: &str, source: axum::BoxError) -> ClientError {
        ClientError::Http { address: self.address.clone(), path: path.to_owned(), source }
    }

    async fn fetch(&self, path: &str) -> Result<Bytes, ClientError> {
        let address = &self.address;
        let stream = self.connect().await?;
        let read = async |response: Response<_>| {
            let (status, body) = (response.status(), response.into_body());
            Ok((status, to_bytes(body, MAX_BYTES).await?))
        };
        let exchanged = exchange(stream, &address.host(), path, read).await;
        let (status, body) = exchanged.map_err(|source| self.broken(path, source))?;
        if status.is_success() { Ok(body) } else { Err(refused(address, path, status, &body)) }
    }
}

fn refused(address: &ServerAddress, path: &str, status: StatusCode, body: &[u8]) -> ClientError {
    let text = String::from_utf8_lossy(body).trim().to_owned();
    ClientError::Refused { address: address.clone(), path: path.to_owned(), status, text }
}

/// Forwards the events of a response. The outer error is the connection's; the inner one is a response that cannot be
/// used.
async fn forward(
    address: &ServerAddress,
    path: &str,
    response: Response<Body>,
    events: &mpsc::Sender<Result<Event, ClientError>>,
) -> Result<Result<(), ClientError>, axum::BoxError> {
    let (status, body) = (response.status(), response.into_body());
    if !status.is_success() {
        return Ok(Err(refused(address, path, status, &to_bytes(body, MAX_BYTES).await?)));
    }
    let (mut parser, mut pieces) = (Parser::default(), body.into_data_stream());
    loop {
        let Ok(piece) = timeout(SILENCE, pieces.next()).await else {
            return Ok(Err(ClientError::Silent { address: address.clone(), path: path.to_owned() }));
        };
        let Some(piece) = piece else { return Ok(Ok(())) };
        parser.push(&piece?)?;
        while let Some(message) = parser.next() {
            let event = match Event::read(&message) {
                Ok(event) => event,
                Err(source) => {
                    let (address, path) = (address.clone(), path.to_owned());
                    return Ok(Err(ClientError::NotUnderstood { address, path, source }));
                }
            };
            if let Some(event) = event
                && events.send(Ok(event)).await.is_err()
            {
                return Ok(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use netmon_model::fixtures;
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        api,
        live::{Readiness, fake::Direct},
        server::{Options, serve},
    };

    async fn agent() -> SocketAddr {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listeners = listener.try_into().unwrap();
        drop(serve(
            listeners,
            Arc::new(Direct { hooks_attached: 3 }),
            Options::default(),
            std::future::pending(),
        ));
        address
    }

    #[tokio::test]
    async fn an_agent_that_listens_on_all_addresses_is_reached_on_loopback() {
        let client = Client::new(agent().await);
        assert!(client.address().is_local());
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
    async fn a_stream_begins_with_the_topology_and_an_unreachable_one_is_an_error() {
        let mut events = Client::new(agent().await).stream(false);
        let first = events.next().await.unwrap().unwrap();
        let Event::Topology(topology) = first else { panic!("{first:?}") };
        assert_eq!(topology.links[0].name, fixtures::direct().links[0].name);

        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut events = Client::new(socket.local_addr().unwrap()).stream(true);
        assert!(matches!(events.next().await, Some(Err(ClientError::Connect { .. }))));
        assert!(events.next().await.is_none());
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
