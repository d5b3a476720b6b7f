//! Both sides against each other, over real sockets. The bounds are tested with the agent's interface (`server`).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use hyper::Response;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, yield_now},
    time::timeout,
};

use super::{Acceptor, Limits, Overload, exchange};

/// Longer than any step here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);
/// Enough for every task to run, and for the sockets to be looked at, which the runtime does every 61 turns.
const TURNS: u32 = 1000;

async fn serve(router: Router, limits: Limits) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = Acceptor::new(vec![listener.into()], router, limits, Overload::Wait);
    (address, tokio::spawn(acceptor.run(std::future::pending())))
}

async fn text(address: SocketAddr) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let read = async |response: Response<Body>| Ok(to_bytes(response.into_body(), usize::MAX).await?);
    let body = timeout(PATIENCE, exchange(stream, "localhost", "/", read)).await.unwrap().unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_knows_the_address_of_its_client() {
    let router = Router::new()
        .route("/", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.to_string()));
    let (address, _server) = serve(router, Limits::default()).await;
    let client: SocketAddr = text(address).await.parse().unwrap();
    assert!(client.ip().is_loopback() && client != address, "{client}");
}

#[tokio::test]
async fn a_connection_too_many_waits_until_another_one_ends() {
    let has_ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&has_ended);
    let router = Router::new().route("/", get(async move || seen.load(Ordering::SeqCst).to_string()));
    let (address, _server) = serve(router, Limits { connections: 1, ..Limits::default() }).await;
    // The first connection is accepted before the second, which the kernel queued behind it.
    let holder = TcpStream::connect(address).await.unwrap();
    let waiting = tokio::spawn(text(address));
    // All tasks share this thread: a server that did not wait would have answered after a few turns of each.
    for _ in 0..TURNS {
        yield_now().await;
    }
    has_ended.store(true, Ordering::SeqCst);
    drop(holder);
    assert_eq!(waiting.await.unwrap(), "true");
}

/// Sends bytes over a connection of their own, and returns what is answered.
async fn answer(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_that_is_none_is_answered_with_the_headers_of_every_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { header_bytes: 8192, ..Limits::default() };
    let router = Router::new().route("/", get(async || ([("x-one", "1")], "served")));
    let acceptor = Acceptor::new(vec![listener.into()], router, limits, Overload::Wait);
    let acceptor = acceptor.with_early_headers("x-one: 1\r\n".into());
    let _server = tokio::spawn(acceptor.run(std::future::pending()));
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(9000));
    for (request, status) in [("no request\r\n\r\n", "400 Bad Request"), (&large, "431 ")] {
        let answer = answer(address, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.matches("\r\nx-one: 1\r\n").count(), 1, "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = answer(address, request).await;
    assert_eq!(answer.matches("x-one: 1").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_body_without_an_end_is_read_as_it_arrives() {
    let endless = async || {
        let first = stream::iter([Ok::<_, std::io::Error>("tick\n")]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let (address, _server) = serve(Router::new().route("/", get(endless)), Limits::default()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let read = async |response: Response<Body>| {
        let mut pieces = response.into_body().into_data_stream();
        Ok(pieces.next().await.ok_or("the body ended")??)
    };
    let first = timeout(PATIENCE, exchange(stream, "localhost", "/", read)).await.unwrap().unwrap();
    assert_eq!(first, "tick\n");
}

#[tokio::test]
async fn aborting_a_server_closes_its_connections() {
    let (address, server) = serve(Router::new(), Limits::default()).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        assert_ne!(idle.read_buf(&mut answer).await.unwrap(), 0, "it is accepted and answered");
    }
    server.abort();
    let read = timeout(PATIENCE, idle.read(&mut [0; 1])).await.expect("the connection ends");
    assert!(!matches!(read, Ok(1..)), "closed or reset, and nothing was sent");
}
