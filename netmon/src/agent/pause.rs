//! Detaches and attaches a link's hooks for a comparison with and without them (`netmon overhead`).
//!
//! The client controls them over the connection of its request. The hooks are attached again when that connection ends,
//! for any reason, and when the client is silent for too long.

use std::{sync::Arc, time::Duration};

use log::{info, warn};
use netmon_model::{error::chain, names::LinkName};
use tokio::task::spawn_blocking;

use crate::{
    control::{Connection, HookCommand, Refusal, RefusalKind, Reply},
    watch::Watch,
};

/// The hooks are reattached if the client sends no command for this long.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves one comparison, until the client hangs up.
pub(super) async fn compare(mut connection: Connection, link: LinkName, watch: Arc<Watch>) {
    if !watch.begin_comparison(&link) {
        let error = format!(
            "cannot pause the hooks of link {link}: another `netmon overhead` is using them; try again when it has finished"
        );
        return connection.finish(&Err(Refusal::new(RefusalKind::Failed, error))).await;
    }
    info!("link {link}: hooks will be paused repeatedly for `netmon overhead`");
    // Attaching attached hooks changes nothing, and shows at once whether there is such a link.
    let mut command = Some(HookCommand::On);
    while let Some(now) = command {
        let reply = set(&watch, &link, now).await;
        connection.reply(&reply).await;
        command = connection.next_command(CLIENT_TIMEOUT).await;
    }
    let back = set(&watch, &link, HookCommand::On).await;
    watch.end_comparison(&link);
    match back {
        Ok(()) => info!("link {link}: hooks are attached again"),
        Err(error) => warn!("link {link} is not watched: {error}"),
    }
}

/// Attaches or detaches the hooks. Waits for a thread in each namespace, and so runs outside the asynchronous tasks.
async fn set(watch: &Arc<Watch>, link: &LinkName, command: HookCommand) -> Reply {
    let (watch, link, on) = (Arc::clone(watch), link.clone(), command == HookCommand::On);
    let error = match spawn_blocking(move || watch.set_hooks(&link, on)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => chain(&error),
        Err(panicked) => panicked.to_string(),
    };
    Err(Refusal::new(RefusalKind::Failed, error))
}
