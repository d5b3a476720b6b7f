//! What happened on all links in one window, packed.

use std::{cmp::Ordering, iter::Peekable, sync::Arc};

use super::{
    row::{read_link, write_link},
    varint::{read, write},
};
use crate::live::LinkDelta;

/// What an allocation takes besides its contents: two counters of references and the allocator's own word.
const ALLOCATION: usize = 3 * size_of::<usize>();

/// A window and what happened in it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Its beginning, monotonic.
    pub(super) start_ns: u64,
    /// Its end, monotonic.
    pub(super) end_ns: u64,
    /// Wall-clock time of its end, milliseconds since 1970.
    pub(super) unix_ms: u64,
    /// For each link, in the order of their numbers: how much its number is above the one before, and its row.
    rows: Arc<[u8]>,
}

impl Frame {
    /// Packs links by their numbers, which have to be in ascending order.
    pub(super) fn new<'l>(
        (start_ns, end_ns): (u64, u64),
        unix_ms: u64,
        links: impl IntoIterator<Item = (u32, &'l LinkDelta)>,
    ) -> Self {
        let mut packer = Packer::default();
        links.into_iter().for_each(|(number, link)| packer.add(number, link));
        Self { start_ns, end_ns, unix_ms, rows: packer.bytes.into() }
    }

    /// Adds up this window and the one after it.
    pub(super) fn merged(&self, next: &Self) -> Self {
        let (mut earlier, mut later) = (self.links().peekable(), next.links().peekable());
        let mut packer = Packer::default();
        while let Some((number, link)) = next_of_both(&mut earlier, &mut later) {
            packer.add(number, &link);
        }
        Self {
            start_ns: self.start_ns,
            end_ns: next.end_ns,
            unix_ms: next.unix_ms,
            rows: packer.bytes.into(),
        }
    }

    /// Iterates over the links and their numbers, in ascending order.
    pub(super) fn links(&self) -> impl Iterator<Item = (u32, LinkDelta)> {
        let (mut rest, mut number) = (&*self.rows, 0);
        std::iter::from_fn(move || {
            number += read(&mut rest)?;
            Some((u32::try_from(number).ok()?, read_link(&mut rest)?))
        })
    }

    /// Returns the memory that it takes besides its own place.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() + ALLOCATION
    }
}

/// Takes the link with the lowest number, added up if both have it.
fn next_of_both(
    earlier: &mut Peekable<impl Iterator<Item = (u32, LinkDelta)>>,
    later: &mut Peekable<impl Iterator<Item = (u32, LinkDelta)>>,
) -> Option<(u32, LinkDelta)> {
    let order = match (earlier.peek(), later.peek()) {
        (Some((earlier, _)), Some((later, _))) => earlier.cmp(later),
        (Some(_), None) => Ordering::Less,
        (None, _) => Ordering::Greater,
    };
    match order {
        Ordering::Less => earlier.next(),
        Ordering::Greater => later.next(),
        Ordering::Equal => {
            let ((number, mut sum), (_, more)) = (earlier.next()?, later.next()?);
            sum.add(&more);
            Some((number, sum))
        }
    }
}

/// Packs rows one after the other.
#[derive(Default)]
struct Packer {
    bytes: Vec<u8>,
    last: u32,
}

impl Packer {
    fn add(&mut self, number: u32, link: &LinkDelta) {
        write(&mut self.bytes, u64::from(number - self.last));
        self.last = number;
        write_link(&mut self.bytes, link);
    }
}
