//! The table of rooms and arrows: the only place to change when a room is added, moved or removed.
//!
//! Every room comes after the rooms that it imports, so the list goes from the bottom up and cannot have a cycle. A new
//! arrow is a decision: one part of the program gets to know another. `cargo xtask tidy --arrows` prints the rooms of
//! the code in this notation, with an example of each arrow.

use super::table::{Crate, Room, Rooms, Table};

pub(super) const TABLE: Table = Table {
    crates: &[
        Crate { name: "netmon_ebpf", source: "netmon-ebpf/src/", rooms: Rooms::One },
        Crate { name: "netmon_model", source: "netmon/model/src/", rooms: Rooms::One },
        Crate { name: "netmon_compare", source: "netmon/compare/src/", rooms: Rooms::One },
        Crate { name: "netmon_labfile", source: "netmon/labfile/src/", rooms: Rooms::One },
        Crate { name: "netmon_kernel", source: "netmon/kernel/src/", rooms: Rooms::Modules("kernel::") },
        Crate { name: "netmon", source: "netmon/src/", rooms: Rooms::Modules("") },
    ],
    outside: &["tests/", "tests/fuzz/", "xtask/", "xtask/dist/"],
    kernel: &["aya", "aya_log", "aya_obj", "libc", "nix", "rtnetlink", "rustix"],
    renderers: &["api", "live", "metrics", "render", "top"],
    kernel_rooms: &["datapath", "kernel", "netmon_kernel", "topology"],
    rooms: ROOMS,
    exceptions: EXCEPTIONS,
};

const ROOMS: &[Room] = &[
    Room { name: "netmon_ebpf", imports: "", kernel: "aya" },
    Room { name: "netmon_model", imports: "netmon_ebpf", kernel: "" },
    Room { name: "netmon_compare", imports: "netmon_ebpf netmon_model", kernel: "" },
    Room { name: "netmon_labfile", imports: "netmon_model", kernel: "rustix" },
    Room { name: "kernel::owned_files", imports: "", kernel: "libc rustix" },
    Room { name: "kernel::sys", imports: "", kernel: "aya aya_obj libc rustix" },
    Room { name: "http", imports: "netmon_model", kernel: "rustix" },
    Room { name: "web", imports: "http netmon_labfile netmon_model", kernel: "" },
    Room { name: "live", imports: "netmon_model", kernel: "" },
    Room { name: "metrics", imports: "netmon_ebpf netmon_model", kernel: "" },
    Room { name: "api", imports: "http live netmon_compare netmon_ebpf netmon_model", kernel: "" },
    Room {
        name: "server",
        imports: "api http kernel::owned_files live metrics netmon_compare netmon_labfile netmon_model",
        kernel: "rustix",
    },
    Room { name: "render", imports: "api netmon_compare netmon_model", kernel: "" },
    Room { name: "top", imports: "api netmon_model render", kernel: "" },
    Room { name: "kernel::proc", imports: "", kernel: "rustix" },
    Room {
        name: "kernel::bounded_lock",
        imports: "kernel::owned_files kernel::proc netmon_model",
        kernel: "rustix",
    },
    Room {
        name: "kernel::netns",
        imports: "kernel::bounded_lock kernel::owned_files kernel::proc kernel::sys netmon_model",
        kernel: "libc rustix",
    },
    Room {
        name: "kernel::netlink",
        imports: "kernel::netns kernel::sys netmon_model",
        kernel: "libc rtnetlink rustix",
    },
    Room {
        name: "kernel::pins",
        imports: "kernel::bounded_lock kernel::netns kernel::owned_files kernel::proc kernel::sys netmon_model",
        kernel: "libc rustix",
    },
    Room {
        name: "record",
        imports: "api kernel::proc netmon_compare netmon_labfile netmon_model",
        kernel: "rustix",
    },
    Room {
        name: "ownership",
        imports: "kernel::netns kernel::owned_files kernel::proc netmon_model",
        kernel: "rustix",
    },
    Room {
        name: "probe",
        imports: "http kernel::netns kernel::proc kernel::sys netmon_model",
        kernel: "rustix",
    },
    Room {
        name: "discover",
        imports: "http kernel::netlink kernel::netns kernel::proc netmon_model ownership",
        kernel: "rustix",
    },
    Room {
        name: "services",
        imports: "http kernel::netlink kernel::netns kernel::owned_files kernel::proc \
            kernel::sys netmon_model ownership probe",
        kernel: "rustix",
    },
    Room {
        name: "topology",
        imports: "discover kernel::netlink kernel::netns kernel::owned_files kernel::sys \
            netmon_ebpf netmon_model ownership",
        kernel: "rustix",
    },
    Room {
        name: "control",
        imports: "kernel::pins netmon_labfile netmon_model ownership services topology",
        kernel: "rustix",
    },
    Room {
        name: "leftovers",
        imports: "control kernel::netlink kernel::netns kernel::pins kernel::sys \
            netmon_model ownership services topology",
        kernel: "",
    },
    Room {
        name: "datapath",
        imports: "kernel::netlink kernel::netns kernel::pins kernel::proc kernel::sys \
            netmon_ebpf netmon_model",
        kernel: "aya aya_log libc rustix",
    },
    Room {
        name: "watch",
        imports: "datapath kernel::netlink kernel::netns kernel::pins kernel::sys live \
            netmon_model ownership probe topology",
        kernel: "rustix",
    },
    Room {
        name: "agent",
        imports: "control datapath discover kernel::pins kernel::proc kernel::sys live netmon_labfile netmon_model \
            ownership server services topology watch",
        kernel: "",
    },
    Room { name: "expect", imports: "agent api datapath kernel::netns netmon_model probe", kernel: "" },
    Room {
        name: "overhead",
        imports: "control datapath kernel::netlink kernel::netns netmon_model ownership \
            topology watch",
        kernel: "libc",
    },
    Room {
        name: "selftest",
        imports: "datapath kernel::netlink kernel::netns kernel::proc kernel::sys netmon_ebpf \
            netmon_model overhead ownership probe topology watch",
        kernel: "libc rustix",
    },
    Room {
        name: "trace",
        imports: "datapath kernel::netlink kernel::netns netmon_ebpf netmon_model ownership probe \
            render",
        kernel: "aya rustix",
    },
    Room {
        name: "doctor",
        imports: "datapath kernel::netlink kernel::proc kernel::sys leftovers netmon_model services \
            topology",
        kernel: "libc rustix",
    },
    Room {
        name: "cli",
        imports: "agent api control datapath discover doctor expect kernel::netns kernel::pins \
            kernel::sys leftovers netmon_compare netmon_labfile netmon_model overhead ownership \
            record render selftest server services top topology trace watch web",
        kernel: "rustix",
    },
    Room { name: "main", imports: "cli kernel::sys", kernel: "" },
];

/// Arrows that close a cycle today and are to be removed. Never add one.
const EXCEPTIONS: &[(&str, &str)] = &[];
