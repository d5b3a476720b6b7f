//! The table of rooms and arrows: the only place to change when a room is added, moved or removed.
//!
//! Every room comes after the rooms that it imports, so the list goes from the bottom up and cannot have a cycle. A new
//! arrow is a decision: one part of the program gets to know another. `cargo xtask tidy --arrows` prints the rooms of
//! the code in this notation, with an example of each arrow.

use super::table::{Crate, Room, Rooms, Table};

pub(super) const TABLE: Table = Table {
    crates: &[
        Crate { name: "netmon_ebpf", source: "netmon-ebpf/src/", rooms: Rooms::One },
        Crate { name: "netmon", source: "netmon/src/", rooms: Rooms::Modules("") },
    ],
    outside: &["tests/", "xtask/"],
    kernel: &["aya", "aya_log", "aya_obj", "libc", "nix", "rtnetlink", "rustix"],
    renderers: &["api", "live", "metrics", "render", "top"],
    kernel_rooms: &["datapath", "netlink", "netmon_kernel", "netns", "sys", "topology"],
    rooms: ROOMS,
    exceptions: EXCEPTIONS,
};

const ROOMS: &[Room] = &[
    Room { name: "causes", imports: "", kernel: "" },
    Room { name: "client", imports: "", kernel: "" },
    Room { name: "cost", imports: "", kernel: "" },
    Room { name: "disturbance", imports: "", kernel: "" },
    Room { name: "names", imports: "", kernel: "" },
    Room { name: "netmon_ebpf", imports: "", kernel: "aya" },
    Room { name: "histogram", imports: "netmon_ebpf", kernel: "" },
    Room { name: "owned_files", imports: "", kernel: "" },
    Room { name: "shell", imports: "", kernel: "" },
    Room { name: "sys", imports: "", kernel: "aya libc rustix" },
    Room { name: "netns", imports: "causes names owned_files sys", kernel: "libc rustix" },
    Room { name: "pins", imports: "names netns sys", kernel: "libc rustix" },
    Room { name: "netlink", imports: "names netns sys", kernel: "libc rtnetlink rustix" },
    Room { name: "impairment", imports: "causes names netlink netmon_ebpf netns sys", kernel: "rustix" },
    Room { name: "lab", imports: "impairment names netlink", kernel: "rustix" },
    Room { name: "generate", imports: "lab names shell", kernel: "" },
    Room { name: "snapshot", imports: "cost disturbance histogram impairment lab names", kernel: "" },
    Room { name: "metrics", imports: "cost histogram impairment names netmon_ebpf snapshot", kernel: "" },
    Room { name: "probe", imports: "causes histogram lab names netns snapshot sys", kernel: "rustix" },
    Room {
        name: "server",
        imports: "causes disturbance histogram impairment metrics names snapshot",
        kernel: "rustix",
    },
    Room { name: "services", imports: "lab names netns probe sys", kernel: "rustix" },
    Room {
        name: "topology",
        imports: "causes impairment lab names netlink netns owned_files pins services sys",
        kernel: "rustix",
    },
    Room { name: "expect", imports: "client histogram lab names netns probe server topology", kernel: "" },
    Room { name: "audit", imports: "names netlink snapshot", kernel: "" },
    Room {
        name: "datapath",
        imports: "audit causes cost histogram names netlink netmon_ebpf netns pins snapshot sys topology",
        kernel: "aya aya_log libc rustix",
    },
    Room {
        name: "agent",
        imports: "audit causes datapath disturbance impairment lab names netlink netns pins probe server \
            services snapshot sys topology",
        kernel: "rustix",
    },
    Room {
        name: "doctor",
        imports: "causes datapath impairment lab names netlink services snapshot sys topology",
        kernel: "libc rustix",
    },
    Room { name: "overhead", imports: "datapath names netlink netns topology", kernel: "libc" },
    Room {
        name: "selftest",
        imports: "causes datapath histogram impairment lab names netlink netns overhead probe snapshot \
            sys topology",
        kernel: "libc rustix",
    },
    Room {
        name: "cli",
        imports: "agent causes client datapath doctor expect generate impairment lab names netns \
            overhead pins selftest server services shell snapshot sys topology",
        kernel: "rustix",
    },
    Room { name: "main", imports: "cli sys", kernel: "" },
];

/// Arrows that close a cycle today and are to be removed. Never add one.
const EXCEPTIONS: &[(&str, &str)] = &[("audit", "datapath"), ("impairment", "lab"), ("netlink", "lab")];
