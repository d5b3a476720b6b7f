//! Response times against what the client and the server know: right samples, or none with a reason.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use netmon_tests::{
    added::Added,
    eventually::pause,
    sandbox::{run_in, sandbox},
    talk::{ADDRESSES, CLIENT, SERVER, connect, inside, listen, serve, start},
};
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};

/// Waking up takes this long at most, on a busy machine.
const LATE: f64 = 0.04;

/// What a conversation has to add at either end: samples, each of so many seconds; and the reason if there are no more.
struct Expected {
    samples: f64,
    each: f64,
    reason: Option<&'static str>,
}

const NONE: Expected = Expected { samples: 0.0, each: 0.0, reason: None };

/// Holds a conversation over IPv4 and IPv6.
fn converse(
    expected: &Expected,
    work: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + Copy + 'static,
    client: impl Fn(&mut TcpStream) -> io::Result<()> + Sync,
) {
    sandbox(|| {
        let _agent = start("");
        for address in ADDRESSES {
            let server = serve(listen(address), work);
            let added = Added::by(|| client(&mut connect(server)).expect("the server"));
            assert_added(expected, &added);
        }
    });
}

fn assert_added(expected: &Expected, added: &Added) {
    for end in [CLIENT, SERVER] {
        let samples = added.to("netmon_tcp_response_seconds_count", &end);
        let sum = added.to("netmon_tcp_response_seconds_sum", &end);
        assert_eq!(samples, expected.samples, "{end:?}, {sum} s");
        let least = expected.samples * expected.each;
        assert!(sum >= least && sum <= least + expected.samples * LATE, "{end:?}: {sum} s");
        for reason in ["pipelined", "interleaved", "unknown_protocol", "out_of_order"] {
            let labels = [&end[..], &[("reason", reason)]].concat();
            let count = added.to("netmon_tcp_unsure_responses_total", &labels);
            assert_eq!(count, f64::from(u8::from(expected.reason == Some(reason))), "{end:?}: {reason}");
        }
    }
}

fn wait(ms: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(ms) {
        pause();
    }
}

/// Reads once, and fails at the end of the stream.
fn hear(stream: &mut TcpStream) -> io::Result<usize> {
    match stream.read(&mut [0; 4096])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => Ok(length),
    }
}

fn say(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())
}

fn hear_exactly(stream: &mut TcpStream, length: usize) -> io::Result<()> {
    stream.read_exact(&mut vec![0; length])
}

#[test]
fn each_of_many_requests_is_timed_and_the_client_may_think() {
    let work = |mut stream: TcpStream| loop {
        hear(&mut stream)?;
        wait(10);
        say(&mut stream, "HTTP/1.1 200 OK")?;
    };
    converse(&Expected { samples: 50.0, each: 0.010, ..NONE }, work, |stream| {
        for request in 0..50 {
            say(stream, "GET / HTTP/1.1\r\n\r\n")?;
            hear(stream)?;
            if request % 20 == 0 {
                wait(300);
            }
        }
        Ok(())
    });
}

#[test]
fn an_upload_is_timed_from_its_last_byte() {
    const BODY: usize = 5_000_000;
    let work = |mut stream: TcpStream| {
        hear_exactly(&mut stream, BODY + 5)?;
        wait(100);
        say(&mut stream, "HTTP/1.1 201 Created")
    };
    converse(&Expected { samples: 1.0, each: 0.100, ..NONE }, work, |stream| {
        say(stream, "POST ")?;
        stream.write_all(&vec![b'x'; BODY])?;
        hear(stream).map(drop)
    });
}

