//! What all measures work with: the lab's ends, readings of them, and waiting that can be interrupted.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use netmon_kernel::netlink::{Netlink, link};
use netmon_model::{
    names::Side,
    snapshot::{DirectionSnapshot, EndpointSnapshot, LinkSnapshot, Snapshot},
};
use rustix::event::{Timespec, poll};

use super::{
    Row, SelftestError,
    lab::{Line, ThrowAway},
};
use crate::{datapath::Options, topology::Endpoint, watch::Meter};

/// How long what should happen at once is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// A reading of a link with both its ends.
pub(super) struct BothEnds {
    pub(super) a: EndpointSnapshot,
    pub(super) b: EndpointSnapshot,
    pub(super) a_to_b: DirectionSnapshot,
}

/// The lab, watched. Fields go in this order: the lab last, when nobody holds its namespaces.
pub(super) struct Fixture<'a> {
    meter: Meter,
    ends: Vec<Endpoint>,
    interrupted: &'a AtomicBool,
    rows: Vec<Row>,
    lab: ThrowAway,
}

impl<'a> Fixture<'a> {
    pub(super) fn build(interrupted: &'a AtomicBool) -> Result<Self, SelftestError> {
        let mut meter = Meter::load(&Options::default())?;
        let (lab, ends) = ThrowAway::build(&mut meter)?;
        let bench = Self { meter, ends, interrupted, rows: Vec::new(), lab };
        bench.await_carrier()?;
        Ok(bench)
    }

    /// Takes the lab away, and gives the rows.
    pub(super) fn take_down(mut self) -> Result<Vec<Row>, SelftestError> {
        for error in self.meter.release() {
            log::warn!("{error}");
        }
        self.ends.clear();
        let left = self.lab.take_down();
        if left.is_empty() { Ok(self.rows) } else { Err(SelftestError::LeftBehind(left)) }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn end(&self, line: Line, side: Side) -> &Endpoint {
        &self.ends[2 * line as usize + usize::from(side == Side::B)]
    }

    /// Runs `work` in the namespace of a side, on a thread that ends with it.
    pub(super) fn inside<T: Send>(
        &self,
        side: Side,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, SelftestError> {
        Ok(self.end(Line::Talk, side).netns.run(work)?)
    }

    pub(super) fn netlink(&self, side: Side) -> Result<Netlink, SelftestError> {
        Ok(Netlink::open_in(&self.end(Line::Talk, side).netns)?)
    }

    pub(super) fn reading(&mut self) -> Result<Snapshot, SelftestError> {
        self.stop_if_interrupted()?;
        Ok(self.meter.snapshot()?)
    }

    pub(super) fn link(&mut self, line: Line) -> Result<BothEnds, SelftestError> {
        let LinkSnapshot { a, b, a_to_b, .. } = self.reading()?.links.swap_remove(line as usize);
        Ok(BothEnds { a, b: b.ok_or(SelftestError::OneEnd)?, a_to_b })
    }

    /// Reads a link until it is as it should be, or for so long; gives the last reading.
    pub(super) fn link_when(
        &mut self,
        line: Line,
        within: Duration,
        is_good: impl Fn(&BothEnds) -> bool,
    ) -> Result<BothEnds, SelftestError> {
        let begun = Instant::now();
        loop {
            let link = self.link(line)?;
            if is_good(&link) || begun.elapsed() >= within {
                return Ok(link);
            }
            self.pause(PAUSE)?;
        }
    }

    /// Waits, unless a signal comes.
    pub(super) fn pause(&self, time: Duration) -> Result<(), SelftestError> {
        self.stop_if_interrupted()?;
        rest(time);
        self.stop_if_interrupted()
    }

    fn stop_if_interrupted(&self) -> Result<(), SelftestError> {
        if self.interrupted.load(Ordering::Relaxed) { Err(SelftestError::Interrupted) } else { Ok(()) }
    }

    /// Until the kernel has noticed that an interface is up, it drops what is sent behind the egress hook.
    fn await_carrier(&self) -> Result<(), SelftestError> {
        for side in [Side::A, Side::B] {
            let mut netlink = self.netlink(side)?;
            let begun = Instant::now();
            while !netlink.interfaces()?.iter().filter(|there| there.kind.is_some()).all(|there| {
                let ours = self.ends.iter().any(|end| end.side == side && end.ifindex.0 == there.index);
                !ours || there.operational
            }) {
                if begun.elapsed() > 10 * PATIENCE {
                    return Err(SelftestError::NoCarrier);
                }
                self.pause(PAUSE)?;
            }
            // Whoever notices holds the lock of all links meanwhile: a change that got through came after it.
            let of_side = self.ends.iter().filter(|end| end.side == side);
            for end in of_side {
                netlink.request(&link::set_up(end.ifindex, end.interface.as_str()))?;
            }
        }
        Ok(())
    }
}

/// Waits for at least so long.
pub(super) fn rest(time: Duration) {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        let timeout =
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        // A signal only wakes it early.
        let _ = poll(&mut [], Some(&timeout));
    }
}
