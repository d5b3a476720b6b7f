//! `netmon discover --follow -o json` in an island: the changes that it prints.

use std::{collections::BTreeMap, time::Duration};

use netmon_model::survey::{Change, Link, Namespace};

use crate::{binary::netmon, eventually::eventually, island::Island, running::Running};

const PATIENCE: Duration = Duration::from_secs(30);
/// The file with its number.
const PID: &str = "/run/sandbox/discover.pid";

/// The command, running.
#[derive(Debug)]
pub struct Following<'i> {
    island: &'i Island,
    running: Running,
}

/// What there is, after all changes so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The namespaces, by name.
    pub namespaces: BTreeMap<String, Namespace>,
    /// The links, by name.
    pub links: BTreeMap<String, Link>,
    /// How often everything was read again because events were lost.
    pub resyncs: usize,
}

impl<'i> Following<'i> {
    /// Starts it, and waits until it has printed what there is.
    ///
    /// # Panics
    ///
    /// If it prints nothing.
    #[must_use]
    pub fn start(island: &'i Island, arguments: &str) -> Self {
        let command = format!("exec {} discover --follow -o json {arguments}", netmon().display());
        let following = Self { island, running: island.start("discover", &command) };
        following
            .until("the namespace root", |picture| picture.namespaces.contains_key("root").then_some(()));
        following
    }

    /// Returns the changes so far.
    ///
    /// # Panics
    ///
    /// If a line is no change.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let output = self.running.output();
        let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let change =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        whole.lines().map(change).collect()
    }

    /// Returns what there is, by the changes so far.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let mut picture = Picture::default();
        self.changes().into_iter().for_each(|change| picture.apply(change));
        picture
    }

    /// Waits until the picture has something, and returns that.
    ///
    /// # Panics
    ///
    /// If it does not get it.
    pub fn until<T>(&self, what: &str, mut has: impl FnMut(&Picture) -> Option<T>) -> T {
        eventually(what, PATIENCE, || has(&self.picture()))
    }

    /// Waits until there are exactly these links.
    ///
    /// # Panics
    ///
    /// If there never are.
    pub fn until_links(&self, names: &[&str]) {
        let what = format!("links {names:?}");
        self.until(&what, |picture| picture.links.keys().eq(names).then_some(()));
    }

    /// Runs a shell script with its process number as `$pid`.
    pub fn sh(&self, script: &str) -> String {
        self.island.sh(&format!("pid=$(cat {PID}); {script}"))
    }

    /// Returns what its descriptors stand for.
    #[must_use]
    pub fn descriptors(&self) -> Vec<String> {
        let listed = self.sh("for fd in /proc/$pid/fd/*; do readlink $fd || true; done");
        listed.lines().map(str::to_owned).collect()
    }
}

impl Picture {
    /// # Panics
    ///
    /// If the change does not fit: something is gone that was not there, or joined twice.
    fn apply(&mut self, change: Change) {
        match change {
            Change::NamespaceFound { namespace } => self.add(namespace),
            Change::NamespaceChanged { was, namespace } => {
                self.namespaces.remove(was.as_str());
                self.namespaces.insert(namespace.name.to_string(), namespace);
            }
            Change::NamespaceGone { name, .. } => drop(self.namespaces.remove(name.as_str())),
            Change::LinkJoined { link } => drop(self.links.insert(link.name.to_string(), link)),
            Change::LinkChanged { was, link } => {
                self.links.remove(was.as_str());
                self.links.insert(link.name.to_string(), link);
            }
            Change::LinkGone { name } => {
                assert!(self.links.remove(name.as_str()).is_some(), "{name} was never there");
            }
            Change::Resynced { .. } => self.resyncs += 1,
        }
    }

    fn add(&mut self, namespace: Namespace) {
        let name = namespace.name.to_string();
        assert!(self.namespaces.insert(name.clone(), namespace).is_none(), "{name} was found twice");
    }
}
