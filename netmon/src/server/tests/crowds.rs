//! More clients than places: a scrape gets in beside any number that hold connections, and those that are refused learn why.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use netmon_model::fixtures;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use super::{Answer, Fake, PATIENCE, Server, eventually};
use crate::{
    api::client::{Client, ClientError},
    live::Readiness,
    server::{Limits, Options},
};

/// How a client of a crowd behaves, on one connection after the other.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// It sends nothing.
    Idle,
    /// It never ends its headers.
    Slow,
    /// It requests scrapes without a pause.
    Busy,
    /// It requests scrapes, and reads none.
    Unread,
}

async fn behave(port: u16, manner: Manner, connected: &AtomicUsize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    connected.fetch_add(1, Ordering::SeqCst);
    let mut answer = vec![0; 1 << 16];
    match manner {
        Manner::Idle => drop(stream.read(&mut answer).await?),
        Manner::Slow => {
            stream.write_all(b"GET /metrics HTTP/1.1\r\n").await?;
            loop {
                stream.write_all(b"x: a\r\n").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Manner::Busy => loop {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
            if stream.read(&mut answer).await? == 0 {
                break;
            }
        },
        Manner::Unread => {
            let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
            loop {
                stream.write_all(request).await?;
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(())
}

/// Returns how many scrapes get in beside a crowd, one after the other.
async fn scrapes_beside(crowd: usize, manner: Manner, scrapes: usize) -> usize {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let (mut clients, connected) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..crowd {
        let (port, connected) = (server.port, Arc::clone(&connected));
        clients.spawn(async move {
            loop {
                let _ = behave(port, manner, &connected).await;
                tokio::task::yield_now().await;
            }
        });
    }
    let all = async {
        while connected.load(Ordering::SeqCst) < crowd {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all).await.expect("every client of the crowd connects");
    let mut answered = 0;
    for _ in 0..scrapes {
        let answer = server.get("/metrics").await;
        answered += usize::from(answer.status == 200 && answer.body.contains("netmon_packets_total{"));
    }
    clients.shutdown().await;
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scrapes_get_in_beside_64_idle_clients() {
    assert_eq!(scrapes_beside(64, Manner::Idle, 45).await, 45);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scrapes_get_in_beside_200_clients_that_send_headers_slowly() {
    assert_eq!(scrapes_beside(200, Manner::Slow, 45).await, 45);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scrapes_get_in_beside_60_busy_clients() {
    assert_eq!(scrapes_beside(60, Manner::Busy, 45).await, 45);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scrapes_get_in_beside_64_clients_that_read_no_answer() {
    assert_eq!(scrapes_beside(64, Manner::Unread, 6).await, 6);
}

impl Drop for Jammed {
    /// A test that fails would wait for the reading otherwise.
    fn drop(&mut self) {
        self.is_free.store(true, Ordering::SeqCst);
    }
}

/// A server with one connection, whose readings wait until they are let through.
struct Jammed {
    server: Server,
    is_reading: Arc<AtomicBool>,
    is_free: Arc<AtomicBool>,
}

impl Jammed {
    async fn start() -> Self {
        let [is_reading, is_free] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let (reading, free) = (Arc::clone(&is_reading), Arc::clone(&is_free));
        let source = move || {
            reading.store(true, Ordering::SeqCst);
            while !free.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            Ok(fixtures::direct())
        };
        let limits = Limits { connections: 1, ..Limits::default() };
        // Without a history, only requests cause readings.
        let options = Options { limits, history_bytes: None, ..Options::default() };
        let server = Server::with(Fake(source, Readiness::from_hooks(4, 4)), options).await;
        Self { server, is_reading, is_free }
    }

    /// Sends a request that is being answered from now on.
    async fn ask(&self, headers: &str) -> TcpStream {
        let mut asking = self.server.connect().await;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        asking.write_all(request.as_bytes()).await.unwrap();
        let begun = async {
            while !self.is_reading.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, begun).await.expect("the request is being answered");
        asking
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_is_being_answered_is_kept_and_the_next_one_is_told_why() {
    let jammed = Jammed::start().await;
    let mut asking = jammed.ask("connection: close\r\n").await;
    let server = &jammed.server;
    let refused = eventually(server, "/healthz", |answer| answer.status == 503).await;
    let said =
        "all 1 connections are in use, or half of them by clients of this address; try again in a second\n";
    assert_eq!(refused.body, said);
    for header in ["x-content-type-options: nosniff", "content-security-policy: ", "cache-control: no-store"]
    {
        assert!(refused.head.contains(header), "no {header} in {}", refused.head);
    }
    let client = Client::new(std::net::SocketAddr::from(([127, 0, 0, 1], server.port)));
    let error = client.get::<Readiness>("/readyz").await.unwrap_err();
    let ClientError::Refused { text, .. } = &error else { panic!("{error:?}") };
    assert_eq!(text, said.trim_end());

    jammed.is_free.store(true, Ordering::SeqCst);
    assert_eq!(Answer::read_from(&mut asking).await.status, 200);
    let text = eventually(server, "/metrics", |answer| answer.status == 200).await.body;
    let counted = text.lines().find(|line| line.starts_with("netmon_errors_total{kind=\"http_refused\"}"));
    assert!(!counted.unwrap().ends_with(" 0"), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_waits_gets_in_when_an_answer_is_complete() {
    let jammed = Jammed::start().await;
    // It would keep its connection.
    let mut asking = jammed.ask("").await;
    let waiting = jammed.server.get("/healthz");
    let freed = async {
        tokio::task::yield_now().await;
        jammed.is_free.store(true, Ordering::SeqCst);
    };
    let (answer, ()) = tokio::join!(waiting, freed);
    assert_eq!(answer.status, 200);
    let first = Answer::read_from(&mut asking).await;
    assert!(first.status == 200 && first.body.contains("netmon_packets_total{"), "{first:?}");
}
