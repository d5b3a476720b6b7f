//! `netmon-screenshots FOLDER`: pictures of the page and of `netmon top` from a running lab with traffic. Needs root.
//!
//! `cargo xtask screenshots` builds and starts it. It works in network and mount namespaces of its own.

mod page;
mod terminal;
mod traffic;

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use netmon_tests::{agent::Agent, browser, sandbox::sandbox};

/// The lab of the pictures.
const LAB: &str = include_str!("lab.toml");
const FILE: &str = "/run/sandbox/office.toml";

fn main() -> Result<()> {
    let folder: PathBuf = env::args_os().nth(1).context("usage: netmon-screenshots FOLDER")?.into();
    if let Some(reason) = browser::missing() {
        bail!("{reason}");
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    sandbox(|| {
        std::fs::write(FILE, LAB).context("cannot write the lab")?;
        let _agent = Agent::start([FILE]);
        let _traffic = traffic::start()?;
        page::pictures(&folder);
        terminal::pictures(&folder)
    })
}
