//! Packets as the kernel itself holds them, at a tracepoint: fields of `sk_buff` and what it points to.
//!
//! Fields of typed structures are read in place: the verifier knows the types, and the agent sets the offsets, which
//! are constants to it. What only an untyped address leads to (the bytes of the frame and what follows them) is copied
//! by a helper.

use core::ffi::c_void;

use aya_ebpf::{Global, helpers::generated::bpf_probe_read_kernel, programs::BtfTracePointContext};
use netmon_ebpf::{
    abi::EGRESS,
    parse::{ETHERNET_HEADER, Packet},
    tcp::SharedHalfWords as _,
    tracing::{HEADER_BYTES, Place},
};

use super::shared_words::Instructions;

macro_rules! define {
    ($($name:ident, $variable:ident: $structure:ident.$field:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            static $variable: Global<u32> = Global::new(0);

            #[doc = concat!("Returns the offset of `", stringify!($structure), ".", stringify!($field), "`.")]
            #[inline(always)]
            fn $name() -> u32 {
                $variable.load()
            }
        )*
    };
}

netmon_ebpf::for_each_field!(define);

/// `pkt_type` of a packet that the kernel gives back to its sender (`linux/if_packet.h`).
const PACKET_LOOPBACK: u8 = 5;
/// The bits of the byte that `pkt_type` begins.
const PACKET_TYPE: u8 = 7;

/// A pointer to a structure of the kernel whose type the verifier knows.
pub(crate) type Typed = *const c_void;

/// Reads a field. A structure that no longer exists reads as zeros.
#[inline(always)]
fn field<T: Copy>(structure: Typed, offset: u32) -> T {
    // SAFETY: the verifier checks that the structure has a field of this size there. The kernel handles an invalid
    // address.
    unsafe { structure.byte_add(offset as usize).cast::<T>().read_volatile() }
}

/// Copies `length` bytes from an address in the kernel. Returns whether that was possible.
#[inline(always)]
fn copy(to: *mut u8, length: u32, from: u64) -> bool {
    // SAFETY: `to` has room for `length` bytes. The helper checks the address itself.
    unsafe { bpf_probe_read_kernel(to.cast::<c_void>(), length, from as *const c_void) == 0 }
}

/// Returns the interface of a device.
#[inline(always)]
pub(super) fn place(device: Typed) -> Place {
    let net: Typed = field(device, dev_net());
    Place { cookie: field(net, net_cookie()), ifindex: field(device, dev_ifindex()), padding: 0 }
}

/// A packet at a tracepoint.
#[derive(Clone, Copy)]
pub(crate) struct Skb(Typed);

impl Skb {
    /// Returns the packet that is the first argument of a tracepoint.
    #[inline(always)]
    pub(super) fn of(ctx: &BtfTracePointContext) -> Self {
        Self(ctx.arg(0))
    }

    /// Returns the device that the packet is at.
    #[inline(always)]
    pub(super) fn device(self) -> Typed {
        field(self.0, skb_dev())
    }

    /// Returns the address as a number. The verifier lets a program store a pointer, but not compute with it.
    #[inline(always)]
    pub(super) fn address(self, scratch: &mut u64) -> u64 {
        let scratch = &raw mut *scratch;
        // SAFETY: a word of a map value, which is written as a pointer and read as a number.
        unsafe {
            scratch.cast::<Typed>().write_volatile(self.0);
            scratch.read_volatile()
        }
    }

    /// Returns whether the kernel gives the packet back to its sender, so that it never crossed a link.
    #[inline(always)]
    pub(super) fn is_looped_back(self) -> bool {
        field::<u8>(self.0, skb_pkt_type()) & PACKET_TYPE == PACKET_LOOPBACK
    }

    /// Copies the headers of the frame into `copied`.
    #[inline(always)]
    pub(super) fn copy_headers<const HOOK: usize>(self, copied: &mut Headers) {
        let data: u64 = field(self.0, skb_data());
        let pulled = if HOOK == EGRESS { 0 } else { self.pulled(data) };
        let frame = field::<u32>(self.0, skb_len()).wrapping_add(pulled);
        let linear = frame.wrapping_sub(field(self.0, skb_data_len()));
        let length = if linear > HEADER_BYTES as u32 { HEADER_BYTES as u32 } else { linear };
        let start = data.wrapping_sub(pulled.into());
        let is_copied = copy(copied.bytes.as_mut_ptr(), length, start);
        (copied.start, copied.linear) = (start, linear);
        copied.length = if is_copied { length } else { 0 };
        copied.frame = frame;
        copied.has_tag_beside = u32::from(field::<u16>(self.0, skb_vlan_proto()) != 0);
    }

