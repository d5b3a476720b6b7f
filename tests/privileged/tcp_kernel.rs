//! Retransmissions of the kernel's own TCP: netmon at the sending end against the counter of the sender's kernel.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use netmon_tests::{
    added::Added,
    agent::scrape,
    eventually::{eventually_equal, pause},
    sandbox::sandbox,
    talk::{ADDRESSES, CLIENT, SERVER, connect, listen, retransmitted, serve, set_offloads, start},
};

/// The last retransmissions of a lossy connection take this long.
const PATIENCE: Duration = Duration::from_secs(20);
const LOSS: &str = "loss = \"10%\"";
const REQUEST: usize = 100;
const RESPONSE: usize = 1_000;
/// Connections at a time, and how many times.
const AT_ONCE: usize = 25;
const ROUNDS: usize = 4;
const KEYS: usize = 200;

fn at(name: &str, end: &[(&str, &str)], direction: &str) -> f64 {
    scrape().sum(name, &[end, &[("direction", direction)]].concat())
}

/// Asserts that each end has seen as many retransmissions leave as its kernel has sent, and no more than that arrive.
fn assert_as_the_kernels() {
    for (namespace, end, other) in [("near", CLIENT, SERVER), ("far", SERVER, CLIENT)] {
        let left = || at("netmon_tcp_retransmits_total", &end, "egress");
        eventually_equal(namespace, PATIENCE, || (left(), retransmitted(namespace)));
        let arrived = at("netmon_tcp_retransmits_total", &other, "ingress");
        assert!(arrived <= left(), "{namespace}: {arrived} arrived");
    }
}

/// Answers each request of [`REQUEST`] bytes, until the client has no more.
fn answer(mut stream: TcpStream, response: usize) -> io::Result<()> {
    let mut request = [0; REQUEST];
    while stream.read_exact(&mut request).is_ok() {
        stream.write_all(&vec![b'a'; response])?;
    }
    Ok(())
}

/// One connection with one request, which is closed after the response. With `half`, this side is closed before it.
fn converse(server: SocketAddr, response: usize, half: bool) {
    let mut stream = connect(server);
    stream.write_all(&[b'q'; REQUEST]).expect("the server");
    if half {
        stream.shutdown(Shutdown::Write).expect("an open connection");
    }
    let mut received = vec![0; response];
    stream.read_exact(&mut received).expect("the response");
    if half {
        assert_eq!(stream.read(&mut received).expect("the end"), 0);
    }
}

fn short_connections(half: bool) {
    for address in ADDRESSES {
        sandbox(|| {
            let _agent = start(LOSS);
            let server = serve(listen(address), |stream| answer(stream, RESPONSE));
            for _ in 0..ROUNDS {
                thread::scope(|scope| {
                    for _ in 0..AT_ONCE {
                        scope.spawn(|| converse(server, RESPONSE, half));
                    }
                });
            }
            assert_as_the_kernels();
            assert!(retransmitted("far") > 10.0, "this loss repeats more: {}", retransmitted("far"));
            let all = (ROUNDS * AT_ONCE) as f64;
            for end in [CLIENT, SERVER] {
                let count = |event| {
                    scrape().sum("netmon_tcp_connections_total", &[&end[..], &[("event", event)]].concat())
                };
                assert_eq!(count("opened"), all, "{end:?}");
                eventually_equal("closed connections", PATIENCE, || (count("closed") + count("reset"), all));
            }
        });
    }
}

#[test]
fn the_last_segments_of_short_connections_are_counted_as_the_kernel_counts_them() {
    short_connections(false);
}

#[test]
fn so_are_those_of_connections_that_are_closed_in_one_direction_first() {
    short_connections(true);
}

#[test]
fn segments_of_one_byte_are_counted_as_the_kernel_counts_them() {
    for address in ADDRESSES {
        sandbox(|| {
            let _agent = start(LOSS);
            let server = serve(listen(address), |mut stream| {
                let mut key = [0];
                while stream.read_exact(&mut key).is_ok() {
                    stream.write_all(&key)?;
                }
                Ok(())
            });
            let mut stream = connect(server);
            for _ in 0..KEYS {
                let mut key = [b'k'];
                stream.write_all(&key).and_then(|()| stream.read_exact(&mut key)).expect("an echo");
            }
            assert_as_the_kernels();
            assert!(retransmitted("near") > 5.0, "this loss repeats more: {}", retransmitted("near"));
        });
    }
}

#[test]
fn a_long_answer_is_repeated_as_often_as_the_kernel_says_with_all_offloads_and_with_none() {
    for address in ADDRESSES {
        for offloads in ["on", "off"] {
            sandbox(|| {
                let _agent = start("loss = \"5%\"");
                set_offloads(&["tso", offloads, "gso", offloads, "gro", offloads]);
                // With TSO, a loss takes a super-packet of up to 64 KiB, and there must be enough of them.
                let length = 12_000_000;
                let server = serve(listen(address), move |stream| answer(stream, length));
                converse(server, length, false);
                assert_as_the_kernels();
                assert!(retransmitted("far") > 0.0, "nothing was lost");
            });
        }
    }
}

/// The veth itself reorders segments when two CPUs work on it. The receiver's kernel calls that out of order, and nothing
/// of it is a retransmission.
#[test]
fn a_clean_link_under_load_repeats_no_more_than_the_kernel_says_at_either_hook() {
    const LENGTH: usize = 100_000_000;
    for address in ADDRESSES {
        for offloads in ["on", "off"] {
            sandbox(|| {
                let _agent = start("");
                set_offloads(&["tso", offloads, "gso", offloads, "gro", offloads]);
                let server = serve(listen(address), move |mut stream| {
                    io::copy(&mut stream, &mut io::sink())?;
                    Ok(())
                });
                let length = if offloads == "on" { LENGTH } else { LENGTH / 5 };
                thread::scope(|scope| {
                    for _ in 0..3 {
                        scope.spawn(move || {
                            let mut stream = connect(server);
                            for _ in 0..length / 100_000 {
                                stream.write_all(&[b'x'; 100_000]).expect("the server");
                            }
                            stream.shutdown(Shutdown::Write).expect("an open connection");
                            assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
                        });
                    }
                });
                assert_as_the_kernels();
                let late = at("netmon_tcp_reordered_total", &SERVER, "ingress");
                println!("{address}, offloads {offloads}: {} again, {late} late", retransmitted("near"));
            });
        }
    }
}

#[test]
fn a_window_of_zero_is_probed_without_a_retransmission() {
    sandbox(|| {
        let _agent = start("");
        let server = serve(listen(ADDRESSES[0]), |mut stream| {
            // Long enough for three probes, the first after 200 ms.
            let begun = std::time::Instant::now();
            while begun.elapsed() < Duration::from_millis(2_000) {
                pause();
            }
            io::copy(&mut stream, &mut io::sink())?;
            Ok(())
        });
        let added = Added::by(|| {
            let mut stream = connect(server);
            stream.write_all(&vec![b'x'; 20_000_000]).expect("the server");
            stream.shutdown(Shutdown::Write).expect("an open connection");
            assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
        });
        assert_as_the_kernels();
        assert_eq!(
            added.to("netmon_tcp_connections_total", &[&CLIENT[..], &[("event", "closed")]].concat()),
            1.0
        );
    });
}
