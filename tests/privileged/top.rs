//! `netmon top` on a terminal: keys, sizes, a lost agent, and the terminal as it was after every kind of end.

use std::time::Duration;

use netmon_tests::{
    agent::Agent,
    commands::{fails, netmon_says},
    direct::{LINK, link_status},
    eventually::eventually,
    sandbox::{run, sandbox},
    tmux::Tmux,
};
use rustix::process::{Signal, kill_process, test_kill_process};

fn top(name: &str, variables: &str) -> Tmux {
    Tmux::start(name, (80, 24), &format!("LC_ALL=C.UTF-8 {variables}"), "top")
}

/// The program has ended with `code`, and the terminal is as it was.
fn ends_clean(terminal: &Tmux, code: i32) {
    let (ended, before, after) = terminal.ended();
    assert_eq!(ended, code, "{}", terminal.screen());
    assert_eq!(before, after);
}

#[test]
fn keys_lead_through_the_views_and_back() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let terminal = top("keys", "");
        terminal.await_screen("a live link", |screen| screen.contains("● live") && screen.contains("veth1"));
        terminal.keys(&["Tab"]);
        terminal.await_screen("namespaces", |screen| {
            screen.contains("IN B/S") && screen.contains("direct_netns")
        });
        terminal.keys(&["3"]);
        terminal.await_text("No connections yet.");
        run("curl", &["-sS", "-o", "/dev/null", "http://10.200.0.3/"]);
        terminal.await_text("10.200.0.3:80");
        terminal.keys(&["1", "/", "n", "o", "p", "e"]);
        terminal.await_text("No row matches");
        terminal.keys(&["Escape"]);
        terminal.await_screen("all rows", |screen| screen.contains("veth1") && !screen.contains("Filter:"));
        terminal.keys(&["Enter"]);
        terminal.await_screen("an open link", |screen| {
            screen.contains("latency  p50") && screen.contains("rate ")
        });
        terminal.await_text("more lines");
        terminal.keys(&["G"]);
        terminal.await_text("→ 10.200.0.3:80");
        // One at a time: an escape with a key behind it in the same read is that key with Alt.
        terminal.keys(&["Escape"]);
        terminal.await_text("PKT/S");
        terminal.keys(&["?"]);
        terminal.await_text("Keys and signs");
        terminal.keys(&["Escape"]);
        terminal.await_screen("no help", |screen| !screen.contains("Keys and signs"));
        terminal.keys(&["Space"]);
        terminal.await_text("PAUSED");
        terminal.keys(&["+"]);
        terminal.await_text("every 2 s");
        terminal.keys(&["q"]);
        ends_clean(&terminal, 0);
    });
}

#[test]
fn a_view_that_top_begins_with_is_filled_without_a_key() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("curl", &["-sS", "-o", "/dev/null", "http://10.200.0.3/"]);
        let terminal = Tmux::start("first", (80, 24), "LC_ALL=C.UTF-8", "top --view connections");
        terminal.await_text("10.200.0.3:80");
        terminal.keys(&["q"]);
        ends_clean(&terminal, 0);
    });
}

#[test]
fn the_picture_follows_the_size_of_the_terminal() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let terminal = top("size", "");
        terminal.await_text("TREND");
        terminal.resize(60, 15);
        let small = terminal.await_screen("a small picture", |screen| {
            screen.contains("q quit") && screen.contains("P99") && !screen.contains("TREND")
        });
        assert_eq!(small.lines().count(), 15, "{small}");
        terminal.resize(50, 10);
        terminal.await_text("netmon top needs 60x15, this terminal has 50x10");
        terminal.resize(120, 40);
        terminal
            .await_screen("a large picture", |screen| screen.contains("STATE") && screen.contains("PACKETS"));
        terminal.resize(80, 24);
        terminal.await_screen("the picture of before", |screen| {
            screen.contains("TREND") && !screen.contains("PACKETS")
        });
        terminal.keys(&["C-c"]);
        ends_clean(&terminal, 0);
    });
}

