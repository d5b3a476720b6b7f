//! The loop: waits for input, the agent or a signal, and draws when there is something new.
//!
//! Nothing is drawn on a clock. Input comes from a thread of its own, since crossterm never returns from reading a
//! terminal that was hung up: this loop then ends by SIGHUP or by the next picture.

use std::{io, thread};

use crossterm::event::{self, Event};
use thiserror::Error;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{
        mpsc::{self, Receiver},
        watch,
    },
    task::JoinSet,
};

use super::{
    Options, feed,
    glyphs::Glyphs,
    input::{self, Action},
    palette::Palette,
    screen::Screen,
    state::{Message, Outcome, State, Want},
};
use crate::api::{
    Topology,
    client::{Client, ClientError},
};

/// Messages that may wait. More would only be skipped: the server sends the newest second.
const WAITING: usize = 64;

/// Why `netmon top` ends before the user quits.
#[derive(Debug, Error)]
pub enum TopError {
    /// The agent cannot be reached, or is of another version.
    #[error(transparent)]
    Agent(#[from] ClientError),
    /// The terminal cannot be read or written.
    #[error("cannot use the terminal")]
    Terminal(#[from] io::Error),
}

/// Shows the agent at `options.address` until the user quits or a signal arrives.
///
/// # Errors
///
/// Fails if the agent does not answer at first, with the terminal untouched; or if the terminal fails. A connection that is
/// lost later is tried again.
pub async fn run(options: Options) -> Result<(), TopError> {
    let _: Topology = Client::new(options.address.clone()).get("/api/v1/topology").await?;
    // Registered before the terminal is taken: a signal in between must not leave it taken.
    let mut signals = Signals::register()?;
    let screen = Screen::enter(options.has_mouse, options.has_colours)?;
    let palette = Palette { has_colours: options.has_colours };
    let mut state = State::new(Glyphs::of(options.charset), palette, Screen::size()?);
    state.address = options.address.to_string();
    state.interval = options.interval;
    state.act(Action::Show(options.view));
    let mut session = Session::begin(&options, screen, state);
    session.run(&mut signals).await
}

/// A run: the screen, the state, and where news comes from.
struct Session {
    screen: Screen,
    state: State,
    inputs: Receiver<io::Result<Event>>,
    messages: Receiver<Message>,
    wants: watch::Sender<Want>,
    tasks: JoinSet<()>,
    suspend: fn() -> io::Result<()>,
    can_panic: bool,
}

impl Session {
    fn begin(options: &Options, screen: Screen, state: State) -> Self {
        let (sender, messages) = mpsc::channel(WAITING);
        let (wants, wanted) = watch::channel(state.want());
        let (address, addresses) = watch::channel(options.address.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(feed::follow(options.find.clone(), address, sender.clone()));
        tasks.spawn(feed::answer(wanted, addresses, sender));
        let (inputs, suspend, can_panic) = (read_input(), options.suspend, options.can_panic);
        Self { screen, state, inputs, messages, wants, tasks, suspend, can_panic }
    }

    async fn run(&mut self, signals: &mut Signals) -> Result<(), TopError> {
        let mut batch = Vec::new();
        let mut is_new = true;
        loop {
            if is_new {
                self.screen.draw(&self.state)?;
            }
            is_new = tokio::select! {
                event = self.inputs.recv() => match self.input(event)? {
                    Some(is_new) => is_new,
                    None => return Ok(()),
                },
                _ = self.messages.recv_many(&mut batch, WAITING) => {
                    let mut is_new = false;
                    for message in batch.drain(..) {
                        is_new |= self.state.apply(message);
                    }
                    is_new
                }
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended && let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                    false
                }
                () = signals.any() => return Ok(()),
            };
        }
    }

    /// Returns whether there is something new to draw. `None`: the user quits.
    fn input(&mut self, event: Option<io::Result<Event>>) -> Result<Option<bool>, TopError> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let event = event.ok_or_else(gone)??;
        if self.can_panic {
            self.panic_if_asked(&event);
        }
        let Some(action) = input::action(&event, self.state.is_editing) else { return Ok(Some(false)) };
        let outcome = self.state.act(action);
        self.wants.send_if_modified(|known| {
            let want = self.state.want();
            std::mem::replace(known, want.clone()) != want
        });
        match outcome {
            Outcome::Quit => return Ok(None),
            Outcome::Nothing => return Ok(Some(false)),
            Outcome::Draw => {}
            Outcome::DrawAll => self.screen.forget()?,
            Outcome::Suspend => {
                self.screen.without(self.suspend)?;
                self.state.act(Action::Resize(Screen::size()?.0, Screen::size()?.1));
            }
        }
        Ok(Some(true))
    }

    /// Panics for the tests of what a panic leaves: `!` here, `@` in a task.
    fn panic_if_asked(&mut self, event: &Event) {
        let Event::Key(key) = event else { return };
        match key.code {
            event::KeyCode::Char('!') => panic!("a panic that a test asked for"),
            event::KeyCode::Char('@') => {
                self.tasks.spawn(async { panic!("a panic in a task that a test asked for") });
            }
            _ => {}
        }
    }
}

/// Reads input in a thread, which ends with the process.
fn read_input() -> Receiver<io::Result<Event>> {
    let (sender, inputs) = mpsc::channel(WAITING);
    thread::spawn(move || {
        loop {
            let event = event::read();
            let is_over = event.is_err();
            if sender.blocking_send(event).is_err() || is_over {
                return;
            }
        }
    });
    inputs
}

/// The signals that end the program as `q` does.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}
