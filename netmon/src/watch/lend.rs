//! A link's hooks lent to somebody who compares the link with and without them (`netmon overhead`).
//!
//! Whoever has them says when they come off and go on, over the connection that the question came by. They
//! are put on when that connection ends, however it does, and when nothing is said for too long.

use std::{sync::Arc, time::Duration};

use log::{info, warn};
use netmon_model::{error::chain, names::LinkName};
use tokio::task::spawn_blocking;

use super::watcher::Watcher;
use crate::control::{Connection, HookCommand, Refusal, RefusalKind, Reply};

/// How long the hooks may be off without a word.
const SILENCE: Duration = Duration::from_secs(10);

/// Does as the asker says until it hangs up.
pub(crate) async fn lend(mut connection: Connection, link: LinkName, watcher: Arc<Watcher>) {
    if !watcher.lend(&link) {
        let refusal = Refusal::new(
            RefusalKind::Failed,
            format!(
                "cannot pause the hooks of link {link}: another `netmon overhead` is using them; try again when it has \
                 finished"
            ),
        );
        return connection.finish(&Err(refusal)).await;
    }
    info!("link {link}: asked to take its hooks off now and then, for a comparison");
    // Hooks that are on are put on: that shows at once whether there is such a link.
    let mut order = Some(HookCommand::On);
    while let Some(now) = order {
        let reply = set(&watcher, &link, now).await;
        connection.reply(&reply).await;
        order = connection.next_command(SILENCE).await;
    }
    let back = set(&watcher, &link, HookCommand::On).await;
    watcher.take_back(&link);
    match back {
        Ok(()) => info!("link {link}: its hooks are on for good"),
        Err(error) => warn!("link {link} is not watched: {error}"),
    }
}

/// Each namespace is entered on a thread of its own, which is waited for.
async fn set(watcher: &Arc<Watcher>, link: &LinkName, order: HookCommand) -> Reply {
    let (watcher, link) = (Arc::clone(watcher), link.clone());
    let error = match spawn_blocking(move || watcher.set_hooks(&link, order)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => chain(&error),
        Err(panicked) => panicked.to_string(),
    };
    Err(Refusal::new(RefusalKind::Failed, error))
}