#[test]
fn the_packets_of_an_open_link_are_those_of_the_api() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let terminal = top("packets", "");
        terminal.await_text("veth1");
        run("ping", &["-q", "-c", "20", "-i", "0.01", "10.200.0.3"]);
        terminal.keys(&["Enter"]);
        eventually("the same figures", Duration::from_secs(20), || {
            let link = link_status();
            let sent =
                |end: &str| link[end]["egress"]["packets"].as_u64().map(|sent| format!("{sent} packets"));
            let (from_a, from_b) = (sent("a")?, sent("b")?);
            let screen = terminal.screen();
            let line = screen.lines().find(|line| line.trim_start().starts_with("sent"))?;
            let ends = line.find(&from_a).zip(line.rfind(&from_b));
            ends.is_some_and(|(a, b)| a < b).then_some(())
        });
        let screen = terminal.screen();
        assert!(screen.contains(LINK) && screen.contains("ICMP echo"), "{screen}");
        terminal.keys(&["q"]);
        ends_clean(&terminal, 0);
    });
}

#[test]
fn an_agent_that_is_killed_is_reported_and_the_next_one_is_shown() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let terminal = top("killed", "");
        terminal.await_text("● live");
        agent.end(Signal::KILL);
        let lost = terminal.await_text("no agent for");
        assert!(lost.contains("trying again") && lost.contains("veth1"), "{lost}");
        let _next = Agent::start_at("127.0.0.1:9577", ["--listen", "127.0.0.1:9577"]);
        terminal.await_screen("the next agent", |screen| screen.contains("● live"));
        terminal.keys(&["q"]);
        ends_clean(&terminal, 0);
    });
}

#[test]
fn signals_and_panics_leave_the_terminal_as_it_was() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        for (name, signal) in [("term", Signal::TERM), ("hup", Signal::HUP), ("int", Signal::INT)] {
            let terminal = top(name, "");
            terminal.await_text("● live");
            kill_process(terminal.pid(), signal).expect("a running program");
            ends_clean(&terminal, 0);
        }
        for (name, key) in [("panic", "!"), ("task", "@")] {
            // A backtrace would scroll the message away.
            let terminal = top(name, "NETMON_TEST_PANIC=1 RUST_BACKTRACE=0");
            terminal.await_text("● live");
            terminal.keys(&[key]);
            ends_clean(&terminal, 101);
            let screen = terminal.screen();
            assert!(screen.contains("that a test asked for"), "the message is readable: {screen}");
        }
    });
}

#[test]
fn a_terminal_that_is_hung_up_ends_the_program() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let terminal = top("hung_up", "");
        terminal.await_text("● live");
        let pid = terminal.pid();
        terminal.hang_up();
        eventually("its end", Duration::from_secs(20), || test_kill_process(pid).is_err().then_some(()));
    });
}

#[test]
fn a_stopped_program_gives_the_terminal_back_and_continues() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let program = netmon_tests::binary::netmon();
        // Job control needs an interactive shell.
        let terminal = Tmux::start("stopped", (80, 24), "exec bash --norc -i #", "");
        terminal.keys(&[format!("LC_ALL=C.UTF-8 {} top", program.display()).as_str(), "Enter"]);
        terminal.await_text("● live");
        terminal.keys(&["C-z"]);
        terminal.await_screen("the shell", |screen| screen.contains("Stopped") && !screen.contains("● live"));
        terminal.keys(&["fg", "Enter"]);
        terminal.await_text("● live");
        terminal.keys(&["q"]);
        terminal.await_screen("the shell again", |screen| !screen.contains("● live"));
    });
}

#[test]
fn without_utf_8_and_without_colours_the_screen_has_neither() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let terminal = Tmux::start("plain", (80, 24), "LC_ALL=C NO_COLOR=1", "top");
        let screen = terminal.await_text("* live");
        assert!(screen.is_ascii(), "{screen}");
        terminal.keys(&["q"]);
        ends_clean(&terminal, 0);
    });
}

#[test]
fn without_an_agent_or_a_terminal_the_next_command_is_named() {
    sandbox(|| {
        let terminal = top("none", "");
        ends_clean(&terminal, 1);
        let screen = terminal.screen();
        assert!(screen.contains("netmon run"), "{screen}");
        assert!(fails(2, &["top"]).contains("netmon status"));
        assert_eq!(netmon_says(&["top", "--interval", "0"]).0, 2);
    });
}
