//! `netmon top` on a terminal, over a made-up lab with traffic on four of five links.

use std::time::Duration;

use anyhow::Result;
use netmon_tests::{made_up::MadeUp, tmux::Tmux};

use super::share;

/// The history is drawn by then.
const WARM: Duration = Duration::from_secs(5);

/// Returns the share of a processor that `top` takes, per cent.
pub(super) fn measure(links: u32, seconds: u64) -> Result<f64> {
    let _lab = MadeUp::star(links);
    let terminal = Tmux::start(
        &format!("top-{links}"),
        (120, 40),
        "LC_ALL=C.UTF-8",
        &format!("top --address {}", netmon_tests::agent::ADDRESS),
    );
    terminal.await_text("● live");
    share::wait(WARM);
    let share = share::over(terminal.pid(), seconds)?;
    terminal.keys(&["q"]);
    Ok(share)
}
