//! netmon is killed at any moment of `up` and `down`: the next command repairs the lab, and touches nothing else.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netmon_tests::{
    binary::netmon,
    commands::succeeds,
    foreign::Foreign,
    host::left_behind,
    kill,
    lab_files::many_parts,
    sandbox::{run, sandbox},
};

/// The number of moments at which each command is killed, spread over its duration.
const MOMENTS: u32 = 50;
const LAB: &str = "/run/sandbox/killed.toml";

fn start(command: &str) -> Child {
    let mut netmon = Command::new(netmon());
    netmon.args([command, LAB]).stdout(Stdio::null()).stderr(Stdio::null());
    netmon.spawn().unwrap()
}

fn plan() -> String {
    succeeds(&["plan", LAB])
}

/// Kills `command` after `delay`. Returns whether it was still running.
fn kill_after(command: &str, delay: Duration) -> bool {
    kill::kill_after(&mut start(command), delay)
}

fn duration_of(command: &str) -> Duration {
    let started = Instant::now();
    succeeds(&[command, LAB]);
    started.elapsed()
}

#[test]
fn after_a_kill_at_any_moment_of_up_the_next_up_or_down_repairs_the_lab() {
    sandbox(|| {
        fs::write(LAB, many_parts("killed", 8)).unwrap();
        let foreign = Foreign::place("netmon:other");
        let theirs = foreign.identity();
        let before = left_behind();
        let takes = duration_of("up");
        succeeds(&["down", LAB]);
        assert_eq!(left_behind(), before);
        let mut killed = 0;
        for moment in 0..MOMENTS {
            killed += u32::from(kill_after("up", takes * moment / MOMENTS));
            if moment % 2 == 0 {
                succeeds(&["up", LAB]);
                assert!(plan().contains("nothing to do"), "killed at moment {moment}: {}", plan());
                run("ping", &["-c", "1", "-W", "1", "10.9.7.2"]);
            }
            succeeds(&["down", LAB]);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert_eq!(foreign.identity(), theirs);
        assert!(killed > MOMENTS / 4, "only {killed} of {MOMENTS} were killed before they had ended");
    });
}

#[test]
fn after_a_kill_at_any_moment_of_down_the_next_down_completes_it() {
    sandbox(|| {
        fs::write(LAB, many_parts("killed", 8)).unwrap();
        let foreign = Foreign::place("netmon:other");
        let theirs = foreign.identity();
        let before = left_behind();
        succeeds(&["up", LAB]);
        let takes = duration_of("down");
        let mut killed = 0;
        for moment in 0..MOMENTS {
            succeeds(&["up", LAB]);
            killed += u32::from(kill_after("down", takes * moment / MOMENTS));
            if moment % 2 == 0 {
                succeeds(&["up", LAB]);
                assert!(plan().contains("nothing to do"), "killed at moment {moment}: {}", plan());
            }
            succeeds(&["down", LAB]);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert_eq!(foreign.identity(), theirs);
        assert!(killed > MOMENTS / 4, "only {killed} of {MOMENTS} were killed before they had ended");
    });
}

/// The moment between writing a file and renaming it is too short to be hit at random.
#[test]
fn a_half_written_file_is_removed_by_down_and_completed_by_up() {
    sandbox(|| {
        fs::write(LAB, many_parts("killed", 8)).unwrap();
        let foreign = Foreign::place("netmon:other");
        let theirs = foreign.identity();
        let before = left_behind();
        let (file, half) =
            ("/etc/netns/killed0/resolv.conf", "/etc/netns/killed0/.resolv.conf.netmon:killed");
        for written in ["# netmon:killed folder\n", ""] {
            for made_whole in [false, true] {
                succeeds(&["up", LAB]);
                let whole = fs::read_to_string(file).unwrap();
                fs::remove_file(file).unwrap();
                fs::write(half, written).unwrap();
                if made_whole {
                    succeeds(&["up", LAB]);
                    assert!(!Path::new(half).exists());
                    let again = fs::read_to_string(file).unwrap();
                    assert_eq!(again.lines().last(), whole.lines().last());
                }
                succeeds(&["down", LAB]);
                assert_eq!(left_behind(), before, "{written:?}, made whole: {made_whole}");
            }
        }
        assert_eq!(foreign.identity(), theirs);
    });
}
