//! `netmon up` and `netmon down`, as a user runs them: the whole process, from its start to its end.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use netmon_model::lab::Lab;
use netmon_tests::binary::netmon;

/// A lab file of `netmon generate star`.
pub(crate) struct Subject {
    file: String,
    /// The address inside each namespace.
    pub(crate) inside: Vec<String>,
}

impl Subject {
    pub(crate) fn of(count: u32) -> Result<Self> {
        let file = format!("/run/sandbox/star-{count}.toml");
        let wanted = count.to_string();
        let output = Command::new(netmon()).args(["generate", "star", "-n", &wanted]).output()?;
        if !output.status.success() {
            bail!("netmon generate: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::write(&file, output.stdout)?;
        let mut subject = Self { file, inside: Vec::new() };
        let far = subject.lab()?.links.into_iter().filter_map(|link| Some(link.b.addresses.first()?.addr()));
        subject.inside = far.map(|address| address.to_string()).collect();
        Ok(subject)
    }

    /// The lab file.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Reads the lab in the file.
    pub(super) fn lab(&self) -> Result<Lab> {
        netmon_labfile::open(Some(self.file.as_ref())).context("a generated lab file")
    }

    pub(super) fn up(&self) -> Result<Duration> {
        self.run("up")
    }

    pub(super) fn down(&self) -> Result<Duration> {
        self.run("down")
    }

    fn run(&self, verb: &str) -> Result<Duration> {
        let begun = Instant::now();
        let output = Command::new(netmon()).args([verb, &self.file]).stdin(Stdio::null()).output()?;
        let took = begun.elapsed();
        if !output.status.success() {
            bail!("netmon {verb}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(took)
    }
}
