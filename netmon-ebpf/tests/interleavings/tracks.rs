//! What has passed of a stream: segments that pass a hook at the same moment are counted as if one had followed the other.

use std::{
    ptr,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use netmon_ebpf::tcp::{HOLES, Half, Passed, Place, SharedHalfWords, Track};

use crate::{
    memory::{Machine, Slot},
    processors::{Work, explore, processors},
};

/// The bit of the state that says that the track is known.
const KNOWN: u32 = 4;

/// The words of a direction. They stay 0: their addresses say which slot is meant.
#[derive(Default)]
#[repr(C)]
struct Direction {
    state: Half,
    next: Half,
    lock: Half,
    holes: [[Half; 2]; HOLES],
}

/// A direction in memory that loom controls.
struct Shared {
    direction: Direction,
    slots: Vec<Slot>,
    machine: Machine,
}

/// Access for a processor, or for a single one after all others have finished.
#[derive(Clone, Copy)]
struct Words<'a>(&'a Shared);

impl Words<'_> {
    fn at(&self, word: &Half) -> &Slot {
        let start = ptr::from_ref(&self.0.direction).addr();
        &self.0.slots[(ptr::from_ref(word).addr() - start) / size_of::<Half>()]
    }
}

impl SharedHalfWords for Words<'_> {
    // Each attempt multiplies the orders. A processor that fails forgets its segment, which is part of the promise.
    const ATTEMPTS: u32 = 2;

    fn load_u32(self, word: &Half) -> u32 {
        self.at(word).load(self.0.machine) as u32
    }

    fn store_u32(self, word: &Half, new: u32) {
        self.at(word).store(new.into(), self.0.machine);
    }

    fn compare_exchange_u32(self, word: &Half, old: u32, new: u32) -> bool {
        self.at(word).changing().compare_exchange(old.into(), new.into(), SeqCst, SeqCst).is_ok()
    }
}

impl Shared {
    /// Returns a direction of which everything before `next` has passed.
    fn new(machine: Machine, next: u32) -> Arc<Self> {
        let slots = size_of::<Direction>() / size_of::<Half>();
        let mut slots: Vec<_> = (0..slots).map(|_| Slot::new(0, true)).collect();
        slots[0] = Slot::new(KNOWN.into(), true);
        slots[1] = Slot::new(next.into(), true);
        Arc::new(Self { direction: Direction::default(), slots, machine })
    }

    /// Passes a segment as the programs do.
    fn pass(&self, seq: u32, end: u32) -> Passed {
        let Direction { state, next, lock, holes } = &self.direction;
        let track = Track { words: Words(self), state, known: KNOWN, next, lock, holes };
        if track.is_next(KNOWN, seq, end) {
            return Passed { place: Place::Next, repeated: 0, late: 0 };
        }
        track.pass(seq, end)
    }
}

/// A processor that passes a segment.
fn passes(seq: u32, end: u32) -> Work<Shared, Passed> {
    Box::new(move |shared| shared.pass(seq, end))
}

/// Asserts that each of the segments, which did not overlap, is known to have passed once, unless a processor had to
/// forget its own.
fn assert_passed_once(shared: &Shared, segments: &[(u32, u32)], passed: &[Passed]) {
    assert!(passed.iter().all(|passed| passed.repeated == 0), "{passed:?}");
    for (&(seq, end), was) in segments.iter().zip(passed) {
        if was.place != Place::Unknown {
            let again = shared.pass(seq, end);
            assert_eq!((again.repeated, again.late), (end - seq, 0), "{seq} to {end} of {passed:?}");
        }
    }
}

#[test]
fn two_segments_in_order_at_once_have_both_passed() {
    explore(&Machine::ALL, Some(3), |machine| {
        let shared = Shared::new(machine, 0);
        let passed = processors(&shared, [passes(0, 10), passes(10, 20)]);
        assert_passed_once(&shared, &[(0, 10), (10, 20)], &passed);
    });
}

#[test]
fn of_one_segment_that_passes_twice_at_once_one_copy_is_repeated() {
    explore(&Machine::ALL, Some(3), |machine| {
        let shared = Shared::new(machine, 0);
        let passed = processors(&shared, [passes(0, 10), passes(0, 10)]);
        let repeated: u32 = passed.iter().map(|passed| passed.repeated).sum();
        let forgotten = passed.iter().any(|passed| passed.place == Place::Unknown);
        assert!(repeated == 10 || repeated == 0 && forgotten, "{passed:?}");
    });
}

#[test]
fn a_hole_that_two_fill_at_once_is_filled_once() {
    explore(&Machine::ALL, Some(2), |machine| {
        let shared = Shared::new(machine, 0);
        shared.pass(10, 20);
        let passed = processors(&shared, [passes(0, 5), passes(5, 10)]);
        assert_passed_once(&shared, &[(0, 5), (5, 10)], &passed);
    });
}

#[test]
fn a_hole_is_filled_while_the_stream_goes_on() {
    explore(&Machine::ALL, Some(3), |machine| {
        let shared = Shared::new(machine, 0);
        shared.pass(10, 20);
        let passed = processors(&shared, [passes(0, 10), passes(20, 30)]);
        assert_passed_once(&shared, &[(0, 10), (20, 30)], &passed);
    });
}

#[test]
fn three_segments_in_order_at_once_have_all_passed() {
    explore(&[Machine::Ordered], Some(2), |machine| {
        let shared = Shared::new(machine, 0);
        let passed = processors(&shared, [passes(0, 10), passes(10, 20), passes(20, 30)]);
        assert_passed_once(&shared, &[(0, 10), (10, 20), (20, 30)], &passed);
    });
}
