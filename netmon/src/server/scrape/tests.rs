//! Texts that are shared, and readers that are slow.

use netmon_model::{
    fixtures,
    snapshot::{Flow, Snapshot},
};

use super::*;
use crate::{
    live::{Readiness, SnapshotSource, SourceError},
    server::Buckets,
};

struct Star(u32);

impl SnapshotSource for Star {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        Ok(fixtures::star(self.0))
    }

    fn flows(&self) -> Vec<Flow> {
        Vec::new()
    }

    fn ready(&self) -> Readiness {
        Readiness::from_hooks(0, 0)
    }
}

const PLAIN: Kind = (Format::Text, Coding::Identity);

fn scrapes(links: u32) -> Arc<Scrapes> {
    let readings = Arc::new(Readings::new(Arc::new(Star(links))));
    Arc::new(Scrapes::new(readings, Renderer::new(Buckets::default())))
}

async fn text(mut scrape: Scrape) -> String {
    let mut text = Vec::new();
    while let Some(piece) = scrape.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_waited_share_one_text_and_others_get_the_next() {
    let scrapes = scrapes(1);
    let held = Arc::clone(&scrapes.front).acquire_many_owned(AT_ONCE as u32).await.unwrap();
    let waiting = [(); 5].map(|()| {
        let scrapes = Arc::clone(&scrapes);
        tokio::spawn(async move { scrapes.start(PLAIN).await.unwrap() })
    });
    let all_wait = async {
        // Each has a handle, and so has the table.
        while scrapes.waiting().get(&PLAIN).map_or(0, Arc::strong_count) < 6 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_wait).await.unwrap();
    drop(held);
    let mut texts = Vec::new();
    for scrape in waiting {
        texts.push(scrape.await.unwrap());
    }
    assert!(texts.iter().all(|scrape| Arc::ptr_eq(&scrape.text, &texts[0].text)));
    let later = scrapes.start(PLAIN).await.unwrap();
    assert!(!Arc::ptr_eq(&later.text, &texts[0].text), "it may want to see what the other has not");
    let first = text(texts.pop().unwrap()).await;
    for scrape in texts {
        assert_eq!(text(scrape).await, first);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_delays_no_other_and_gets_the_whole_text() {
    let scrapes = scrapes(500);
    let mut slow = scrapes.start(PLAIN).await.unwrap();
    let fast = Scrape::of(Arc::clone(&scrapes), Arc::clone(&slow.text));
    let mut start = slow.next().await.unwrap().unwrap().to_vec();
    let fast = text(fast).await;
    let before_the_time = |text: &str| text.split("netmon_scrape_duration_seconds").next().unwrap().len();
    assert!(before_the_time(&fast) > 4 << 20, "more than is kept");
    while let Some(piece) = slow.next().await {
        start.extend_from_slice(&piece.unwrap());
    }
    assert!(slow.is_alone);
    let slow = String::from_utf8(start.clone()).unwrap();
    // What follows is the time that writing took, and the process.
    assert!(slow[..before_the_time(&slow)] == fast[..before_the_time(&fast)]);
    assert_eq!(slow.lines().count(), fast.lines().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_nothing_hold_no_place() {
    let scrapes = scrapes(500);
    let mut idle = Vec::new();
    for _ in 0..2 * AT_ONCE {
        idle.push(scrapes.start(PLAIN).await.unwrap());
    }
    let scrape = tokio::time::timeout(Duration::from_secs(20), scrapes.start(PLAIN)).await.unwrap();
    let text = tokio::time::timeout(Duration::from_secs(20), text(scrape.unwrap())).await.unwrap();
    assert!(text.lines().last().unwrap().starts_with("process_"));
}
