//! Packets that the kernel dropped, by interface and by the kernel's own reason.

/// `skb->mark` of a packet that netmon drops on purpose: "nmls". The program that drops the packet sets it.
pub const LOSS_MARK: u32 = 0x6e6d_6c73;
/// The reason under which such drops are counted. The kernel has none for them.
pub const DECLARED_LOSS: u32 = u32::MAX;

/// An interface as a tracepoint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct DropPlace {
    /// The cookie of its network namespace (`SO_NETNS_COOKIE`).
    pub cookie: u64,
    /// Its index in that namespace.
    pub ifindex: u32,
    /// Always 0.
    pub padding: u32,
}

/// The key by which drops are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct DropKey {
    /// The endpoint.
    pub endpoint: u32,
    /// `enum skb_drop_reason` of the running kernel, or [`DECLARED_LOSS`].
    pub reason: u32,
}

/// Where the running kernel keeps the fields that identify a drop, in bytes from the beginning of each structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DropOffsets {
    /// `sk_buff.dev`
    pub skb_dev: u32,
    /// `sk_buff.mark`
    pub skb_mark: u32,
    /// `net_device.ifindex`
    pub dev_ifindex: u32,
    /// `net_device.nd_net`
    pub dev_net: u32,
    /// `net.net_cookie`
    pub net_cookie: u32,
}

const _: () = {
    assert!(size_of::<DropPlace>() == 16);
    assert!(size_of::<DropKey>() == 8);
    assert!(size_of::<DropOffsets>() == 20);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads and writes these types in maps as bytes")]

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above), so any bytes are a value.
    unsafe impl aya::Pod for super::DropPlace {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::DropKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::DropOffsets {}
}
