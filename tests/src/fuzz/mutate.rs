//! Changes an example a little: most of it stays valid, so that a change reaches code behind the first check.

use fastrand::Rng;

/// No input is longer.
const MOST_BYTES: usize = 1 << 16;
/// Pieces that mean something in many formats.
const PIECES: [&[u8]; 14] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\r\n\r\n",
    b"\"",
    b"{",
    b"[",
    b"-1",
    b"18446744073709551616",
    b"1e400",
    b"%00",
    b"\xc3",
    b"../",
    b"null",
];

/// Returns one of the examples with up to four changes.
pub(super) fn mutated(examples: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut bytes = examples[chance.usize(..examples.len())].clone();
    for _ in 0..chance.usize(1..=4) {
        change(&mut bytes, examples, chance);
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

fn change(bytes: &mut Vec<u8>, examples: &[Vec<u8>], chance: &mut Rng) {
    let at = chance.usize(..=bytes.len());
    match chance.u8(..8) {
        0 | 1 => flip_a_bit(bytes, chance),
        2 => bytes.truncate(at),
        3 => drop(bytes.splice(at..at, PIECES[chance.usize(..PIECES.len())].iter().copied())),
        4 => {
            let end = bytes.len().min(at + chance.usize(..16));
            bytes.drain(at..end);
        }
        5 => repeat(bytes, at, chance),
        6 => {
            let other = &examples[chance.usize(..examples.len())];
            bytes.truncate(at);
            bytes.extend(&other[chance.usize(..=other.len())..]);
        }
        _ => overwrite(bytes, at, chance),
    }
}

fn flip_a_bit(bytes: &mut [u8], chance: &mut Rng) {
    if !bytes.is_empty() {
        bytes[chance.usize(..bytes.len())] ^= 1 << chance.u8(..8);
    }
}

fn repeat(bytes: &mut Vec<u8>, at: usize, chance: &mut Rng) {
    let piece = bytes[at..bytes.len().min(at + chance.usize(..64))].to_vec();
    for _ in 0..chance.usize(1..4) {
        bytes.splice(at..at, piece.iter().copied());
    }
}

fn overwrite(bytes: &mut [u8], at: usize, chance: &mut Rng) {
    for byte in bytes.iter_mut().skip(at).take(chance.usize(1..5)) {
        *byte = chance.u8(..);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_most_of_them_differ_from_the_example() {
        let examples = [b"one example".to_vec(), b"and another one".to_vec()];
        let inputs = |seed| {
            let mut chance = Rng::with_seed(seed);
            (0..200).map(|_| mutated(&examples, &mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
        assert!(inputs(7).iter().filter(|input| !examples.contains(input)).count() > 180);
    }
}
