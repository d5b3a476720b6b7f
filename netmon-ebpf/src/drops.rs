//! Packets that the kernel dropped, by the interface that they were on and by the kernel's own reason.

/// `skb->mark` of a packet that netmon drops on purpose, set by the very program that drops it: "nmls".
pub const LOSS_MARK: u32 = 0x6e6d_6c73;
/// The reason that such drops are counted under; the kernel has none of its own for them.
pub const DECLARED_LOSS: u32 = u32::MAX;

/// Which interface, seen from a tracepoint: an ifindex and the cookie of its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct DropPlace {
    /// The namespace (`SO_NETNS_COOKIE`).
    pub cookie: u64,
    /// The interface in it.
    pub ifindex: u32,
    /// Always 0.
    pub padding: u32,
}

/// What drops are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct DropKey {
    /// The endpoint.
    pub endpoint: u32,
    /// `enum skb_drop_reason` of the running kernel, or [`DECLARED_LOSS`].
    pub reason: u32,
}

/// Where the running kernel keeps what a drop is told by, bytes from the beginning of each structure.
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

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above): any bytes are a value.
    unsafe impl aya::Pod for super::DropPlace {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::DropKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::DropOffsets {}
}
