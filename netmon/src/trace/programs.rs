//! The eBPF programs of a trace: loaded and attached for it, and gone when this is dropped or the process ends.

use std::collections::HashMap;

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, Map, MapData, MapError, RingBuf},
    programs::RawTracePoint,
};
use netmon_ebpf::trace::{Event, Sequences, TraceOffsets, Wanted};
use netmon_model::error::chain;

use super::TraceError;
use crate::datapath::{KernelTypes, drop_reasons};

/// The object, with the alignment that the ELF reader needs.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/object/netmon-trace.o"));

const WANTED: &str = "TRACE_WANTED";
const SEQUENCES: &str = "TRACE_SEQUENCES";
const MISSED: &str = "TRACE_MISSED";
const EVENTS: &str = "TRACE_EVENTS";

/// The programs and the tracepoints of hooks.
const AT_HOOKS: [(&str, &str); 2] =
    [("netmon_trace_in", "netif_receive_skb"), ("netmon_trace_out", "net_dev_queue")];
/// The program and the tracepoint of drops.
const AT_DROPS: (&str, &str) = ("netmon_trace_drop", "kfree_skb");

/// The attached programs.
pub(super) struct Programs {
    wanted: Array<MapData, Wanted>,
    sequences: Array<MapData, Sequences>,
    missed: Array<MapData, u64>,
    events: RingBuf<MapData>,
    /// The names of the kernel's drop reasons.
    pub(super) reasons: HashMap<u32, String>,
    /// Holds the programs and their attachments.
    _ebpf: Ebpf,
}

impl Programs {
    /// Loads the programs and attaches them.
    ///
    /// Without the tracepoint of drops (before Linux 5.17) a lost packet has no reason.
    pub(super) fn attach() -> Result<Self, TraceError> {
        let types = KernelTypes::read().map_err(TraceError::Types)?;
        let offsets = offsets(&types)?;
        let mut ebpf = EbpfLoader::new()
            .override_global("NETMON_TRACE_OFFSETS", &offsets, true)
            .load(OBJECT)
            .map_err(|source| TraceError::Load(Box::new(source)))?;
        let programs = Self {
            wanted: take(&mut ebpf, WANTED)?,
            sequences: take(&mut ebpf, SEQUENCES)?,
            missed: take(&mut ebpf, MISSED)?,
            events: take(&mut ebpf, EVENTS)?,
            reasons: drop_reasons(&types),
            _ebpf: {
                AT_HOOKS.iter().try_for_each(|place| attach(&mut ebpf, *place))?;
                if let Err(error) = attach(&mut ebpf, AT_DROPS) {
                    log::warn!("a lost packet will have no reason: {}", chain(&error));
                }
                ebpf
            },
        };
        Ok(programs)
    }

    /// Sets what to look for, and forgets the sequence numbers of the previous run's connection.
    pub(super) fn look_for(&mut self, wanted: Wanted) -> Result<(), TraceError> {
        self.sequences.set(0, Sequences::default(), 0).map_err(|source| map(SEQUENCES, source))?;
        self.wanted.set(0, wanted, 0).map_err(|source| map(WANTED, source))
    }

    /// Moves what was seen into `events`.
    pub(super) fn drain(&mut self, events: &mut Vec<Event>) {
        while let Some(item) = self.events.next() {
            events.extend(Event::from_bytes(&item));
        }
    }

    /// Returns the number of events that did not fit in the ring buffer.
    pub(super) fn missed(&self) -> Result<u64, TraceError> {
        self.missed.get(&0, 0).map_err(|source| map(MISSED, source))
    }
}

fn attach(ebpf: &mut Ebpf, (name, tracepoint): (&'static str, &str)) -> Result<(), TraceError> {
    let refused = |source| TraceError::Program { name, source: Box::new(source) };
    let program: &mut RawTracePoint =
        ebpf.program_mut(name).ok_or(TraceError::Missing(name))?.try_into().map_err(refused)?;
    program.load().map_err(refused)?;
    program.attach(tracepoint).map_err(refused)?;
    Ok(())
}

fn take<T>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, TraceError>
where
    T: TryFrom<Map, Error = MapError>,
{
    let found = ebpf.take_map(name).ok_or(TraceError::Missing(name))?;
    T::try_from(found).map_err(|source| map(name, source))
}

fn map(name: &'static str, source: MapError) -> TraceError {
    TraceError::Map { name, source }
}

fn offsets(types: &KernelTypes) -> Result<TraceOffsets, TraceError> {
    let offset = |structure: &'static str, field: &'static str| {
        types.offset_of(structure, field).ok_or(TraceError::Field { structure, field })
    };
    Ok(TraceOffsets {
        skb_head: offset("sk_buff", "head")?,
        skb_mac_header: offset("sk_buff", "mac_header")?,
        skb_network_header: offset("sk_buff", "network_header")?,
        skb_dev: offset("sk_buff", "dev")?,
        skb_sk: offset("sk_buff", "sk")?,
        skb_mark: offset("sk_buff", "mark")?,
        dev_ifindex: offset("net_device", "ifindex")?,
        dev_net: offset("net_device", "nd_net")?,
        sock_net: offset("sock_common", "skc_net")?,
        net_cookie: offset("net", "net_cookie")?,
    })
}
