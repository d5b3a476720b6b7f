//! The running kernel's own types, from its BTF: offsets of fields and names of enumerators.
//!
//! A small reader of the format (`Documentation/bpf/btf.rst` in the kernel), for what drops and traces need: offsets of
//! fields, and one enumeration. Offsets differ between kernels, so they are read when the object is loaded and passed
//! to the programs as constants. Crates were measured and are not used (ADR 0001).

use std::{fs, io, path::Path};

/// The kernel's own BTF.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
const MAGIC: u16 = 0xeb9f;

const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_ENUM64: u32 = 19;
/// The last known kind. A later one may have any length, so that nothing after it could be read.
const KIND_LAST: u32 = 19;

/// More members than any structure has whose fields are looked up, with those of unnamed ones inside.
const MOST_MEMBERS: u32 = 1 << 14;
/// More levels of unnamed structures and unions than the kernel has.
const MOST_NESTED: u32 = 16;

/// The types of the kernel.
pub(crate) struct KernelTypes {
    bytes: Vec<u8>,
    strings: usize,
    /// The offset of each type. Its number is its index plus one, since 0 is `void`.
    types: Vec<usize>,
}

/// One type's first three words.
#[derive(Clone, Copy)]
struct Header {
    at: usize,
    name: u32,
    info: u32,
}

impl Header {
    fn kind(self) -> u32 {
        self.info >> 24 & 0x1f
    }

    fn count(self) -> usize {
        (self.info & 0xffff) as usize
    }

    /// Returns whether the offsets of members include sizes in bits.
    fn has_bit_sizes(self) -> bool {
        self.info >> 31 != 0
    }

    /// Returns the offset of what follows the three words.
    fn body(self) -> usize {
        self.at + 12
    }

    fn body_length(self) -> usize {
        match self.kind() {
            KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
            KIND_ARRAY => 12,
            KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * self.count(),
            KIND_ENUM | KIND_FUNC_PROTO => 8 * self.count(),
            _ => 0,
        }
    }
}

impl KernelTypes {
    /// Reads the types of the running kernel.
    ///
    /// # Errors
    ///
    /// Fails if the kernel has no BTF (`CONFIG_DEBUG_INFO_BTF`), or has it in an unknown format.
    pub(crate) fn read() -> io::Result<Self> {
        Self::parse(fs::read(Path::new(VMLINUX))?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the kernel's BTF cannot be read"))
    }

    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        if u16::from_ne_bytes(*bytes.first_chunk()?) != MAGIC {
            return None;
        }
        let header = word(&bytes, 4)? as usize;
        let first = header + word(&bytes, 8)? as usize;
        let end = first + word(&bytes, 12)? as usize;
        let strings = header + word(&bytes, 16)? as usize;
        let mut this = Self { bytes, strings, types: Vec::new() };
        let mut at = first;
        while at < end {
            let header = this.header_at(at)?;
            if header.kind() > KIND_LAST {
                return None;
            }
            this.types.push(at);
            at = header.body() + header.body_length();
        }
        Some(this)
    }

    fn header_at(&self, at: usize) -> Option<Header> {
        Some(Header { at, name: word(&self.bytes, at)?, info: word(&self.bytes, at + 4)? })
    }

    fn header(&self, id: u32) -> Option<Header> {
        self.header_at(*self.types.get((id as usize).checked_sub(1)?)?)
    }

