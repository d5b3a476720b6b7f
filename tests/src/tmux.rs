//! A program on a terminal that can be looked at: types keys, reads the screen, and asks what state the terminal is in.
//!
//! tmux and not a bare pseudo-terminal: it interprets what is written to it, so that a test sees what a user would.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{binary::netmon, eventually::eventually, sandbox::run};

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where tmux listens, and where the script and its notes are. Every sandbox has its own /run.
const DIRECTORY: &str = "/run/sandbox";

/// A terminal on which `netmon` runs once; ended when it is dropped.
#[derive(Debug)]
pub struct Tmux {
    socket: PathBuf,
    directory: PathBuf,
}

/// What a terminal is like besides its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalState {
    /// The settings that stty(1) shows.
    pub settings: String,
    /// Whether the cursor is visible.
    pub has_cursor: bool,
    /// Whether the alternate screen is shown.
    pub is_alternate: bool,
    /// Whether the program asked for events of the mouse.
    pub has_mouse: bool,
}

impl Tmux {
    /// Starts a shell of this size that runs `netmon ARGUMENTS`, with these variables set. `name` tells it from other
    /// terminals of the test. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If tmux cannot be started.
    #[must_use]
    pub fn start(name: &str, (columns, rows): (u16, u16), variables: &str, arguments: &str) -> Self {
        let directory = Path::new(DIRECTORY).join(name);
        fs::create_dir_all(&directory).expect("a directory in /run");
        let (path, program) = (directory.display(), netmon());
        let script = format!(
            "stty -a > {path}/before\n{variables} sh -c 'echo $$ > {path}/pid; exec {} {arguments}'\n\
             echo \"ended with $?\"\nstty -a > {path}/after\nexec cat\n",
            program.display()
        );
        let file = directory.join("script");
        fs::write(&file, script).expect("a script in /run");
        let tmux = Self { socket: directory.join("socket"), directory };
        let size = ["-x", &columns.to_string(), "-y", &rows.to_string()];
        let shell = format!("exec sh {}", file.display());
        // Keys are not held back to see whether an escape sequence follows.
        tmux.tmux(&[
            "start-server",
            ";",
            "set",
            "-g",
            "escape-time",
            "0",
            ";",
            "set",
            "-g",
            "exit-empty",
            "off",
        ]);
        tmux.tmux(&[&["new-session", "-d"], &size[..], &["-e", "TERM=screen-256color", &shell]].concat());
        tmux
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let socket = self.socket.to_str().expect("a path in UTF-8");
        run("tmux", &[&["-u", "-S", socket, "-f", "/dev/null"], arguments].concat())
    }

    /// Types keys, in tmux' words: `j`, `Enter`, `C-z`.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// The text on the screen.
    #[must_use]
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The text on the screen, with its styles as escape sequences (ECMA-48, SGR).
    #[must_use]
    pub fn styled_screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Waits until the screen has a text. Returns the screen.
    ///
    /// # Panics
    ///
    /// If it does not get it.
    pub fn await_text(&self, text: &str) -> String {
        self.await_screen(text, |screen| screen.contains(text))
    }

    /// Waits until the screen is as `is` says. Returns the screen.
    ///
    /// # Panics
    ///
    /// If it does not become so; the message has the last screen.
    pub fn await_screen(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(what, PATIENCE, || {
                last = self.screen();
                is(&last).then_some(())
            });
        }));
        assert!(found.is_ok(), "{what}: the screen is\n{last}");
        last
    }

    /// Waits until the program has ended. Returns its exit code and the terminal's state before and after it.
    ///
    /// # Panics
    ///
    /// If it does not end.
    #[must_use]
    pub fn ended(&self) -> (i32, TerminalState, TerminalState) {
        let after = eventually("the end of the program", PATIENCE, || self.note("after"));
        let screen = self.await_text("ended with ");
        let code = screen
            .rsplit_once("ended with ")
            .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        let flags = self.tmux(&["display-message", "-p", "#{cursor_flag}#{alternate_on}#{mouse_any_flag}"]);
        let flag = |index: usize| flags.as_bytes().get(index) == Some(&b'1');
        let after =
            TerminalState { settings: after, has_cursor: flag(0), is_alternate: flag(1), has_mouse: flag(2) };
        let settings = self.note("before").expect("settings from before");
        let before = TerminalState { settings, has_cursor: true, is_alternate: false, has_mouse: false };
        (code.expect("an exit code"), before, after)
    }

    /// The process id of the program.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn pid(&self) -> rustix::process::Pid {
        let pid = eventually("a process id", PATIENCE, || self.note("pid")?.trim().parse().ok());
        rustix::process::Pid::from_raw(pid).expect("a process id")
    }

    /// What the script has written into a file. `None` if it is not complete yet.
    fn note(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(name)).ok().filter(|text| text.ends_with('\n'))
    }

    /// Hangs the terminal up, as the end of an ssh connection does.
    pub fn hang_up(&self) {
        self.tmux(&["kill-session"]);
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
