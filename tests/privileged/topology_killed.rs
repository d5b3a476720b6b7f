//! netmon killed at any moment of `up` and `down`: the next one puts it right, and touches nothing else.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netmon_tests::{
    binary::netmon,
    host::left_behind,
    kill,
    sandbox::{run, sandbox},
};

/// How many moments each command is killed at, spread over the time that it takes.
const MOMENTS: u32 = 50;
const LAB: &str = "/run/sandbox/killed.toml";

/// Enough of everything that a kill may fall between any two of them.
fn write_lab() {
    let mut text = String::new();
    for i in 0..8 {
        writeln!(
            text,
            "[[namespace]]\nname = \"killed{i}\"\nnameservers = [\"10.9.{i}.1\"]\n\
             sysctls = {{ \"net.ipv4.ip_forward\" = \"1\" }}\n\
             routes = [{{ to = \"default\", via = \"10.9.{i}.1\" }}]\n\
             [[link]]\na = {{ namespace = \"root\", interface = \"kl{i}\", addresses = [\"10.9.{i}.1/24\"] }}\n\
             b = {{ namespace = \"killed{i}\", interface = \"eth0\", addresses = [\"10.9.{i}.2/24\"] }}"
        )
        .unwrap();
    }
    fs::write(LAB, text).unwrap();
}

/// Things beside the lab that are none of its business.
fn place_foreign_objects() {
    run("ip", &["netns", "add", "foreign"]);
    run("ip", &["link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1", "netns", "foreign"]);
    run("ip", &["link", "set", "foreign0", "alias", "netmon:other"]);
    run("ip", &["link", "add", "foreignbr", "type", "bridge"]);
    run("tc", &["qdisc", "add", "dev", "foreign0", "clsact"]);
    fs::create_dir_all("/etc/netns/foreign").unwrap();
    fs::write("/etc/netns/foreign/resolv.conf", "# mine\n").unwrap();
}

fn start(command: &str) -> Child {
    let mut netmon = Command::new(netmon());
    netmon.args([command, LAB]).stdout(Stdio::null()).stderr(Stdio::null());
    netmon.spawn().unwrap()
}

fn finish(command: &str) {
    run(netmon().to_str().unwrap(), &[command, LAB]);
}

fn plan() -> String {
    run(netmon().to_str().unwrap(), &["plan", LAB])
}

/// Kills `command` after `delay`; returns whether it was still running.
fn kill_after(command: &str, delay: Duration) -> bool {
    kill::kill_after(&mut start(command), delay)
}

fn duration_of(command: &str) -> Duration {
    let started = Instant::now();
    finish(command);
    started.elapsed()
}

#[test]
fn killed_at_any_moment_of_up_the_next_up_or_down_puts_it_right() {
    sandbox(|| {
        write_lab();
        place_foreign_objects();
        let before = left_behind();
        let takes = duration_of("up");
        finish("down");
        assert_eq!(left_behind(), before);
        let mut killed = 0;
        for moment in 0..MOMENTS {
            killed += u32::from(kill_after("up", takes * moment / MOMENTS));
            if moment % 2 == 0 {
                finish("up");
                assert!(plan().contains("nothing to do"), "killed at moment {moment}: {}", plan());
                run("ping", &["-c", "1", "-W", "1", "10.9.7.2"]);
            }
            finish("down");
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(killed > MOMENTS / 4, "only {killed} of {MOMENTS} were killed before they had ended");
    });
}

#[test]
fn killed_at_any_moment_of_down_the_next_down_ends_it() {
    sandbox(|| {
        write_lab();
        place_foreign_objects();
        let before = left_behind();
        finish("up");
        let takes = duration_of("down");
        let mut killed = 0;
        for moment in 0..MOMENTS {
            finish("up");
            killed += u32::from(kill_after("down", takes * moment / MOMENTS));
            if moment % 2 == 0 {
                finish("up");
                assert!(plan().contains("nothing to do"), "killed at moment {moment}: {}", plan());
            }
            finish("down");
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(killed > MOMENTS / 4, "only {killed} of {MOMENTS} were killed before they had ended");
        assert!(Path::new("/run/netns/foreign").exists());
    });
}

/// The moment between writing a file and giving it its name is too short to be hit by chance.
#[test]
fn a_file_that_was_being_written_is_taken_away_by_down_and_made_whole_by_up() {
    sandbox(|| {
        write_lab();
        place_foreign_objects();
        let before = left_behind();
        let (file, half) =
            ("/etc/netns/killed0/resolv.conf", "/etc/netns/killed0/.resolv.conf.netmon:killed");
        for written in ["# netmon:killed folder\n", ""] {
            for made_whole in [false, true] {
                finish("up");
                let whole = fs::read_to_string(file).unwrap();
                fs::remove_file(file).unwrap();
                fs::write(half, written).unwrap();
                if made_whole {
                    finish("up");
                    assert!(!Path::new(half).exists());
                    let again = fs::read_to_string(file).unwrap();
                    assert_eq!(again.lines().last(), whole.lines().last());
                }
                finish("down");
                assert_eq!(left_behind(), before, "{written:?}, made whole: {made_whole}");
            }
        }
    });
}
