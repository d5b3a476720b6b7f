//! The seeded harness: a fixed number of mutated examples for each target, on stable.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use super::{Target, mutate::mutated};
use crate::random;

/// Multiplies the number of inputs: for a longer run by hand.
const TIMES: &str = "NETMON_FUZZ_TIMES";
/// Of so many inputs at least one has to be valid, and one invalid: otherwise the examples test nothing.
const MIXTURE: usize = 200;

/// Reads every example, and then mutations of them.
///
/// # Panics
///
/// If the target finds a fault; the message has the seed and the input. Also if an example is not valid.
pub fn check(target: &Target) {
    let examples = examples(target);
    for (path, example) in &examples {
        assert!(judged(target, example, "an example"), "{} is not valid", path.display());
    }
    let examples: Vec<Vec<u8>> = examples.into_iter().map(|(_, example)| example).collect();
    let mut chance = random::seeded();
    let seed = chance.get_seed();
    let times = env::var(TIMES).ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let (mut valid, inputs) = (0, target.inputs * times);
    for number in 0..inputs {
        let input = mutated(&examples, &mut chance);
        valid += usize::from(judged(target, &input, &format!("input {number} of NETMON_TEST_SEED={seed}")));
    }
    let enough = inputs as usize / MIXTURE;
    println!("{}: {valid} of {inputs} inputs were valid", target.name);
    assert!((enough..=inputs as usize - enough).contains(&valid), "{valid} of {inputs} inputs were valid");
}

/// Returns whether the target took the input for valid.
fn judged(target: &Target, input: &[u8], which: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.read)(input))).unwrap_or_else(|fault| {
        eprintln!("target {}, {which}:\nb\"{}\"", target.name, input.escape_ascii());
        resume_unwind(fault)
    })
}

/// Returns the examples of a target with their paths, in the order of their names.
fn examples(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder of examples").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no examples", folder.display());
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("an example"))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::fuzz::{TARGETS, target};

    #[test]
    fn control_messages() {
        check(target("control"));
    }

    #[test]
    fn http_requests() {
        check(target("http"));
    }

    #[test]
    fn texts_of_the_kernel() {
        check(target("kernel_text"));
    }

    #[test]
    fn lab_files() {
        check(target("lab_file"));
    }

    #[test]
    fn netlink_replies() {
        check(target("netlink"));
    }

    #[test]
    fn packets() {
        check(target("packet"));
    }

    #[test]
    fn pinned_names_and_ledgers() {
        check(target("pins"));
    }

    #[test]
    fn recordings() {
        check(target("recording"));
    }

    #[test]
    fn state_files() {
        check(target("state"));
    }

    #[test]
    fn streams_of_events() {
        check(target("stream"));
    }

    #[test]
    fn every_target_has_its_program_for_libfuzzer() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for Target { name, .. } in TARGETS {
            let program = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(program.contains(&format!("target(\"{name}\")")), "{name}");
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "a fault in the reader")]
    fn a_fault_in_a_target_ends_the_run() {
        static READ: AtomicU32 = AtomicU32::new(0);
        let read = |_: &[u8]| {
            assert!(READ.fetch_add(1, Ordering::Relaxed) < 50, "a fault in the reader");
            true
        };
        check(&Target { name: "control", read, inputs: 1_000 });
    }

    #[test]
    #[should_panic(expected = "of 1000 inputs were valid")]
    fn a_target_that_takes_everything_for_valid_tests_nothing() {
        check(&Target { name: "control", read: |_| true, inputs: 1_000 });
    }
}
