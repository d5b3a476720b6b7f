//! `netmon-soak MINUTES ROUNDS`: netmon in use for minutes. Needs root. `cargo xtask soak` builds and starts it.

use std::{env, time::Duration};

use netmon_tests::soak::{busy, kills, six, storm};

/// At least so many kills, however short the time.
const LEAST_KILLS: u32 = 5;

fn main() {
    let mut numbers = env::args().skip(1).map(|number| number.parse::<u32>().expect("a number"));
    let (Some(minutes), Some(rounds)) = (numbers.next(), numbers.next()) else {
        panic!("usage: netmon-soak MINUTES ROUNDS");
    };
    let half = Duration::from_secs(u64::from(minutes) * 30);
    six(rounds);
    let share = storm();
    let changes = busy(half);
    let (killed, interrupted) = kills(half, LEAST_KILLS);
    println!(
        "soak: {changes} rounds of changes, {killed} kills ({interrupted} in the middle), {share:.3} of a processor in a storm"
    );
}
