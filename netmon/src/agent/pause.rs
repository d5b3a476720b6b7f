//! A link's hooks lent to somebody who compares the link with and without them (`netmon overhead`).
//!
//! Whoever has them says when they come off and go on, over the connection that the question came by. They
//! are put on when that connection ends, however it does, and when nothing is said for too long.

use std::{sync::Arc, time::Duration};

use log::{info, warn};
use netmon_model::{error::chain, names::LinkName};
use tokio::task::spawn_blocking;

use super::watcher::Watcher;
use crate::control::{Answer, Connection, HookCommand};

/// How long the hooks may be off without a word.
const SILENCE: Duration = Duration::from_secs(10);

/// Does as the asker says until it hangs up.
pub(crate) async fn lend(mut question: Connection, link: LinkName, watcher: Arc<Watcher>) {
    if !watcher.lend(&link) {
        let errors = vec![format!("somebody else compares link {link} with and without hooks just now")];
        return question.answer(&Answer { errors, refused: None }).await;
    }
    info!("link {link}: asked to take its hooks off now and then, for a comparison");
    // Hooks that are on are put on: that shows at once whether there is such a link.
    let mut order = Some(HookCommand::On);
    while let Some(now) = order {
        let answer = set(&watcher, &link, now).await;
        question.reply(&answer).await;
        order = question.next_command(SILENCE).await;
    }
    let back = set(&watcher, &link, HookCommand::On).await;
    watcher.take_back(&link);
    match back.errors.first() {
        None => info!("link {link}: its hooks are on for good"),
        Some(error) => warn!("link {link} is not watched: {error}"),
    }
}

/// Each namespace is entered on a thread of its own, which is waited for.
async fn set(watcher: &Arc<Watcher>, link: &LinkName, order: HookCommand) -> Answer {
    let (watcher, link) = (Arc::clone(watcher), link.clone());
    let done = spawn_blocking(move || watcher.set_hooks(&link, order)).await;
    let errors = match done {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(error)) => vec![chain(&error)],
        Err(panicked) => vec![panicked.to_string()],
    };
    Answer { errors, refused: None }
}
