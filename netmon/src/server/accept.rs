//! Connections: accepted up to a bound, served with deadlines, drained at the end.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::{limits::Limits, readings::Readings};

/// What a client gets that comes when all connections are taken.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\
    content-length: 21\r\nretry-after: 1\r\nconnection: close\r\n\r\ntoo many connections\n";
/// How long a refused client has to read why.
const REFUSAL_TIME: Duration = Duration::from_millis(250);
/// Pause after an accept that failed for want of descriptors or memory, which only time can mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The accept loop and all that its connections share.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) readings: Arc<Readings>,
}

impl Acceptor {
    /// Serves until `shutdown` is done, and returns when every connection has ended.
    pub(super) async fn run(self, shutdown: impl Future<Output = ()>) {
        let (closing, _) = watch::channel(());
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        // As many again may be told that there is no room; whoever comes beyond that is just closed.
        let refusals = Arc::new(Semaphore::new(self.limits.connections));
        let mut tasks = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let stream = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        pause_after(&error).await;
                        continue;
                    }
                },
                // Ended tasks are collected as they end, not at the end.
                Some(_) = tasks.join_next() => continue,
            };
            if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                let connection = serve(stream, self.router.clone(), self.limits, closing.subscribe());
                tasks.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            } else {
                self.readings.refused.fetch_add(1, Ordering::Relaxed);
                if let Ok(slot) = Arc::clone(&refusals).try_acquire_owned() {
                    tasks.spawn(async move {
                        let _ = tokio::time::timeout(REFUSAL_TIME, refuse(stream)).await;
                        drop(slot);
                    });
                }
            }
        }
        drop(self.listener);
        closing.send_replace(());
        let drained = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.drain_time, drained).await.is_err() {
            tasks.shutdown().await;
        }
    }
}

async fn pause_after(error: &io::Error) {
    // A client that went away before it was accepted is no reason to wait.
    if error.kind() != io::ErrorKind::ConnectionAborted {
        log::warn!("cannot accept an HTTP connection: {error}");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Serves one connection until it ends, or until `closing` and its answer is out.
async fn serve(stream: TcpStream, router: Router, limits: Limits, mut closing: watch::Receiver<()>) {
    let stall_ms = u32::try_from(limits.stall_time.as_millis()).unwrap_or(u32::MAX);
    // Bounds how long sent data may stay unacknowledged, a closed window included (tcp(7)).
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&stream, stall_ms) {
        log::debug!("cannot bound the time of an HTTP connection: {error}");
    }
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_header_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("an HTTP connection ended early: {error}");
    }
}

/// Says why, and waits for the client to close: closing first, with its request unread, would reset the
/// connection and take the answer away.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(TOO_MANY).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
