//! Pseudo-random numbers that repeat with the same seed.

use std::env;

use fastrand::Rng;

/// Returns a generator with the seed from `NETMON_TEST_SEED`, or else from the clock. Prints the seed, so that a failure
/// can be repeated.
#[must_use]
pub fn seeded() -> Rng {
    let given = env::var("NETMON_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_micros() as u64)
    });
    println!("NETMON_TEST_SEED={seed}");
    Rng::with_seed(seed)
}
