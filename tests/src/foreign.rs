//! Objects beside a lab that are not netmon's, and their identity: a test shows that they are the same ones
//! afterwards.

use std::{
    fs,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
};

use netmon_kernel::sys::{
    bpf::{TcxHook, attach_tcx_first, load_classifier, program_id, tcx_chain},
    insn::{Register::R0, TCX_NEXT, exit, mov64_imm},
};

use crate::{interface::ifindex, running::Running, sandbox::run};

const FILE: &str = "/etc/netns/foreign/resolv.conf";

/// A namespace with a process in it, a veth pair with a queue, a filter and a program, a bridge and a file. Some
/// resemble netmon's own.
#[derive(Debug)]
pub struct Foreign {
    _process: Running,
    /// The program stays attached while this is held.
    _link: OwnedFd,
}

impl Foreign {
    /// Creates all of it. `alias` is the alias of the veth end in root. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If an object cannot be created.
    #[must_use]
    pub fn place(alias: &str) -> Self {
        run("ip", &["netns", "add", "foreign"]);
        run(
            "ip",
            &["link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1", "netns", "foreign"],
        );
        run("ip", &["link", "set", "foreign0", "alias", alias]);
        run("ip", &["address", "add", "10.250.0.1/24", "dev", "foreign0"]);
        run("ip", &["link", "set", "foreign0", "up"]);
        run("ip", &["link", "add", "foreignbr", "type", "bridge"]);
        run("ip", &["route", "add", "10.251.0.0/24", "dev", "foreign0"]);
        let queue = ["root", "handle", "7:", "tbf", "rate", "100mbit", "burst", "64kb", "latency", "10ms"];
        run("tc", &[&["qdisc", "add", "dev", "foreign0"], &queue[..]].concat());
        run("tc", &["qdisc", "add", "dev", "foreign0", "clsact"]);
        let ours_but_for_its_name = ["pref", "1", "handle", "0x6e6d", "bpf", "da", "bytecode", "1,6 0 0 0"];
        run("tc", &[&["filter", "add", "dev", "foreign0", "egress"], &ours_but_for_its_name[..]].concat());
        fs::create_dir_all("/etc/netns/foreign").expect("an /etc of our own");
        fs::write(FILE, "# mine, not netmon:direct\n").expect("an /etc of our own");
        let inside = ["netns", "exec", "foreign", "sleep", "1000"];
        let process = Running::start("foreign", "ip", &inside).expect("a process");
        let program = load_classifier("foreign", &[mov64_imm(R0, TCX_NEXT), exit()]).expect("a program");
        let index = ifindex("root", "foreign0");
        let link = attach_tcx_first(program.as_fd(), index, TcxHook::Ingress).expect("a link");
        assert_eq!(chain(), [program_id(&program).expect("its number")]);
        Self { _process: process, _link: link }
    }

    /// What distinguishes each object from another of the same name: ids, inodes, addresses, contents.
    ///
    /// # Panics
    ///
    /// If one of them is missing.
    #[must_use]
    pub fn identity(&self) -> String {
        let inode = |path: &str| {
            let metadata = fs::metadata(path).expect("a foreign file");
            (metadata.dev(), metadata.ino(), metadata.mtime_nsec(), metadata.len())
        };
        // One process for all of it: this runs a hundred times.
        let script = "ip -o link show foreign0; ip -o link show foreignbr; ip -n foreign -o link show foreign1; \
                      tc filter show dev foreign0 egress; tc qdisc show dev foreign0; \
                      ip -o address show dev foreign0; ip route show 10.251.0.0/24; ip netns pids foreign";
        let shown = run("sh", &["-ec", script]);
        // Without the state of the carriers, which changes by itself.
        let carrier =
            |word: &str| ["UP", "DOWN", "UNKNOWN", "LOWERLAYERDOWN"].contains(&word) || word.starts_with('<');
        let shown: Vec<&str> = shown.split(' ').filter(|word| !carrier(word)).collect();
        let files = [inode("/run/netns/foreign"), inode(FILE)];
        format!("{files:?}\n{:?}\n{}", chain(), shown.join(" "))
    }
}

fn chain() -> Vec<u32> {
    tcx_chain(ifindex("root", "foreign0"), TcxHook::Ingress).expect("a chain")
}