    fn string(&self, offset: u32) -> &[u8] {
        let from = self.bytes.get(self.strings + offset as usize..).unwrap_or_default();
        from.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn find(&self, kind: u32, name: &str) -> Option<Header> {
        self.types
            .iter()
            .filter_map(|at| self.header_at(*at))
            .find(|header| header.kind() == kind && self.string(header.name) == name.as_bytes())
    }

    /// Returns the offset of a field in a structure, in bytes. The field may be in an unnamed structure or union inside it.
    pub(crate) fn offset_of(&self, structure: &str, field: &str) -> Option<u32> {
        let mut members = MOST_MEMBERS;
        self.bits_to(self.find(KIND_STRUCT, structure)?, field, MOST_NESTED, &mut members)
            .map(|bits| bits / 8)
    }

    /// Looks at no more than `members` members, and into no more than `levels` levels of unnamed structures: a damaged one
    /// may be inside itself.
    fn bits_to(&self, structure: Header, field: &str, levels: u32, members: &mut u32) -> Option<u32> {
        let levels = levels.checked_sub(1)?;
        (0..structure.count()).find_map(|index| {
            *members = members.checked_sub(1)?;
            let member = structure.body() + 12 * index;
            let name = word(&self.bytes, member)?;
            let offset = word(&self.bytes, member + 8)?;
            let bits = if structure.has_bit_sizes() { offset & 0x00ff_ffff } else { offset };
            if name != 0 {
                return (self.string(name) == field.as_bytes()).then_some(bits);
            }
            let inner = self.header(word(&self.bytes, member + 4)?)?;
            let nested = matches!(inner.kind(), KIND_STRUCT | KIND_UNION);
            let inside = nested.then(|| self.bits_to(inner, field, levels, members)).flatten()?;
            bits.checked_add(inside)
        })
    }

    /// Returns the enumerators of an enumeration, with their values.
    pub(crate) fn enumerators(&self, enumeration: &str) -> Vec<(u32, String)> {
        let Some(header) = self.find(KIND_ENUM, enumeration) else { return Vec::new() };
        (0..header.count())
            .filter_map(|index| {
                let at = header.body() + 8 * index;
                let name = String::from_utf8_lossy(self.string(word(&self.bytes, at)?)).into_owned();
                Some((word(&self.bytes, at + 4)?, name))
            })
            .collect()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct outer { int first; union { int second; int third; }; };` and `enum colour { RED = 1 }`.
    fn sample() -> Vec<u8> {
        let strings = b"\0int\0outer\0first\0second\0third\0colour\0RED\0";
        let name = |text: &str| {
            let text = format!("\0{text}\0");
            let at = strings.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
            at as u32 + 1
        };
        let types: Vec<u32> = [
            vec![name("int"), KIND_INT << 24, 4, 32],
            vec![0, KIND_UNION << 24 | 2, 4, name("second"), 1, 0, name("third"), 1, 0],
            vec![name("outer"), KIND_STRUCT << 24 | 2, 8, name("first"), 1, 0, 0, 2, 32],
            vec![name("colour"), KIND_ENUM << 24 | 1, 4, name("RED"), 1],
        ]
        .concat();
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for header in [24, 0, 4 * types.len() as u32, 4 * types.len() as u32, strings.len() as u32] {
            bytes.extend(header.to_ne_bytes());
        }
        bytes.extend(types.into_iter().flat_map(u32::to_ne_bytes));
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn a_field_of_an_unnamed_union_has_its_offset() {
        let types = KernelTypes::parse(sample()).unwrap();
        assert_eq!(types.offset_of("outer", "first"), Some(0));
        assert_eq!(types.offset_of("outer", "third"), Some(4));
        assert_eq!(types.offset_of("outer", "fourth"), None);
    }

    #[test]
    fn a_structure_that_is_inside_itself_ends_the_search() {
        let mut bytes = sample();
        // The type of the second member of `outer`, 2, becomes 3: `outer` itself.
        let member: Vec<u8> = [0_u32, 2, 32].into_iter().flat_map(u32::to_ne_bytes).collect();
        let at = bytes.windows(12).position(|window| window == member).unwrap();
        bytes[at + 4] = 3;
        let types = KernelTypes::parse(bytes).unwrap();
        assert_eq!(types.offset_of("outer", "first"), Some(0));
        assert_eq!(types.offset_of("outer", "fourth"), None);
    }

    #[test]
    fn enumerators_have_their_names_and_values() {
        let types = KernelTypes::parse(sample()).unwrap();
        assert_eq!(types.enumerators("colour"), [(1, "RED".to_owned())]);
        assert_eq!(types.enumerators("flavour"), []);
    }

    #[test]
    fn truncated_or_foreign_bytes_are_refused_without_a_panic() {
        let whole = sample();
        for length in 0..whole.len() {
            if let Some(types) = KernelTypes::parse(whole[..length].to_vec()) {
                types.offset_of("outer", "third");
                types.enumerators("colour");
            }
        }
        assert!(KernelTypes::parse(vec![0x7f, b'E', b'L', b'F']).is_none());
    }
}