    /// Returns how many bytes of the frame lie before `data`: the kernel takes the link-layer header off a packet that
    /// arrives. More than an Ethernet header is none.
    #[inline(always)]
    fn pulled(self, data: u64) -> u32 {
        let head: u64 = field(self.0, skb_head());
        let start = head.wrapping_add(field::<u16>(self.0, skb_mac_header()).into());
        let pulled = data.wrapping_sub(start);
        if pulled > ETHERNET_HEADER as u64 { 0 } else { pulled as u32 }
    }

    /// Returns the length of a segment's payload; 0 if the packet is no super-packet.
    #[inline(always)]
    pub(super) fn gso_size(self) -> u32 {
        self.shared(shared_gso_size()).into()
    }

    /// Returns the number of segments; 0 if the packet does not say.
    #[inline(always)]
    pub(super) fn gso_segs(self) -> u32 {
        self.shared(shared_gso_segs()).into()
    }

    /// Returns a number behind the buffer of the packet (`skb_shared_info`).
    #[inline(always)]
    fn shared(self, offset: u32) -> u16 {
        let head: u64 = field(self.0, skb_head());
        let shared = head.wrapping_add(field::<u32>(self.0, skb_end()).into());
        let mut number = 0_u16;
        copy((&raw mut number).cast(), 2, shared.wrapping_add(offset.into()));
        number
    }
}

/// The offset of the last byte from which on something is read.
const LAST: usize = 255;
/// The room for the copied part: no read leaves it, whatever its offset.
const ROOM: usize = LAST + 1 + 32;
const _: () = assert!(HEADER_BYTES <= LAST);

/// The copied part of a frame.
#[repr(C)]
pub(super) struct Headers {
    bytes: [u8; ROOM],
    /// Where the frame begins in the kernel's memory.
    start: u64,
    /// How many bytes of it lie there in one piece.
    linear: u32,
    /// How many bytes were copied.
    length: u32,
    /// Length of the whole frame, including the link-layer header.
    pub(super) frame: u32,
    /// 1 if the kernel holds a VLAN tag beside the frame.
    has_tag_beside: u32,
}

/// A way to read the copied part.
pub(crate) struct Copied<'c> {
    headers: &'c Headers,
    /// How many bytes there are. The compiler must not know a bound, or it removes the check that the verifier needs.
    length: usize,
}

impl<'c> Copied<'c> {
    #[inline(always)]
    pub(super) fn of(headers: &'c Headers) -> Self {
        Self { headers, length: Instructions.opaque(headers.length.into()) as usize }
    }
}

impl Packet for Copied<'_> {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        const { assert!(N <= ROOM - (LAST + 1)) };
        if offset + N > self.length {
            return None;
        }
        // A mask and not a comparison: where the compiler compares one copy of the offset and adds another, the verifier
        // of Linux 6.1 does not know the bound.
        // SAFETY: the N bytes lie within `bytes`, and any bytes are an array of bytes.
        Some(unsafe { *self.headers.bytes.as_ptr().add(offset & LAST).cast::<[u8; N]>() })
    }

    #[inline(always)]
    fn has_tag_beside(&self) -> bool {
        self.headers.has_tag_beside != 0
    }
}

/// A way to read the whole linear part, piece by piece. It is for the few packets whose headers are deep or follow one
/// another in many ways: the verifier learns nothing from a helper, so it follows each way once.
pub(crate) struct Probed<'c>(&'c Headers);

impl<'c> Probed<'c> {
    #[inline(always)]
    pub(super) fn of(headers: &'c Headers) -> Self {
        Self(headers)
    }
}

impl Packet for Probed<'_> {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let offset = Instructions.opaque(offset as u64);
        let is_inside = offset + N as u64 <= self.0.linear.into();
        let mut bytes = [0; N];
        // Not only if it is inside: the compiler would compute with bytes that are in no register.
        let is_read = copy(bytes.as_mut_ptr(), N as u32, self.0.start.wrapping_add(offset));
        (is_read & is_inside).then_some(bytes)
    }

    #[inline(always)]
    fn has_tag_beside(&self) -> bool {
        self.0.has_tag_beside != 0
    }
}
