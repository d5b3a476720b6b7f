//! Requests to an agent over its socket: none delays another, and none is lost.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use netmon::control::{Answer, Request, ask};
use netmon_tests::{agent::Agent, labs::valid, sandbox::sandbox};
use rustix::process::{Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

fn connect() -> UnixStream {
    let stream = UnixStream::connect("/run/netmon/direct/agent.sock").expect("an agent's socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket's option");
    stream
}

fn change() -> Answer {
    ask(&valid("direct"), &Request::Change(None)).expect("the agent answers")
}

#[test]
fn silent_connections_delay_no_other() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let mut silent: Vec<UnixStream> = (0..8).map(|_| connect()).collect();
        assert_eq!(change(), Answer::default());
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
        let question = serde_json::to_string(&Request::Change(None)).expect("a question") + "\n";
        let (begun, rest) = question.split_at(question.len() / 2);
        slow.write_all(begun.as_bytes()).expect("the agent listens");
        // Connections are accepted in order: an answer to this one shows that the other was accepted.
        assert_eq!(change(), Answer::default());
        kill_process(agent.pid(), Signal::HUP).expect("our own child");
        assert_eq!(change(), Answer::default());
        slow.write_all(rest.as_bytes()).expect("the agent listens");
        let mut answer = String::new();
        BufReader::new(slow).read_line(&mut answer).expect("an answer");
        let answer: Answer = serde_json::from_str(&answer).expect("an answer");
        assert_eq!(answer, Answer::default());
    });
}
