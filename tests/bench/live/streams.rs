//! Two scrapers that scrape every second under load, alone and beside 32 streams that read nothing.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use netmon_tests::agent::{ADDRESS, Agent};
use serde_json::{Value, json};

use super::share::wait;
use crate::{figures::Figure, topology::subject::Subject};

const LINKS: u32 = 200;
const STREAMS: usize = 32;
const SCRAPERS: usize = 2;
/// Of each scraper, one a second.
const SCRAPES: usize = 20;
const SECOND: Duration = Duration::from_secs(1);

/// How long scrapes took, ms, and how many failed.
pub(super) struct Scrapes {
    alone: Figure,
    beside: Figure,
    refused: usize,
}

pub(super) fn measure() -> Result<Scrapes> {
    let subject = Subject::of(LINKS)?;
    let _agent = Agent::start([subject.file()]);
    let target = subject.inside.first().context("a namespace")?;
    let mut load = std::process::Command::new("ping")
        .args(["-q", "-i", "0.0002", target])
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let (alone, refused_alone) = scrape()?;
    let streams: Vec<TcpStream> =
        (0..STREAMS).map(|_| ask("/api/v1/stream?history=1")).collect::<Result<_>>()?;
    let (beside, refused_beside) = scrape()?;
    drop(streams);
    load.kill()?;
    load.wait()?;
    Ok(Scrapes { alone, beside, refused: refused_alone + refused_beside })
}

fn ask(path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Scrapes with all scrapers. Returns the times, and the number of scrapes that failed.
fn scrape() -> Result<(Figure, usize)> {
    let scrapers: Vec<_> = (0..SCRAPERS).map(|_| thread::spawn(one_scraper)).collect();
    let mut times = Vec::new();
    for scraper in scrapers {
        times.extend(scraper.join().ok().context("a scraper panicked")?);
    }
    let answered = times.len();
    Ok((Figure::of(times), SCRAPERS * SCRAPES - answered))
}

/// Returns the times of the scrapes that were answered, ms.
fn one_scraper() -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        let mut answer = Vec::new();
        let read = ask("/metrics").and_then(|mut stream| Ok(stream.read_to_end(&mut answer)?));
        if read.is_ok() && answer.starts_with(b"HTTP/1.1 200") {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        wait(SECOND.saturating_sub(begun.elapsed()));
    }
    times
}

impl Scrapes {
    fn times(&self) -> f64 {
        self.beside.median / self.alone.median
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "links": LINKS, "streams": STREAMS, "refused": self.refused,
            "alone_ms": self.alone.json(), "beside_streams_ms": self.beside.json(),
        })
    }

    pub(super) fn print(&self, bound: f64) {
        let held = if self.times() <= bound && self.refused == 0 { "held" } else { "NOT held" };
        println!("scrape of {LINKS} links, ms    {}", self.alone);
        println!(
            "beside {STREAMS} unread streams    {}   {:.2} times, bound {bound}, {} refused, {held}",
            self.beside,
            self.times(),
            self.refused
        );
    }
}
