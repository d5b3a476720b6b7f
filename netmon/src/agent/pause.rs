//! A link's hooks taken off and put back for a comparison with and without them (`netmon overhead`).
//!
//! The client says when, over the connection of its request. The hooks are put back when that connection ends, however it
//! does, and when the client is silent for too long.

use std::{sync::Arc, time::Duration};

use log::{info, warn};
use netmon_model::{error::chain, names::LinkName};
use tokio::task::spawn_blocking;

use crate::{
    control::{Answer, Connection, HookCommand},
    watch::Watch,
};

/// How long the hooks may be off without a command.
const SILENCE: Duration = Duration::from_secs(10);

/// Serves one comparison, until the client hangs up.
pub(super) async fn compare(mut connection: Connection, link: LinkName, watch: Arc<Watch>) {
    if !watch.begin_comparison(&link) {
        let errors = vec![format!("another comparison of link {link} with and without hooks is under way")];
        return connection.answer(&Answer { errors, refused: None }).await;
    }
    info!("link {link}: its hooks are taken off now and then, for a comparison");
    // Hooks that are on are put on: that shows at once whether there is such a link.
    let mut command = Some(HookCommand::On);
    while let Some(now) = command {
        let answer = set(&watch, &link, now).await;
        connection.reply(&answer).await;
        command = connection.next_command(SILENCE).await;
    }
    let back = set(&watch, &link, HookCommand::On).await;
    watch.end_comparison(&link);
    match back.errors.first() {
        None => info!("link {link}: its hooks are on for good"),
        Some(error) => warn!("link {link} is not watched: {error}"),
    }
}

/// Each namespace is entered on a thread of its own, which is waited for.
async fn set(watch: &Arc<Watch>, link: &LinkName, command: HookCommand) -> Answer {
    let (watch, link, on) = (Arc::clone(watch), link.clone(), command == HookCommand::On);
    let done = spawn_blocking(move || watch.set_hooks(&link, on)).await;
    let errors = match done {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(error)) => vec![chain(&error)],
        Err(panicked) => vec![panicked.to_string()],
    };
    Answer { errors, refused: None }
}
