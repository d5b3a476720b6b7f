//! Requests on an agent's control socket: none delays another, and none is lost.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    process,
    time::Duration,
};

use netmon::{
    control::{Client, Refusal, RefusalKind, Reply, Request},
    ownership::Claim,
};
use netmon_tests::{
    agent::Agent,
    commands::{fails, succeeds},
    labs::valid,
    sandbox::sandbox,
};
use rustix::process::{Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

fn connect() -> UnixStream {
    let stream = UnixStream::connect("/run/netmon/direct/agent.sock").expect("an agent's socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket's option");
    stream
}

fn change() {
    let mut agent = Client::connect(&valid("direct")).expect("the agent listens");
    agent.request(&Request::Change(None)).expect("a lab that is as its file has it");
}

fn reply_on(stream: UnixStream) -> Reply {
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).expect("a reply");
    serde_json::from_str(&reply).expect("a reply")
}

#[test]
fn silent_connections_delay_no_other() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let mut silent: Vec<UnixStream> = (0..8).map(|_| connect()).collect();
        change();
        for one in &mut silent {
            one.set_nonblocking(true).expect("a socket's option");
            let still = one.read(&mut [0]).expect_err("nothing was asked, and no connection was closed");
            assert_eq!(still.kind(), io::ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn a_request_that_a_reload_interrupts_is_answered_once_it_is_complete() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let mut slow = connect();
        let request = serde_json::to_string(&Request::Change(None)).expect("a request") + "\n";
        let (begun, rest) = request.split_at(request.len() / 2);
        slow.write_all(begun.as_bytes()).expect("the agent listens");
        // Connections are accepted in order: a reply to this one shows that the other was accepted.
        change();
        kill_process(agent.pid(), Signal::HUP).expect("our own child");
        change();
        slow.write_all(rest.as_bytes()).expect("the agent listens");
        assert_eq!(reply_on(slow), Ok(()));
    });
}

#[test]
fn a_request_that_cannot_be_parsed_is_refused_and_changes_nothing() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let mut client = connect();
        client.write_all(b"\"explode\"\n").expect("the agent listens");
        let Err(Refusal { kind, messages }) = reply_on(client) else { panic!("not refused") };
        assert_eq!(kind, RefusalKind::Invalid);
        assert!(
            messages[0].starts_with("cannot parse the request: unknown variant `explode`"),
            "{messages:?}"
        );
        change();
    });
}

#[test]
fn a_holder_that_does_not_listen_is_a_conflict_for_every_command() {
    sandbox(|| {
        succeeds(&["up"]);
        let claim = Claim::take(&valid("direct")).expect("no other process holds it");
        let id = process::id();
        let held = format!(
            "netmon: lab direct is held by process {id}; try again when it has finished, or stop it first, with Ctrl-C \
             or `kill {id}`"
        );
        let commands: [&[&str]; 5] =
            [&["up"], &["reload"], &["impair", "veth0", "--loss", "1%"], &["overhead", "veth0"], &["down"]];
        for command in commands {
            let said = fails(4, command);
            assert!(said.contains(&held), "{command:?}: {said}");
        }
        drop(claim);
        succeeds(&["down"]);
    });
}