#[test]
fn a_body_after_a_hundred_continue_is_timed_from_its_last_byte() {
    let work = |mut stream: TcpStream| {
        hear(&mut stream)?;
        say(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n")?;
        hear(&mut stream)?;
        wait(200);
        say(&mut stream, "HTTP/1.1 200 OK")
    };
    // Two samples: at once, and 200 ms.
    converse(&Expected { samples: 2.0, each: 0.100, ..NONE }, work, |stream| {
        say(stream, "POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n")?;
        hear(stream)?;
        wait(100);
        say(stream, "body")?;
        hear(stream).map(drop)
    });
}

#[test]
fn a_banner_and_what_follows_are_no_samples() {
    let work = |mut stream: TcpStream| {
        say(&mut stream, "220 hello")?;
        hear(&mut stream)?;
        wait(50);
        say(&mut stream, "250 ok")
    };
    converse(&Expected { reason: Some("unknown_protocol"), ..NONE }, work, |stream| {
        hear(stream)?;
        say(stream, "EHLO")?;
        hear(stream).map(drop)
    });
}

#[test]
fn pipelined_requests_are_no_samples() {
    const REQUEST: &str = "GET / HTTP/1.1\r\n\r\n";
    let work = |mut stream: TcpStream| {
        hear_exactly(&mut stream, 5 * REQUEST.len())?;
        for _ in 0..5 {
            wait(20);
            say(&mut stream, "200")?;
        }
        Ok(())
    };
    converse(&Expected { reason: Some("pipelined"), ..NONE }, work, |stream| {
        for _ in 0..5 {
            say(stream, REQUEST)?;
            wait(5);
        }
        hear_exactly(stream, 15)
    });
}

#[test]
fn another_frame_of_the_client_before_the_answer_leaves_no_sample() {
    let work = |mut stream: TcpStream| {
        hear(&mut stream)?;
        wait(500);
        say(&mut stream, "slow answer")
    };
    converse(&Expected { reason: Some("interleaved"), ..NONE }, work, |stream| {
        say(stream, "GET")?;
        wait(450);
        say(stream, "PING")?;
        hear(stream).map(drop)
    });
}

#[test]
fn a_push_is_no_response_to_a_message() {
    let work = |mut stream: TcpStream| {
        hear(&mut stream)?;
        wait(500);
        say(&mut stream, "unrelated push")
    };
    converse(&Expected { reason: Some("unknown_protocol"), ..NONE }, work, |stream| {
        say(stream, "PUBLISH qos 0")?;
        hear(stream).map(drop)
    });
}

#[test]
fn a_download_with_window_updates_is_one_response() {
    const LENGTH: usize = 3_000_000;
    let work = |mut stream: TcpStream| {
        hear(&mut stream)?;
        stream.write_all(&vec![b'z'; LENGTH])?;
        wait(300);
        say(&mut stream, "end")
    };
    converse(&Expected { samples: 1.0, each: 0.0, reason: Some("interleaved") }, work, |stream| {
        say(stream, "GET")?;
        let (mut received, mut updates) = (0, 0);
        while received < LENGTH {
            received += hear(stream)?;
            if received / 100_000 > updates {
                updates = received / 100_000;
                say(stream, "WINDOW_UPDATE")?;
            }
        }
        hear(stream).map(drop)
    });
}

#[test]
fn the_first_message_of_tls_is_an_unknown_protocol() {
    let work = |mut stream: TcpStream| {
        hear(&mut stream)?;
        wait(5);
        stream.write_all(&[22, 3, 3, 0, 4, 2, 0, 0, 0])
    };
    converse(&Expected { reason: Some("unknown_protocol"), ..NONE }, work, |stream| {
        stream.write_all(&[22, 3, 1, 0, 4, 1, 0, 0, 0])?;
        hear(stream).map(drop)
    });
}

/// Connects with a request in the SYN (TCP Fast Open).
fn connect_with(server: SocketAddr, request: &str) -> TcpStream {
    const MSG_FASTOPEN: SendFlags = SendFlags::from_bits_retain(0x2000_0000);
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    inside("near", || {
        let socket = socket(family, SocketType::STREAM, None)?;
        sendto(&socket, request.as_bytes(), MSG_FASTOPEN, &server)?;
        Ok(TcpStream::from(socket))
    })
}

/// Connections that the server's kernel has accepted with data in the SYN.
fn accepted_with_data() -> u64 {
    let shown = run_in("far", "cat", &["/proc/net/netstat"]);
    let mut rows = shown.lines().filter_map(|line| line.strip_prefix("TcpExt:")).map(str::split_whitespace);
    let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
    let (_, value) = names.zip(values).find(|(name, _)| *name == "TCPFastOpenPassive").unwrap();
    value.parse().unwrap()
}

#[test]
fn a_request_in_the_syn_is_timed() {
    for address in ADDRESSES {
        sandbox(|| {
            let _agent = start("");
            for namespace in ["near", "far"] {
                // For clients and for all listeners, and without cookies.
                run_in(namespace, "sysctl", &["-q", "-w", "net.ipv4.tcp_fastopen=1543"]);
            }
            let server = serve(listen(address), |mut stream| {
                hear(&mut stream)?;
                wait(50);
                say(&mut stream, "200")
            });
            let added = Added::by(|| {
                for _ in 0..5 {
                    hear(&mut connect_with(server, "GET / tfo")).unwrap();
                }
            });
            assert_eq!(accepted_with_data(), 5);
            assert_added(&Expected { samples: 5.0, each: 0.050, ..NONE }, &added);
            assert_eq!(added.to("netmon_tcp_handshake_seconds_count", &CLIENT), 5.0);
            assert_eq!(added.to("netmon_tcp_retransmits_total", &CLIENT), 0.0);
        });
    }
}
