//! Hears the agent in tasks of their own: the stream, and what a view asks for in addition. Input never waits for them.
//!
//! A lost connection is tried again each second, and the agent is looked for anew each time: another one of the same lab
//! may listen at another address.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use hyper::StatusCode;
use netmon_model::server_address::ServerAddress;
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
pub type FindAgent = Arc<dyn Fn() -> Result<ServerAddress, String> + Send + Sync>;

/// Sends what the stream says, and says when it cannot be heard, until the receiver is gone.
pub(super) async fn follow(
    find: FindAgent,
    addresses: watch::Sender<ServerAddress>,
    messages: Sender<Message>,
) {
    let mut heard = Instant::now();
    loop {
        let (reason, pause) = match find() {
            Ok(address) => {
                addresses.send_if_modified(|known| std::mem::replace(known, address.clone()) != address);
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
async fn listen(
    client: &Client,
    messages: &Sender<Message>,
    heard: &mut Instant,
) -> Result<bool, ClientError> {
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
    addresses: watch::Receiver<ServerAddress>,
    messages: Sender<Message>,
) {
    loop {
        let want = wants.borrow_and_update().clone();
        let client = Client::new(addresses.borrow().clone());
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

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;
    use tokio::{
        net::TcpListener,
        sync::{mpsc, oneshot},
        time::timeout,
    };

    use super::*;
    use crate::{
        live::fake::Direct,
        server::{self, serve},
    };

    /// Longer than any step here takes, so that a test fails instead of hanging.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// An agent, and what ends it.
    async fn agent() -> (ServerAddress, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let shutdown = async move { drop(ended.await) };
        let listeners = listener.try_into().unwrap();
        drop(serve(listeners, Arc::new(Direct { hooks_attached: 4 }), server::Options::default(), shutdown));
        (address.into(), end)
    }

    async fn next(messages: &mut mpsc::Receiver<Message>) -> Message {
        timeout(PATIENCE, messages.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn the_end_of_an_agent_is_said_with_its_reason_and_the_next_one_is_found() {
        let (first, end) = agent().await;
        let (second, _end) = agent().await;
        let found = Arc::new(std::sync::Mutex::new(Ok(first.clone())));
        let find: FindAgent = Arc::new({
            let found = Arc::clone(&found);
            move || found.lock().unwrap().clone()
        });
        let (sender, mut messages) = mpsc::channel(8);
        let (address, addresses) = watch::channel(first);
        let task = tokio::spawn(follow(find, address, sender));
        assert!(matches!(next(&mut messages).await, Message::Topology(_)));
        *found.lock().unwrap() = Err("no agent runs lab direct".to_owned());
        end.send(()).unwrap();
        let mut reasons = Vec::new();
        while reasons.len() < 2 {
            if let Message::Lost { reason, .. } = next(&mut messages).await
                && !reasons.contains(&reason)
            {
                reasons.push(reason);
            }
        }
        assert_eq!(reasons, ["the agent has ended", "no agent runs lab direct"]);
        *found.lock().unwrap() = Ok(second.clone());
        while !matches!(next(&mut messages).await, Message::Topology(_)) {}
        assert_eq!(*addresses.borrow(), second);
        task.abort();
    }

    #[tokio::test]
    async fn a_view_is_answered_at_once_and_errors_are_answers() {
        let (running, _end) = agent().await;
        let (wants, wanted) = watch::channel(Want::Nothing);
        let (address, addresses) = watch::channel(running);
        let (sender, mut messages) = mpsc::channel(8);
        let task = tokio::spawn(answer(wanted, addresses, sender));
        let link = Want::Link(fixtures::direct().links[0].name.clone());
        wants.send(link.clone()).unwrap();
        let Message::Details(want, Answer::Links(links)) = next(&mut messages).await else {
            panic!("no links")
        };
        assert_eq!((want, links.links.len()), (link, 1));
        assert!(matches!(next(&mut messages).await, Message::Details(_, Answer::Flows(_))));
        wants.send(Want::Connections).unwrap();
        while !matches!(next(&mut messages).await, Message::Details(Want::Connections, Answer::Flows(_))) {}

        // Bound and not listening: connections are refused.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        address.send(socket.local_addr().unwrap().into()).unwrap();
        wants.send(Want::Drops).unwrap();
        let refused = loop {
            if let Message::Details(Want::Drops, Answer::Failed(error)) = next(&mut messages).await {
                break error;
            }
        };
        assert!(refused.contains("Connection refused"), "{refused}");
        task.abort();
    }

    #[test]
    fn an_agent_without_a_place_is_asked_again_later() {
        let refused = |status| {
            Err(ClientError::Refused {
                address: ServerAddress::Tcp(([127, 0, 0, 1], 9477).into()),
                path: "/api/v1/stream".to_owned(),
                status,
                text: "all 32 places for streams are taken".to_owned(),
            })
        };
        assert_eq!(pause(&refused(StatusCode::SERVICE_UNAVAILABLE)), NO_PLACE);
        assert_eq!(pause(&refused(StatusCode::BAD_REQUEST)), AGAIN);
        assert_eq!(explain(&refused(StatusCode::SERVICE_UNAVAILABLE)), "all 32 places for streams are taken");
        assert_eq!(pause(&Ok(true)), AGAIN);
    }
}
