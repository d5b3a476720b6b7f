//! The arguments of commands that attach programs to a lab.

use clap::Args;
use netmon_model::snapshot::AttachMode;

use crate::datapath::Options;

/// How a lab is watched.
#[derive(Clone, Copy, Debug, Args)]
pub struct Watching {
    /// Keep counting while no agent runs, for example during an upgrade: maps and links are pinned under
    /// /sys/fs/bpf/netmon until `netmon down`. Once a lab is pinned, it stays so without this option.
    #[arg(long, env = "NETMON_PERSIST")]
    pub persist: bool,
    /// How to attach to hooks. The default is TCX if the kernel has it (Linux 6.6), and clsact for more than 50 links
    /// without --persist: each TCX attachment takes the kernel 30 ms and more.
    #[arg(long, env = "NETMON_ATTACH", value_name = "MODE")]
    attach: Option<Mode>,
    /// Maximum number of TCP connections that are followed at once, and of requests (ICMP echo, DNS), rounded up to a
    /// power of two; each entry takes 280 bytes. 0 disables round trips.
    #[arg(long, env = "NETMON_FLOW_ENTRIES", default_value_t = 65_536, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=4_194_304))]
    flow_entries: u32,
    /// Maximum number of conversations over UDP that are followed at once, rounded up to a power of two; each entry takes
    /// 136 bytes. 0 follows none: every UDP packet costs a table update otherwise.
    #[arg(long, env = "NETMON_UDP_FLOWS", default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=4_194_304))]
    udp_flows: u32,
}

/// The ways to attach.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    /// TCX links (Linux 6.6).
    Tcx,
    /// Filters on a clsact qdisc.
    Clsact,
}

impl Watching {
    /// Returns whether a way to attach was given.
    #[must_use]
    pub const fn has_mode(&self) -> bool {
        self.attach.is_some()
    }

    /// The datapath's options.
    #[must_use]
    pub fn options(&self) -> Options {
        let mode = self.attach.map(|mode| match mode {
            Mode::Tcx => AttachMode::Tcx,
            Mode::Clsact => AttachMode::Clsact,
        });
        Options { mode, flow_entries: self.flow_entries, udp_flows: self.udp_flows, ..Options::default() }
    }
}
