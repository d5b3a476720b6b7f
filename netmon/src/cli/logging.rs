//! What is logged, and how it looks.

use env_logger::Builder;

/// Sets the log up. `wanted` is a level for netmon, its eBPF programs and the lab's services (the libraries
/// beneath then warn only), or env_logger's own filters for everything.
pub fn init(wanted: &str) {
    let is_level = wanted.parse::<log::LevelFilter>().is_ok();
    // "netmon" takes in "netmon_ebpf", from where the programs' messages come.
    let filters = if is_level { format!("warn,netmon={wanted},service={wanted}") } else { wanted.to_owned() };
    Builder::new().parse_filters(&filters).format_timestamp_millis().init();
}
