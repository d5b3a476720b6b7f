//! Hears the agent in tasks of their own: the stream, and what a view asks for in addition. Input never waits for them.
//!
//! A lost connection is tried again each second, and the agent is looked for anew each time: another one of the same lab
//! may listen at another address.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use hyper::StatusCode;
use tokio::{
    sync::{mpsc::Sender, watch},
    time::sleep,
};

use super::{
    read,
    state::{Answer, Message, Want},
};
use crate::api::{
    Event, Flows, Links,
    client::{Client, ClientError},
};

/// How long to wait before the stream is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long to wait if the agent has no place for a stream: what its `Retry-After` says.
const NO_PLACE: Duration = Duration::from_secs(5);
/// How often what a view asks for is read.
const DETAILS: Duration = Duration::from_secs(2);
/// The same, with many links.
const MANY_DETAILS: Duration = Duration::from_secs(6);
/// From here on there are many links.
const MANY_LINKS: usize = 64;
/// At most this many connections are read.
const CONNECTIONS: usize = 500;

/// Finds the agent, or says in words why there is none.
pub type FindAgent = Arc<dyn Fn() -> Result<SocketAddr, String> + Send + Sync>;

/// Sends what the stream says, and says when it cannot be heard, until the receiver is gone.
pub(super) async fn follow(find: FindAgent, addresses: watch::Sender<SocketAddr>, messages: Sender<Message>) {
    let mut heard = Instant::now();
    loop {
        let (reason, pause) = match find() {
            Ok(address) => {
                addresses.send_if_modified(|known| std::mem::replace(known, address) != address);
                let ended = listen(&Client::new(address), &messages, &mut heard).await;
                (explain(&ended), pause(&ended))
            }
            Err(reason) => (reason, AGAIN),
        };
        let again = Instant::now() + pause;
        while Instant::now() < again {
            let lost = Message::Lost { reason: reason.clone(), seconds: heard.elapsed().as_secs() };
            if messages.send(lost).await.is_err() {
                return;
            }
            sleep(AGAIN).await;
        }
    }
}

/// Forwards the events of one stream. Returns why it ended.
async fn listen(client: &Client, messages: &Sender<Message>, heard: &mut Instant) -> Result<bool, ClientError> {
    let mut events = client.stream(true);
    while let Some(event) = events.next().await {
        let event = event?;
        *heard = Instant::now();
        let is_farewell = matches!(event, Event::Bye(_));
        let Some(message) = read::message(event) else { return Ok(is_farewell) };
        if messages.send(message).await.is_err() {
            break;
        }
    }
    Ok(false)
}

fn pause(ended: &Result<bool, ClientError>) -> Duration {
    match ended {
        Err(ClientError::Refused { status: StatusCode::SERVICE_UNAVAILABLE, .. }) => NO_PLACE,
        _ => AGAIN,
    }
}

fn explain(ended: &Result<bool, ClientError>) -> String {
    match ended {
        Ok(true) => "the agent has ended".to_owned(),
        Ok(false) => "the connection was closed".to_owned(),
        Err(error) => in_words(error),
    }
}

/// An error with its causes, on one line.
pub(super) fn in_words(error: &ClientError) -> String {
    if let ClientError::Refused { text, .. } = error {
        return text.clone();
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Reads what the view wants, at once and then every few seconds.
pub(super) async fn answer(
    mut wants: watch::Receiver<Want>,
    addresses: watch::Receiver<SocketAddr>,
    messages: Sender<Message>,
) {
    loop {
        let want = wants.borrow_and_update().clone();
        let client = Client::new(*addresses.borrow());
        let mut pause = DETAILS;
        for answer in requested(&client, &want).await {
            if matches!(&answer, Answer::Links(links) if links.links.len() > MANY_LINKS) {
                pause = MANY_DETAILS;
            }
            if messages.send(Message::Details(want.clone(), answer)).await.is_err() {
                return;
            }
        }
        let changed = if want == Want::Nothing {
            wants.changed().await
        } else {
            tokio::select! {
                changed = wants.changed() => changed,
                () = sleep(pause) => Ok(()),
            }
        };
        if changed.is_err() {
            return;
        }
    }
}

async fn requested(client: &Client, want: &Want) -> Vec<Answer> {
    match want {
        Want::Nothing => Vec::new(),
        Want::Drops => vec![links(client, "/api/v1/links").await],
        Want::Connections => vec![flows(client, &format!("/api/v1/flows?limit={CONNECTIONS}")).await],
        Want::Link(name) => {
            let query = serde_urlencoded::to_string([("link", name.as_str())]).unwrap_or_default();
            let of_link = links(client, &format!("/api/v1/links?{query}")).await;
            vec![of_link, flows(client, &format!("/api/v1/flows?limit={CONNECTIONS}&{query}")).await]
        }
    }
}

async fn links(client: &Client, path: &str) -> Answer {
    let links: Result<Links, _> = client.get(path).await;
    links.map_or_else(|error| Answer::Failed(in_words(&error)), Answer::Links)
}

async fn flows(client: &Client, path: &str) -> Answer {
    let flows: Result<Flows, _> = client.get(path).await;
    flows.map_or_else(|error| Answer::Failed(in_words(&error)), Answer::Flows)
}
