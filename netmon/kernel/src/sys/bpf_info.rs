//! bpf(2) for what the kernel knows of programs and maps: their run time, and how many entries a map has.
#![expect(unsafe_code, reason = "attributes are a union")]

use std::{
    ffi::c_char,
    io,
    os::fd::{AsFd, OwnedFd},
};

use aya_obj::generated::{bpf_cmd, bpf_map_info, bpf_prog_info, bpf_stats_type};

use super::bpf::{Info, attribute, bpf, descriptor, number, object_info};

/// How many entries are read at once.
const BATCH: u32 = 1024;

// SAFETY: integers.
unsafe impl Info for bpf_map_info {}

/// Makes the kernel record the run time of every program for as long as the descriptor is open. The setting
/// `kernel.bpf_stats_enabled` does not change.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, EINVAL before Linux 5.8.
pub fn record_run_time() -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.enable_stats.type_ = bpf_stats_type::BPF_STATS_RUN_TIME as u32;
    descriptor(bpf(bpf_cmd::BPF_ENABLE_STATS, &mut attribute)?)
}

/// Returns how often a program ran while run times were recorded, and the nanoseconds that this took.
///
/// # Errors
///
/// The kernel's answer.
pub fn program_runs(program: impl AsFd) -> io::Result<(u64, u64)> {
    let info: bpf_prog_info = object_info(program.as_fd())?;
    Ok((info.run_cnt, info.run_time_ns))
}

/// Opens a program by its id.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, ENOENT if there is no such program.
pub fn program_by_id(id: u32) -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.__bindgen_anon_6.__bindgen_anon_1.prog_id = id;
    descriptor(bpf(bpf_cmd::BPF_PROG_GET_FD_BY_ID, &mut attribute)?)
}

/// Returns the name of a program by its id; empty if it has none. The program is open only during the call.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, ENOENT if there is no such program.
pub fn program_name(id: u32) -> io::Result<String> {
    let info: bpf_prog_info = object_info(program_by_id(id)?.as_fd())?;
    Ok(text(&info.name))
}

/// Returns the name of a map: the first 15 bytes of its name in the object file.
///
/// # Errors
///
/// The kernel's answer.
pub fn map_name(map: impl AsFd) -> io::Result<String> {
    let info: bpf_map_info = object_info(map.as_fd())?;
    Ok(text(&info.name))
}

fn text(name: &[c_char]) -> String {
    let bytes: Vec<u8> = name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns how many entries a map can hold.
///
/// # Errors
///
/// The kernel's answer.
pub fn max_entries(map: impl AsFd) -> io::Result<u32> {
    object_info(map.as_fd()).map(|info: bpf_map_info| info.max_entries)
}

/// Counts the entries of a hash map, by reading all of it in large pieces. `cpus` is the number of values in an entry: 1
/// unless the map is per CPU.
///
/// # Errors
///
/// The kernel's answer: EINVAL before Linux 5.6, and for a map that is not a hash map.
pub fn count_entries(map: impl AsFd, cpus: usize) -> io::Result<u64> {
    let shape: bpf_map_info = object_info(map.as_fd())?;
    let key_size = shape.key_size as usize;
    let value_size = (shape.value_size as usize).next_multiple_of(8) * cpus;
    let mut room = BATCH;
    let mut keys = vec![0_u8; room as usize * key_size];
    let mut values = vec![0_u8; room as usize * value_size];
    // The kernel's position in the map. It is as large as a key for maps that are walked by key.
    let mut position = vec![0_u8; key_size.max(8)];
    let (mut entries, mut begun) = (0, false);
    loop {
        let mut attribute = attribute();
        attribute.batch.in_batch = if begun { position.as_ptr() as u64 } else { 0 };
        attribute.batch.out_batch = position.as_mut_ptr() as u64;
        attribute.batch.keys = keys.as_mut_ptr() as u64;
        attribute.batch.values = values.as_mut_ptr() as u64;
        attribute.batch.count = room;
        attribute.batch.map_fd = number(map.as_fd());
        let answer = bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attribute);
        // SAFETY: an integer.
        let read = u64::from(unsafe { attribute.batch.count });
        match answer {
            Ok(_) => entries += read,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(entries + read),
            // One bucket has more entries than there is room for.
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && room < shape.max_entries => {
                room *= 2;
                keys.resize(room as usize * key_size, 0);
                values.resize(room as usize * value_size, 0);
                continue;
            }
            Err(error) => return Err(error),
        }
        begun = true;
        // Entries that are added during the walk must not make it endless.
        if entries >= u64::from(shape.max_entries) {
            return Ok(u64::from(shape.max_entries));
        }
    }
}
