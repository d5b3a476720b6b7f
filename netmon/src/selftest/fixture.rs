//! What all measurements share: the lab's endpoints, readings of them, and waiting that can be interrupted.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use netmon_kernel::netlink::{
    Netlink,
    link::{self, Interface},
};
use netmon_model::{
    names::Side,
    snapshot::{DirectionSnapshot, EndpointSnapshot, LinkSnapshot, Snapshot},
};
use rustix::event::{Timespec, poll};

use super::{
    Row, SelftestError,
    lab::{TemporaryLab, TestLink},
};
use crate::{datapath::Options, topology::Endpoint, watch::Meter};

/// How long to wait for an event that should happen at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Pause between two readings.
const PAUSE: Duration = Duration::from_millis(2);

/// A reading of a link with both its ends.
pub(super) struct BothEnds {
    pub(super) a: EndpointSnapshot,
    pub(super) b: EndpointSnapshot,
    pub(super) a_to_b: DirectionSnapshot,
}

/// The watched lab. Fields are dropped in this order: the lab last, when no descriptor keeps its namespaces alive.
pub(super) struct Fixture<'a> {
    meter: Meter,
    ends: Vec<Endpoint>,
    interrupted: &'a AtomicBool,
    rows: Vec<Row>,
    lab: TemporaryLab,
}

impl<'a> Fixture<'a> {
    pub(super) fn build(interrupted: &'a AtomicBool) -> Result<Self, SelftestError> {
        let mut meter = Meter::load(&Options::default())?;
        let (lab, ends) = TemporaryLab::build(&mut meter)?;
        let fixture = Self { meter, ends, interrupted, rows: Vec::new(), lab };
        fixture.await_carrier()?;
        Ok(fixture)
    }

    /// Removes the lab and returns the rows.
    pub(super) fn remove(mut self) -> Result<Vec<Row>, SelftestError> {
        for error in self.meter.release() {
            log::warn!("{error}");
        }
        self.ends.clear();
        let left = self.lab.remove();
        if left.is_empty() { Ok(self.rows) } else { Err(SelftestError::LeftBehind(left)) }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn end(&self, link: TestLink, side: Side) -> &Endpoint {
        &self.ends[2 * link as usize + usize::from(side == Side::B)]
    }

    /// Runs `work` in the namespace of one side, on a thread of its own.
    pub(super) fn inside<T: Send>(
        &self,
        side: Side,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, SelftestError> {
        Ok(self.end(TestLink::Talk, side).netns.run(work)?)
    }

    pub(super) fn netlink(&self, side: Side) -> Result<Netlink, SelftestError> {
        Ok(Netlink::open_in(&self.end(TestLink::Talk, side).netns)?)
    }

    pub(super) fn reading(&mut self) -> Result<Snapshot, SelftestError> {
        self.stop_if_interrupted()?;
        Ok(self.meter.snapshot()?)
    }

    pub(super) fn link(&mut self, link: TestLink) -> Result<BothEnds, SelftestError> {
        let LinkSnapshot { a, b, a_to_b, .. } = self.reading()?.links.swap_remove(link as usize);
        Ok(BothEnds { a, b: b.ok_or(SelftestError::OneEnd)?, a_to_b })
    }

    /// Reads a link until `is_good` or until `within` has passed. Returns the last reading.
    pub(super) fn link_when(
        &mut self,
        link: TestLink,
        within: Duration,
        is_good: impl Fn(&BothEnds) -> bool,
    ) -> Result<BothEnds, SelftestError> {
        let begun = Instant::now();
        loop {
            let reading = self.link(link)?;
            if is_good(&reading) || begun.elapsed() >= within {
                return Ok(reading);
            }
            self.pause(PAUSE)?;
        }
    }

    /// Waits for `time`.
    ///
    /// # Errors
    ///
    /// [`SelftestError::Interrupted`] if a signal arrived before or meanwhile.
    pub(super) fn pause(&self, time: Duration) -> Result<(), SelftestError> {
        self.stop_if_interrupted()?;
        wait_at_least(time);
        self.stop_if_interrupted()
    }

    fn stop_if_interrupted(&self) -> Result<(), SelftestError> {
        if self.interrupted.load(Ordering::Relaxed) { Err(SelftestError::Interrupted) } else { Ok(()) }
    }

    /// Waits until the kernel's link watch has noticed that all interfaces are up. Until then it drops packets behind the
    /// egress hook.
    fn await_carrier(&self) -> Result<(), SelftestError> {
        for side in [Side::A, Side::B] {
            let ends: Vec<&Endpoint> = self.ends.iter().filter(|end| end.side == side).collect();
            let is_ready = |interface: &Interface| {
                interface.operational || ends.iter().all(|end| end.ifindex.0 != interface.index)
            };
            let mut netlink = self.netlink(side)?;
            let begun = Instant::now();
            while !netlink.interfaces()?.iter().all(is_ready) {
                if begun.elapsed() > 10 * PATIENCE {
                    return Err(SelftestError::NoCarrier);
                }
                self.pause(PAUSE)?;
            }
            // The link watch holds the RTNL lock while it works: when this request returns, it has finished.
            for end in ends {
                netlink.request(&link::set_up(end.ifindex, end.interface.as_str()))?;
            }
        }
        Ok(())
    }
}

/// Waits for at least `time`, without being cut short by signals.
pub(super) fn wait_at_least(time: Duration) {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        let timeout =
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        // A signal only ends it early; the loop waits for the rest.
        let _ = poll(&mut [], Some(&timeout));
    }
}
