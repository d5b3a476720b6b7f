//! bpf(2) for what the kernel knows of programs and maps: their run time, and how many entries there are.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use super::bpf::{BPF_OBJ_GET_INFO_BY_FD, GetInfo, bpf, number};

const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_MAP_LOOKUP_BATCH: libc::c_int = 24;
const BPF_ENABLE_STATS: libc::c_int = 32;
/// How many entries are asked for at once.
const BATCH: u32 = 1024;

/// `struct bpf_prog_info` up to the run counter.
#[derive(Default)]
#[repr(C)]
struct ProgInfo {
    before: [u64; 8],
    name: [u8; 16],
    between: [u64; 14],
    run_time_ns: u64,
    run_cnt: u64,
}

/// `struct bpf_map_info` up to the name.
#[derive(Default)]
#[repr(C)]
struct MapInfo {
    kind: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    name: [u8; 16],
}

#[derive(Default)]
#[repr(C)]
struct Batch {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

#[derive(Default)]
#[repr(C)]
struct FdById {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

#[derive(Default)]
#[repr(C)]
struct EnableStats {
    /// `BPF_STATS_RUN_TIME` is 0.
    kind: u32,
}

const _: () = {
    assert!(std::mem::offset_of!(ProgInfo, name) == 64);
    assert!(std::mem::offset_of!(ProgInfo, run_time_ns) == 192);
    assert!(std::mem::offset_of!(MapInfo, name) == 24);
    assert!(size_of::<Batch>() == 56);
};

/// Has the kernel keep the run time of every program, for as long as the descriptor is open. Whatever
/// `kernel.bpf_stats_enabled` says is left as it is.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, EINVAL before Linux 5.8.
pub fn keep_run_time() -> io::Result<OwnedFd> {
    super::bpf::descriptor(bpf(BPF_ENABLE_STATS, &mut EnableStats::default())?)
}

fn info<T: Default>(object: impl AsFd) -> io::Result<T> {
    let mut info = T::default();
    let mut attribute = GetInfo {
        bpf_fd: number(object.as_fd()),
        info_len: size_of::<T>() as u32,
        info: (&raw mut info) as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attribute)?;
    Ok(info)
}

/// How often a program ran while run time was kept, and how many nanoseconds it took in all.
///
/// # Errors
///
/// The kernel's answer.
pub fn program_runs(program: impl AsFd) -> io::Result<(u64, u64)> {
    let info: ProgInfo = info(program)?;
    Ok((info.run_cnt, info.run_time_ns))
}

/// Opens a program by its id.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, ENOENT when it is gone.
pub fn program_by_id(id: u32) -> io::Result<OwnedFd> {
    super::bpf::descriptor(bpf(BPF_PROG_GET_FD_BY_ID, &mut FdById { id, ..FdById::default() })?)
}

/// What a program is called, by its id; empty for one without a name. The program is held only while it is
/// asked.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, ENOENT when it is gone.
pub fn program_name(id: u32) -> io::Result<String> {
    let program = program_by_id(id)?;
    let info: ProgInfo = info(&program)?;
    let length = info.name.iter().position(|byte| *byte == 0).unwrap_or(info.name.len());
    Ok(String::from_utf8_lossy(&info.name[..length]).into_owned())
}

/// What a map is called: the first fifteen bytes of its name in the object.
///
/// # Errors
///
/// The kernel's answer.
pub fn map_name(map: impl AsFd) -> io::Result<String> {
    let info: MapInfo = info(map)?;
    let length = info.name.iter().position(|byte| *byte == 0).unwrap_or(info.name.len());
    Ok(String::from_utf8_lossy(&info.name[..length]).into_owned())
}

/// Most entries of a map.
///
/// # Errors
///
/// The kernel's answer.
pub fn max_entries(map: impl AsFd) -> io::Result<u32> {
    info::<MapInfo>(map).map(|info| info.max_entries)
}

/// How many entries a hash map has, by reading all of it in large pieces. `cpus` is how many values an entry
/// has; 1 unless the map is per CPU.
///
/// # Errors
///
/// The kernel's answer: EINVAL before Linux 5.6, and for maps that are no hash maps.
pub fn count_entries(map: impl AsFd, cpus: usize) -> io::Result<u64> {
    let shape: MapInfo = info(map.as_fd())?;
    let value_size = (shape.value_size as usize).next_multiple_of(8) * cpus;
    let mut room = BATCH;
    let mut keys = vec![0_u8; room as usize * shape.key_size as usize];
    let mut values = vec![0_u8; room as usize * value_size];
    // Where the walk is, in the kernel's own words; as large as a key for maps that go by keys.
    let mut place = vec![0_u8; (shape.key_size as usize).max(8)];
    let (mut entries, mut begun) = (0, false);
    loop {
        let mut attribute = Batch {
            in_batch: if begun { place.as_ptr() as u64 } else { 0 },
            out_batch: place.as_mut_ptr() as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: room,
            map_fd: number(map.as_fd()),
            ..Batch::default()
        };
        let answer = bpf(BPF_MAP_LOOKUP_BATCH, &mut attribute);
        match answer {
            Ok(_) => entries += u64::from(attribute.count),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                return Ok(entries + u64::from(attribute.count));
            }
            // One bucket holds more than there is room for.
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && room < shape.max_entries => {
                room *= 2;
                keys.resize(room as usize * shape.key_size as usize, 0);
                values.resize(room as usize * value_size, 0);
                continue;
            }
            Err(error) => return Err(error),
        }
        begun = true;
        // Entries that come and go while we walk may keep us busy: bound it.
        if entries >= u64::from(shape.max_entries) {
            return Ok(u64::from(shape.max_entries));
        }
    }
}
