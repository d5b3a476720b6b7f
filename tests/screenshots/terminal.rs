//! Pictures of `netmon top`: the links of the lab, one of them open, and the connections.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use netmon_tests::{terminal_picture::svg, tmux::Tmux};

/// What is shown, and when the screen shows it.
struct Picture {
    name: &'static str,
    rows: u16,
    arguments: &'static str,
    keys: &'static [&'static str],
    is_ready: fn(&str) -> bool,
}

const COLUMNS: u16 = 110;
const PICTURES: [Picture; 3] = [
    Picture { name: "top", rows: 16, arguments: "top", keys: &[], is_ready: has_totals },
    Picture {
        name: "top-link",
        rows: 36,
        arguments: "top",
        keys: &["/", "u", "p", "l", "i", "n", "k", "Enter", "Enter"],
        is_ready: |screen| screen.contains("Round trips") || screen.contains("ICMP echo"),
    },
    Picture {
        name: "top-connections",
        rows: 20,
        arguments: "top --view connections",
        keys: &[],
        is_ready: |screen| screen.contains("10.60.4.2:5201"),
    },
];

/// Returns whether the totals of a link are shown, which come with the first second.
fn has_totals(screen: &str) -> bool {
    screen.lines().any(|line| line.contains("uplink") && !line.contains(" - "))
}

/// Takes every picture. There has to be some history already.
pub(crate) fn pictures(folder: &Path) -> Result<()> {
    for Picture { name, rows, arguments, keys, is_ready } in PICTURES {
        let terminal = Tmux::start(name, (COLUMNS, rows), "LC_ALL=C.UTF-8", arguments);
        terminal.await_text("● live");
        for key in keys {
            terminal.keys(&[key]);
        }
        terminal.await_screen(name, is_ready);
        let file = folder.join(format!("{name}.svg"));
        let picture = svg(&format!("netmon {arguments}"), COLUMNS.into(), &terminal.styled_screen());
        fs::write(&file, picture).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
