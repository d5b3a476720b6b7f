//! What a server asks of clients that come over TCP: encryption, and who they are.
//!
//! A trait, so that servers and the acceptor know nothing of certificates and passwords. Clients of a unix socket are asked for
//! nothing: the mode of its file says who they are.

use std::{fmt, io, pin::Pin};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};

use super::Connection;

/// The result of an operation that takes its time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How clients are secured.
pub trait Secure: fmt::Debug + Send + Sync {
    /// Returns whether connections are encrypted. Does not change while a server runs.
    fn is_encrypted(&self) -> bool;

    /// Returns whether clients have to say who they are. May change.
    fn is_authenticated(&self) -> bool;

    /// Makes an accepted connection an encrypted one, if connections are.
    ///
    /// The error is for a client that does not speak TLS, or not as the server wants.
    fn encrypt(&self, connection: Connection) -> Later<'_, io::Result<Connection>>;

    /// Checks the credentials in a request's headers. The error is the response to the client.
    fn check<'a>(&'a self, headers: &'a HeaderMap) -> Later<'a, Result<(), Box<Response>>>;

    /// Returns headers for every response.
    fn headers(&self) -> Vec<(HeaderName, HeaderValue)>;
}
