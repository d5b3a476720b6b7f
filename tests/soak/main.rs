//! `netmon-soak MINUTES ROUNDS CONTAINERS`: netmon in use for minutes. Needs root. `cargo xtask soak` builds and starts it.

use std::{env, time::Duration};

use netmon_tests::soak::{busy, container_ends, containers, kills, short_lived, six, storm};

/// At least so many kills, however short the time.
const LEAST_KILLS: u32 = 5;

/// The containers of each round.
const EACH: usize = 20;

/// Containers come and go in this many rounds; two thirds as many end under traffic, and as many at once.
fn beside_docker(rounds: u32) {
    let rounds = usize::try_from(rounds).expect("a number of rounds");
    let some = rounds * 2 / 3;
    if rounds > 0 {
        let is_done = containers(rounds, EACH) && container_ends(some) && short_lived(some);
        println!(
            "soak: {rounds} rounds of {EACH} containers, {some} that ended under traffic, {some} short-lived: {is_done}"
        );
    }
}

fn main() {
    let mut numbers = env::args().skip(1).map(|number| number.parse::<u32>().expect("a number"));
    let (Some(minutes), Some(rounds), Some(beside)) = (numbers.next(), numbers.next(), numbers.next()) else {
        panic!("usage: netmon-soak MINUTES ROUNDS CONTAINERS");
    };
    beside_docker(beside);
    let half = Duration::from_secs(u64::from(minutes) * 30);
    six(rounds);
    let share = storm();
    let changes = busy(half);
    let (killed, interrupted) = kills(half, LEAST_KILLS);
    println!(
        "soak: {changes} rounds of changes, {killed} kills ({interrupted} in the middle), {share:.3} of a processor in a storm"
    );
}
