//! Everything that needs `unsafe` or a raw system call, and nothing else.
//!
//! Each file wraps one kernel concept in functions that cannot be used wrongly. Policy is the callers' part.

pub mod bpf;
pub mod bpf_info;
pub mod bpf_pins;
pub mod capabilities;
pub mod confine;
pub mod credentials;
pub mod echo_filter;
pub mod ethtool;
pub mod give_up;
pub mod heap;
pub mod inherited;
pub mod insn;
pub mod mapping;
pub mod namespaces;
pub mod netlink_nsid;
pub mod nsfs;
pub mod packet_socket;
pub mod raw_tracepoint;
pub mod sk_buff;
pub mod xdp;
