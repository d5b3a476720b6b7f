//! A host of its own for tests of discovery: PID, mount and network namespaces, in which nothing of the real host is seen.
//!
//! A survey reads `/proc` and /run. In an island these show what the test made and nothing else, so that the test can say
//! exactly what has to be found, and notices if anything outside was.

use std::{collections::BTreeSet, fs, os::unix::net::UnixDatagram, process::Command, time::Duration};

use netmon_kernel::{netns::NetNs, sys::namespaces::netns_cookie};
use netmon_model::{
    names::Cookie,
    survey::{Link, LoneEnd, Namespace, Survey},
};

use crate::{binary::netmon, cgroup::Cgroup, eventually::eventually, running::Running, sandbox::run};

const PATIENCE: Duration = Duration::from_secs(30);

/// The namespaces that it has of its own, beside the sandbox's.
const UNSHARE: &str = "--pid --cgroup --uts --ipc --fork --kill-child --mount --mount-proc";
/// The cgroup below the topmost one that processes of an island with a cgroup of its own are in, once a test has made it.
const INNER: &str = "/sys/fs/cgroup/init/cgroup.procs";
/// What its first process does.
const INIT: &str = "mkdir -p /run/netns && touch /run/sandbox/ready && exec sleep infinity";

/// An island. Its processes end with it.
#[derive(Debug)]
pub struct Island {
    _unshare: Running,
    /// Its first process, as the test sees it.
    init: String,
    /// What every script in it begins with.
    enter: String,
}

impl Island {
    /// Makes an island in the sandbox of the calling thread.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    #[must_use]
    pub fn open() -> Self {
        Self::make("", "")
    }

    /// The same, with a cgroup that is the topmost one of the island's processes.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    #[must_use]
    pub fn within(cgroup: &Cgroup) -> Self {
        let enter = format!("if [ -e {INNER} ]; then echo $$ > {INNER}; fi; ");
        Self::make(&format!("echo $$ > {}; ", cgroup.door().display()), &enter)
    }

    /// Runs the script `before`, and then the island in the same process. `enter` begins every script that is run in it.
    fn make(before: &str, enter: &str) -> Self {
        let script = format!("set -e; {before}exec unshare {UNSHARE} sh -c '{INIT}'");
        let unshare = Running::start("island", "sh", &["-c", &script]).expect("a shell starts");
        let pid = unshare.child().id();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let init = eventually("an island", PATIENCE, || {
            let init = fs::read_to_string(&children).ok()?.trim().to_owned();
            (!init.is_empty() && fs::exists("/run/sandbox/ready").ok()?).then_some(init)
        });
        Self { _unshare: unshare, init, enter: enter.to_owned() }
    }

    fn entering(&self) -> Vec<String> {
        let words = ["--target", &self.init, "--pid", "--cgroup", "--uts", "--ipc", "--mount", "--"];
        words.into_iter().map(str::to_owned).collect()
    }

    /// Runs a shell script in it. Returns what it printed.
    ///
    /// # Panics
    ///
    /// If it fails; the message has its output.
    pub fn sh(&self, script: &str) -> String {
        let script = format!("{}{script}", self.enter);
        let words = [self.entering(), ["sh", "-euc", &script].map(str::to_owned).to_vec()].concat();
        run("nsenter", &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts a shell script in it that runs beside the test. It writes its number to `/run/sandbox/NAME.pid`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, name: &'static str, script: &str) -> Running {
        // That of an earlier process may lead to a zombie, which still has its name.
        let _ = fs::remove_file(format!("/run/sandbox/{name}.pid"));
        let script = format!("{}echo $$ > /run/sandbox/{name}.pid; {script}", self.enter);
        let words = [self.entering(), ["sh", "-euc", &script].map(str::to_owned).to_vec()].concat();
        Running::start(name, "nsenter", &words.iter().map(String::as_str).collect::<Vec<_>>())
            .expect("nsenter starts")
    }

    /// Runs `netmon ARGUMENTS` in it. Returns the exit code and what it printed.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or a signal ends it.
    #[must_use]
    pub fn netmon(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new("nsenter")
            .args(self.entering())
            .arg(netmon())
            .args(arguments)
            .output()
            .expect("nsenter starts");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().expect("netmon ends by itself"), text)
    }

    /// Returns what `netmon discover ARGUMENTS -o json` finds.
    ///
    /// # Panics
    ///
    /// If it fails, or its output is no survey.
    #[must_use]
    pub fn survey(&self, arguments: &[&str]) -> Survey {
        let (code, text) = self.netmon(&[&["discover", "-o", "json"], arguments].concat());
        assert_eq!(code, 0, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Returns the cookie of the namespace that a file stands for, read by a socket inside it.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    #[must_use]
    pub fn cookie(&self, file: &str) -> Cookie {
        let path = format!("/proc/{}/root{file}", self.init);
        let netns = NetNs::open_file(path.as_ref()).expect("a namespace");
        let read = || netns_cookie(UnixDatagram::unbound().expect("a socket"));
        Cookie(netns.run(read).expect("entered").expect("a cookie"))
    }

    /// Asserts that a survey knows of no namespace but those of the island: this many, none of them the host's.
    ///
    /// # Panics
    ///
    /// If there are others.
    pub fn assert_nothing_outside(&self, survey: &Survey, count: usize) {
        let cookies: BTreeSet<Cookie> = survey.namespaces.iter().filter_map(|netns| netns.cookie).collect();
        // Only the thread of the sandbox has left the namespace in which the tests were started.
        let outside = NetNs::of_process(std::process::id()).expect("the test's own process");
        assert!(!cookies.contains(&outside.cookie().expect("a cookie")), "a namespace outside was found");
        let names: Vec<&str> = survey.namespaces.iter().map(|netns| netns.name.as_str()).collect();
        assert_eq!((cookies.len(), names.len()), (count, count), "{names:?}");
    }
}

/// Returns the namespace with this name.
///
/// # Panics
///
/// If there is none; the message has all names.
#[must_use]
pub fn namespace<'s>(survey: &'s Survey, name: &str) -> &'s Namespace {
    let all = &survey.namespaces;
    all.iter().find(|netns| netns.name.as_str() == name).unwrap_or_else(|| {
        panic!("no {name} among {:?}", all.iter().map(|netns| netns.name.as_str()).collect::<Vec<_>>())
    })
}

/// Returns the names of the links.
#[must_use]
pub fn link_names(survey: &Survey) -> Vec<&str> {
    survey.links.iter().map(|link| link.name.as_str()).collect()
}

/// Returns both ends of a link as text: `root:veth0(br0)`.
#[must_use]
pub fn ends(link: &Link) -> [String; 2] {
    [&link.a, &link.b].map(|end| {
        let bridge = end.bridge.as_ref().map(|bridge| format!("({bridge})")).unwrap_or_default();
        format!("{}:{}{bridge}", end.netns, end.interface)
    })
}

/// Returns an end without a peer as text: `web:mac0 macvlan`.
#[must_use]
pub fn lone(lone: &LoneEnd) -> String {
    format!("{}:{} {}", lone.end.netns, lone.end.interface, lone.kind)
}
