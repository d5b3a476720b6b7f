//! `netmon selftest` on this kernel, as far as its counts: the bounds of durations hold on a real CPU, not on an
//! emulated one, which may pause for longer than what is measured.

use std::process::{Command, Stdio};

use netmon_tests::{binary::netmon, sandbox::sandbox};
use serde_json::Value;

/// A count that depends on time: a sender that is paused for long enough retransmits.
const A_MATTER_OF_TIME: &str = "tcp retransmissions";
/// The number of its other counts.
const COUNTS: usize = 55;

/// Whether a measure is a count: it has no tolerance.
fn is_count(row: &Value) -> bool {
    row["allowed_below"] == 0.0 && row["allowed_above"] == 0.0 && row["measure"] != A_MATTER_OF_TIME
}

#[test]
fn every_count_of_the_selftest_is_exact() {
    sandbox(|| {
        let ran = Command::new(netmon()).args(["selftest", "-o", "json"]).stdin(Stdio::null()).output();
        let ran = ran.expect("netmon starts");
        // 5: a duration is out of bounds.
        assert!([Some(0), Some(5)].contains(&ran.status.code()), "{}", String::from_utf8_lossy(&ran.stderr));
        let card: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        let rows = card["rows"].as_array().expect("rows");
        let (counts, durations): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| is_count(row));
        for row in &durations {
            println!("not held to its bounds: {row}");
            assert!(row["samples"].as_u64() > Some(0), "{row}");
        }
        let wrong: Vec<&&Value> = counts.iter().filter(|row| row["within_bounds"] != true).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(counts.len(), COUNTS, "{rows:#?}");
    });
}
