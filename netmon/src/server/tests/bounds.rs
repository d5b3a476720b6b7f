//! The bounds on what a client can take up, and shutdown.

use std::time::{Duration, Instant};

use netmon_model::fixtures;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Answer, Fake, PATIENCE, Server};
use crate::{live::Readiness, server::Limits};

#[tokio::test]
async fn a_client_that_sends_its_headers_too_slowly_is_disconnected() {
    let limits = Limits { header_time: Duration::from_millis(150), ..Limits::default() };
    let server = Server::start(Fake(|| Ok(fixtures::direct()), Readiness::from_hooks(4, 4)), limits).await;
    let mut silent = server.connect().await;
    let mut dripping = server.connect().await;
    let began = Instant::now();
    let drip = async {
        // A byte at a time, each well within the limit. The limit is for all of them.
        for byte in b"GET /metrics HTTP/1.1\r\nx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".iter().cycle() {
            if dripping.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("the dripping client is cut off");
    let answer = Answer::read_from(&mut silent).await;
    assert_ne!(answer.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn headers_that_are_too_long_or_too_many_are_a_431() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let long = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    assert_eq!(server.raw(long.as_bytes()).await.status, 431);
    let many = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(500));
    assert_eq!(server.raw(many.as_bytes()).await.status, 431);
    let long_path =
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", "a".repeat(30_000));
    assert!([414, 431].contains(&server.raw(long_path.as_bytes()).await.status));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_503() {
    let limits = Limits { request_time: Duration::from_millis(100), ..Limits::default() };
    let slow = || {
        #[expect(clippy::disallowed_methods, reason = "a reading that takes too long")]
        std::thread::sleep(Duration::from_millis(600));
        Ok(fixtures::direct())
    };
    let server = Server::start(Fake(slow, Readiness::from_hooks(4, 4)), limits).await;
    let answer = server.get("/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "no answer within 100ms\n"));
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let limits = Limits { connections: 1, stall_time: Duration::from_millis(300), ..Limits::default() };
    let source = Fake(|| Ok(fixtures::star(400)), Readiness::from_hooks(4, 4));
    let server = Server::start(source, limits).await;
    let mut stalled = server.connect().await;
    stalled.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // The first byte shows that the answer is being sent. The rest is never read.
    timeout(PATIENCE, stalled.read_u8()).await.unwrap().unwrap();
    // The next client takes its place, once it has been stalled for long enough.
    assert_eq!(server.get("/healthz").await.status, 200);
    let rest = async { while stalled.read(&mut [0; 65536]).await.is_ok_and(|length| length > 0) {} };
    timeout(PATIENCE, rest).await.expect("the stalled client is disconnected");
}

#[tokio::test]
async fn shutdown_finishes_the_answer_in_flight_and_closes_idle_connections() {
    let slow = || {
        #[expect(clippy::disallowed_methods, reason = "a reading that is under way at the end")]
        std::thread::sleep(Duration::from_millis(150));
        Ok(fixtures::direct())
    };
    let server = Server::of(slow).await;
    let idle = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    waiting.read_u8().await.unwrap();
    let mut asking = server.connect().await;
    asking.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let began = Instant::now();
    server.end.send(()).unwrap();
    let answer = Answer::read_from(&mut asking).await;
    assert_eq!(answer.status, 200);
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(TcpStream::connect(("127.0.0.1", server.port)).await.is_err(), "the listener is closed");
    drop(idle);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_an_answer_that_is_stuck() {
    let stuck = || {
        #[expect(clippy::disallowed_methods, reason = "a reading that is stuck")]
        std::thread::sleep(Duration::from_secs(2));
        Ok(fixtures::direct())
    };
    let server = Server::of(stuck).await;
    let mut asking = server.connect().await;
    asking.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    server.end.send(()).unwrap();
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}
