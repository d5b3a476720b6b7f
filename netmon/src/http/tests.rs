//! Both sides against each other, over real sockets. The bounds are tested with the agent's interface (`server`).

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use hyper::Response;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use super::{Acceptor, Limits, Overload, exchange};

/// Longer than any step here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

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
    let router = Router::new().route("/", get(async || "served"));
    let (address, _server) = serve(router, Limits { connections: 1, ..Limits::default() }).await;
    // The first connection is accepted before the second, which the kernel queued behind it.
    let holder = TcpStream::connect(address).await.unwrap();
    let waiting = tokio::spawn(text(address));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    drop(holder);
    assert_eq!(waiting.await.unwrap(), "served");
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
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.abort();
    let read = timeout(PATIENCE, idle.read(&mut [0; 1])).await.expect("the connection ends");
    assert!(!matches!(read, Ok(1..)), "closed or reset, and nothing was sent");
}
