//! Configures the log.

use env_logger::Builder;

/// Initialises the log.
///
/// `wanted` is a level for netmon, its eBPF programs and the lab's services, with libraries at `warn`; or filters as
/// env_logger reads them.
pub fn init(wanted: &str) {
    let is_level = wanted.parse::<log::LevelFilter>().is_ok();
    // The prefix "netmon" also matches "netmon_ebpf", the target of the programs' messages.
    let filters = if is_level { format!("warn,netmon={wanted},service={wanted}") } else { wanted.to_owned() };
    Builder::new().parse_filters(&filters).format_timestamp_millis().init();
}
