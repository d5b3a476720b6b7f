//! The terminal while `netmon top` has it, and its return in the state in which it was.
//!
//! There are three ways out: the screen is dropped (also when an error or a signal ends the program), the hook of a
//! panic, and a stop by Ctrl-Z. Each returns the terminal at most once. The hook comes first in a panic, so that its
//! message is readable on the ordinary screen.

use std::{
    io::{self, BufWriter, Stdout, Write as _, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    style::force_color_output,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size},
};
use ratatui::{Terminal, backend::CrosstermBackend};

use super::{draw, state::State};

/// Whether the terminal is in use.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// A whole picture is one write, so that the terminal never shows a half.
const PICTURE_BYTES: usize = 64 << 10;

/// The terminal in use; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    has_mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// Fails if standard output is no terminal, or cannot be written to. The terminal is then as it was.
    pub(super) fn enter(has_mouse: bool, has_colours: bool) -> io::Result<Self> {
        HOOK.call_once(install_hook);
        // Whether there are colours was decided before: crossterm would decide by NO_COLOR alone.
        force_color_output(has_colours);
        let out = BufWriter::with_capacity(PICTURE_BYTES, stdout());
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(out))?, has_mouse };
        screen.take()?;
        Ok(screen)
    }

    fn take(&self) -> io::Result<()> {
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        if self.has_mouse {
            execute!(stdout(), EnableMouseCapture)?;
        }
        Ok(())
    }

    /// Returns columns and rows.
    ///
    /// # Errors
    ///
    /// Fails if the terminal is gone.
    pub(super) fn size() -> io::Result<(u16, u16)> {
        size()
    }

    /// Draws what has changed. Does nothing if a panic has given the terminal back.
    ///
    /// # Errors
    ///
    /// Fails if the terminal cannot be written to.
    pub(super) fn draw(&mut self, state: &State) -> io::Result<()> {
        if !IS_TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.terminal.draw(|frame| {
            draw::draw(state, frame.buffer_mut());
            if let Some(at) = draw::cursor(state) {
                frame.set_cursor_position(at);
            }
        })?;
        Ok(())
    }

    /// Forgets what the terminal shows, so that the next picture is drawn completely.
    ///
    /// # Errors
    ///
    /// Fails if the terminal cannot be written to.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        // Not `Terminal::clear`, which asks the terminal for its cursor: the answer would be read as input.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives the terminal back while `work` runs, and takes it again.
    ///
    /// # Errors
    ///
    /// Fails with the error of `work`, or if the terminal cannot be taken again.
    pub(super) fn without(&mut self, work: fn() -> io::Result<()>) -> io::Result<()> {
        give_back();
        work()?;
        self.take()?;
        self.forget()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it is taken. Best effort: it may be gone.
fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = stdout();
        let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

fn install_hook() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        give_back();
        usual(info);
    }));
}
