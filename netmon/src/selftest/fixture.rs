//! What all measures work with: the lab's ends, readings of them, and waiting that can be interrupted.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use netmon_kernel::netlink::{Netlink, link};
use netmon_model::{names::Side, snapshot::LinkSnapshot};
use rustix::event::{Timespec, poll};

use super::{
    Row, SelftestError,
    lab::{Line, ThrowAway},
};
use crate::{
    datapath::{Datapath, Options, Reading},
    topology::Endpoint,
};

/// How long what should happen at once is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// The lab, watched. Fields go in this order: the lab last, when nobody holds its namespaces.
pub(super) struct Fixture<'a> {
    datapath: Datapath,
    ends: Vec<Endpoint>,
    interrupted: &'a AtomicBool,
    rows: Vec<Row>,
    lab: ThrowAway,
}

impl<'a> Fixture<'a> {
    pub(super) fn build(interrupted: &'a AtomicBool) -> Result<Self, SelftestError> {
        let mut datapath = Datapath::load(&Options::default())?;
        let (lab, ends) = ThrowAway::build(&mut datapath)?;
        let bench = Self { datapath, ends, interrupted, rows: Vec::new(), lab };
        bench.await_carrier()?;
        Ok(bench)
    }

    /// Takes the lab away, and gives the rows.
    pub(super) fn take_down(mut self) -> Result<Vec<Row>, SelftestError> {
        for error in self.datapath.detach_all() {
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

    pub(super) fn reading(&mut self) -> Result<Reading, SelftestError> {
        self.stop_if_interrupted()?;
        Ok(self.datapath.read()?)
    }

    pub(super) fn link(&mut self, line: Line) -> Result<LinkSnapshot, SelftestError> {
        Ok(self.reading()?.links.swap_remove(line as usize))
    }

    /// Reads a link until it is as it should be, or for so long; gives the last reading.
    pub(super) fn link_when(
        &mut self,
        line: Line,
        within: Duration,
        is_good: impl Fn(&LinkSnapshot) -> bool,
    ) -> Result<LinkSnapshot, SelftestError> {
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
