//! The text of a scrape: written once for all clients that waited for it, while it is being sent.
//!
//! A hundred links make 10 MB. Only the part that clients have not received yet is in memory, and a client has the first
//! bytes before the last are written. A short text is sent in one piece, with its length.
//!
//! Writing costs processor time, so only [`AT_ONCE`] texts are written at a time. A client that comes meanwhile waits for the
//! next text of its kind, together with all others. Slow clients cannot hold these two places: a text whose readers are
//! slow is written on in the background, one at a time. A reader that is far behind the others of its text gets one of its own
//! there.

use std::{
    collections::HashMap,
    mem,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::{
    runtime::Handle,
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::{
    coding::{Coder, Coding},
    readings::{ReadError, Reading, Readings},
    spool::{Demand, Next, Spool},
};
use crate::metrics::{Format, Renderer};

/// How many texts are written at a time.
const AT_ONCE: usize = 2;
/// How long the writer of a text waits for its readers, all in all, before it goes to the background.
const READERS_TIME: Duration = Duration::from_millis(250);
/// A writer looks this often whether it has readers.
const LOOK: Duration = Duration::from_secs(5);
/// A text of at most this size is sent in one piece.
const SHORT_BYTES: usize = 256 << 10;

/// What a client wants: a format that it prefers, and a coding.
type Kind = (Format, Coding);

/// Makes the texts of scrapes.
pub(super) struct Scrapes {
    readings: Arc<Readings>,
    renderer: Arc<Renderer>,
    /// A permit for each text that is written for clients that keep up.
    front: Arc<Semaphore>,
    /// The permit of the text that is written for others.
    back: Arc<Semaphore>,
    /// The texts that are not begun yet.
    waiting: Mutex<HashMap<Kind, Arc<Round>>>,
}

/// A text that some clients wait for. Set when it is begun.
type Round = OnceCell<Arc<Text>>;

/// A text, as it is written.
struct Text {
    reading: Reading,
    errors: [(&'static str, u64); 2],
    format: Format,
    coding: Coding,
    spool: Spool,
}

impl Scrapes {
    pub(super) fn new(readings: Arc<Readings>, renderer: Renderer) -> Self {
        Self {
            readings,
            renderer: Arc::new(renderer),
            front: Arc::new(Semaphore::new(AT_ONCE)),
            back: Arc::new(Semaphore::new(1)),
            waiting: Mutex::default(),
        }
    }

    /// Starts a scrape of a reading that began after this call, in the format that the client prefers if possible.
    pub(super) async fn start(self: &Arc<Self>, kind: Kind) -> Result<Scrape, ReadError> {
        let round = Arc::clone(self.waiting().entry(kind).or_default());
        let text = round.get_or_try_init(|| self.begin(kind, &round)).await?;
        Ok(Scrape::of(Arc::clone(self), Arc::clone(text)))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Kind, Arc<Round>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn begin(self: &Arc<Self>, kind: Kind, round: &Arc<Round>) -> Result<Arc<Text>, ReadError> {
        let permit = Arc::clone(&self.front).acquire_owned().await.ok();
        {
            // A client that comes from now on may want to see what this reading does not have: it is for the next round.
            let mut waiting = self.waiting();
            if waiting.get(&kind).is_some_and(|next| Arc::ptr_eq(next, round)) {
                waiting.remove(&kind);
            }
        }
        let reading = self.readings.fresh().await?;
        let (preferred, coding) = kind;
        let format = preferred.for_snapshot(&reading.snapshot);
        let (errors, spool) = (self.readings.errors(), Spool::starting_at(0));
        let text = Arc::new(Text { reading, errors, format, coding, spool });
        // The clients that wait become readers in a moment. This one keeps the text for them until then.
        let first = text.spool.add_reader(0);
        self.write(&text, Pace { permit, left: Some(READERS_TIME), first: Some(first) });
        Ok(text)
    }

    /// Starts to write a text, on a thread for blocking work.
    fn write(self: &Arc<Self>, text: &Arc<Text>, pace: Pace) {
        let (text, renderer, back) = (Arc::clone(text), Arc::clone(&self.renderer), Arc::clone(&self.back));
        drop(spawn_blocking(move || {
            let mut ending = Ending { text: &text, is_complete: false };
            ending.is_complete = Writer { spool: &text.spool, back: &back, pace }.write(&text, &renderer);
        }));
    }
}

/// Ends a text, also if its writer panics.
struct Ending<'t> {
    text: &'t Text,
    is_complete: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.text.spool.end(self.is_complete);
    }
}

/// How fast a text is written.
#[derive(Default)]
struct Pace {
    /// `None` in the background while it waits.
    permit: Option<OwnedSemaphorePermit>,
    /// How long it may still wait for readers. `None` in the background.
    left: Option<Duration>,
    /// The reader that stands for those to come. `None` once they are there.
    first: Option<u64>,
}

/// Writes a text.
struct Writer<'t> {
    spool: &'t Spool,
    back: &'t Arc<Semaphore>,
    pace: Pace,
}

impl Writer<'_> {
    /// Writes the text. Returns whether it is complete: it is not if no reader is left.
    fn write(mut self, text: &Text, renderer: &Renderer) -> bool {
        let Text { reading, errors, format, coding, .. } = text;
        let mut coder = Coder::new(*coding);
        let mut is_wanted = true;
        self.resume();
        renderer.render(&reading.snapshot, errors, reading.began, *format, |piece| {
            let flow = coder.add(piece).map_or(ControlFlow::Continue(()), |ready| self.pass_on(&ready));
            is_wanted &= flow.is_continue();
            flow
        });
        if let Some(rest) = coder.finish() {
            self.spool.push(&rest);
        }
        self.remove_first();
        is_wanted
    }

    fn pass_on(&mut self, piece: &Bytes) -> ControlFlow<()> {
        self.spool.push(piece);
        let mut demand = self.spool.wait_for_demand(Duration::ZERO);
        if demand == Demand::Later {
            self.remove_first();
        }
        while demand == Demand::Later {
            demand = self.wait();
        }
        self.resume();
        if demand == Demand::Nothing { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn remove_first(&mut self) {
        if let Some(first) = self.pace.first.take() {
            self.spool.remove_reader(first);
        }
    }

    /// Waits for readers. Goes to the background if that takes too long.
    fn wait(&mut self) -> Demand {
        let Some(left) = self.pace.left else {
            self.pace.permit = None;
            return self.spool.wait_for_demand(LOOK);
        };
        let began = Instant::now();
        let demand = self.spool.wait_for_demand(left);
        self.pace.left = left.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
        demand
    }

    /// In the background, waits until it is this writer's turn.
    fn resume(&mut self) {
        if self.pace.left.is_none() {
            self.pace.permit = None;
            let turn = Arc::clone(self.back).acquire_owned();
            self.pace.permit = Handle::current().block_on(turn).ok();
        }
    }
}

/// One client's way through a text.
pub(super) struct Scrape {
    scrapes: Arc<Scrapes>,
    text: Arc<Text>,
    reader: u64,
    /// How much of the text it has.
    position: u64,
    /// Whether the text is written for this client alone.
    is_alone: bool,
}

impl Drop for Scrape {
    fn drop(&mut self) {
        self.text.spool.remove_reader(self.reader);
    }
}

impl Scrape {
    fn of(scrapes: Arc<Scrapes>, text: Arc<Text>) -> Self {
        let reader = text.spool.add_reader(0);
        Self { scrapes, text, reader, position: 0, is_alone: false }
    }

    /// The format of the text.
    pub(super) fn format(&self) -> Format {
        self.text.format
    }

    /// How the text is encoded.
    pub(super) fn coding(&self) -> Coding {
        self.text.coding
    }

    /// Returns the next piece. If the writer panicked, the text ends with an error, not as if it were complete.
    async fn next(&mut self) -> Option<Result<Bytes, ReadError>> {
        loop {
            match self.text.spool.next(self.reader).await {
                Next::Piece(piece) => {
                    self.position += piece.len() as u64;
                    return Some(Ok(piece));
                }
                Next::End => return None,
                Next::Gone if self.is_alone => return Some(Err(ReadError::Unwritten)),
                Next::Gone => self.leave_the_others(),
            }
        }
    }

    /// Has the rest of the text written once more, for this client alone and in the background.
    fn leave_the_others(&mut self) {
        let Text { reading, errors, format, coding, .. } = &*self.text;
        let spool = Spool::starting_at(self.position);
        let reader = spool.add_reader(self.position);
        let (reading, errors, format, coding) = (reading.clone(), *errors, *format, *coding);
        let text = Arc::new(Text { reading, errors, format, coding, spool });
        self.scrapes.write(&text, Pace::default());
        self.text.spool.remove_reader(self.reader);
        (self.text, self.reader, self.is_alone) = (text, reader, true);
    }

    /// Returns the length of the body in bytes.
    pub(super) async fn length(mut self) -> Result<usize, ReadError> {
        let mut length = 0;
        while let Some(piece) = self.next().await {
            length += piece?.len();
        }
        Ok(length)
    }

    /// Returns the body of the response.
    pub(super) async fn body(mut self) -> Result<Body, ReadError> {
        let mut start = BytesMut::new();
        while start.len() <= SHORT_BYTES {
            match self.next().await {
                Some(piece) => start.extend_from_slice(&piece?),
                None => return Ok(start.freeze().into()),
            }
        }
        let rest = stream::unfold(Some((start.freeze(), self)), async |state| {
            let (mut start, mut scrape) = state?;
            match mem::take(&mut start) {
                empty if empty.is_empty() => match scrape.next().await? {
                    Ok(piece) => Some((Ok(piece), Some((start, scrape)))),
                    Err(error) => Some((Err(error), None)),
                },
                first => Some((Ok(first), Some((start, scrape)))),
            }
        });
        Ok(Body::from_stream(rest))
    }
}

#[cfg(test)]
mod tests;
