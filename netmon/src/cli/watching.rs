//! The arguments that say how a lab is watched, which all commands take that attach to one.

use clap::Args;
use netmon_model::snapshot::AttachMode;

use crate::datapath::Options;

/// How a lab is watched.
#[derive(Clone, Copy, Debug, Args)]
pub struct Watching {
    /// Have counting go on when the agent ends, is killed or upgraded: maps and links are pinned under /sys/fs/bpf/netmon
    /// until `netmon down`. A lab of which this is so already needs no such word.
    #[arg(long, env = "NETMON_PERSIST")]
    pub persist: bool,
    /// How to attach to hooks; by default TCX where the kernel has it (Linux 6.6), and clsact for more than 50 links
    /// that are not to persist: TCX takes the kernel 30 ms and more for each.
    #[arg(long, env = "NETMON_ATTACH", value_name = "MODE")]
    attach: Option<Mode>,
    /// Most TCP connections that are followed at once, and as many requests (ICMP echo, DNS), rounded up to
    /// a power of two; each place takes 216 bytes. 0 switches round trips off.
    #[arg(long, env = "NETMON_FLOW_ENTRIES", default_value_t = 65_536, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=4_194_304))]
    flow_entries: u32,
}

/// How to attach.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    /// TCX links (Linux 6.6).
    Tcx,
    /// Filters on a clsact qdisc.
    Clsact,
}

impl Watching {
    /// The datapath's options.
    #[must_use]
    pub fn options(&self) -> Options {
        let mode = self.attach.map(|mode| match mode {
            Mode::Tcx => AttachMode::Tcx,
            Mode::Clsact => AttachMode::Clsact,
        });
        Options { mode, flow_entries: self.flow_entries, ..Options::default() }
    }
}
