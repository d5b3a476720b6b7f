//! An entry point for fuzz targets: the types of a kernel, as any bytes.

use super::KernelTypes;

/// What the programs of netmon look up.
const FIELDS: [(&str, &str); 4] =
    [("sk_buff", "dev"), ("net_device", "nd_net"), ("net", "net_cookie"), ("outer", "third")];

/// Reads `bytes` as the BTF of a kernel and looks fields and enumerators up in it. Returns how many were found, and `None`
/// if the bytes are not BTF.
#[must_use]
pub fn kernel_types(bytes: &[u8]) -> Option<usize> {
    let types = KernelTypes::parse(bytes.to_vec())?;
    let fields = FIELDS.iter().filter(|(structure, field)| types.offset_of(structure, field).is_some());
    Some(
        fields.count()
            + ["skb_drop_reason", "colour"].map(|name| types.enumerators(name).len()).iter().sum::<usize>(),
    )
}
