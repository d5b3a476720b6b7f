//! An entry point for fuzz targets: the ledgers of an endpoint as they lie in a pinned map, as any bytes.

use netmon_kernel::netlink::offload::Whole;

use super::{
    auditor::Ledgers,
    witness::{Received, Sent},
};
use crate::datapath::Passed;

/// Restores `stored` as an agent does, and enters readings in both ledgers that grow by `step`.
///
/// Returns the last differences of ingress and egress. Returns `None` for ledgers that an agent would start again.
#[must_use]
pub fn ledgers(stored: &[u8], step: u16) -> Option<[i64; 2]> {
    let Ledgers { mut ingress, mut egress } = Ledgers::restored(stored)?;
    for round in 1..=3 {
        let packets = u64::from(step) * round;
        let passed = Passed { packets, segments: packets * 2 };
        let received = Received { packets, xdp: step.is_multiple_of(2) };
        ingress.ledger.enter(passed, packets / 3, received, None, step.is_multiple_of(3));
        let sent = Sent { packets, ..Sent::default() };
        egress.ledger.enter(passed, packets / 2, &sent, Some(Whole::None), step.is_multiple_of(5));
    }
    let at = std::time::SystemTime::UNIX_EPOCH;
    Some([ingress.ledger.audit(at)?.difference, egress.ledger.audit(at)?.difference])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> String {
        serde_json::to_string(&Ledgers::default()).unwrap()
    }

    #[test]
    fn ledgers_that_were_stored_go_on() {
        assert!(ledgers(stored().as_bytes(), 7).is_some());
    }

    #[test]
    fn damaged_ledgers_are_started_again_and_end_no_audit() {
        for (field, value) in [
            ("\"just_dropped_before\":0", "\"just_dropped_before\":-9"),
            ("\"least\":0", "\"least\":1"),
            ("\"most\":0", "\"most\":-1"),
            ("\"difference\":0", "\"difference\":-9223372036854775808"),
            ("\"qdisc_drops\":0", "\"qdisc_drops\":9223372036854775807"),
        ] {
            let damaged = stored().replacen(field, value, 1);
            assert_ne!(damaged, stored(), "{field}");
            assert_eq!(ledgers(damaged.as_bytes(), 7), None, "{damaged}");
        }
    }
}
