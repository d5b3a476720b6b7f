//! A container daemon as far as netmon asks one: it answers over a Unix socket what a test says.
//!
//! Real ones answer differently by version and vendor; here a test sets the answer that is to be read.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

/// What it answers.
#[derive(Clone, Debug, Default)]
struct Answers {
    version: String,
    containers: String,
    /// The oldest version in which it answers a list.
    oldest: (u32, u32),
    asked: Vec<String>,
    streams: Vec<Arc<UnixStream>>,
    is_silent: bool,
}

/// The daemon. It listens until it is dropped.
#[derive(Debug)]
pub struct FakeDaemon {
    answers: Arc<Mutex<Answers>>,
    socket: PathBuf,
}

fn lock(answers: &Mutex<Answers>) -> MutexGuard<'_, Answers> {
    answers.lock().expect("no answer panics")
}

impl FakeDaemon {
    /// Starts a daemon that lists `containers` (JSON), says `version` (JSON), and refuses lists in older versions than
    /// `oldest`.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    #[must_use]
    pub fn start(socket: &str, version: &str, oldest: (u32, u32), containers: &str) -> Self {
        let socket = PathBuf::from(socket);
        fs::create_dir_all(socket.parent().expect("a directory")).expect("a /run of our own");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let answers = Answers {
            version: version.to_owned(),
            containers: containers.to_owned(),
            oldest,
            ..Answers::default()
        };
        let answers = Arc::new(Mutex::new(answers));
        let shared = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answers = Arc::clone(&shared);
                thread::spawn(move || answer(&answers, stream));
            }
        });
        Self { answers, socket }
    }

    /// Accepts connections from now on, and answers nothing.
    pub fn fall_silent(&self) {
        lock(&self.answers).is_silent = true;
    }

    /// Lists other containers from now on, and sends `event` to those who listen.
    pub fn change(&self, containers: &str, event: &str) {
        let mut answers = lock(&self.answers);
        answers.containers = containers.to_owned();
        for stream in &answers.streams {
            // A listener that is gone needs no event.
            let _ = (&**stream).write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
        }
    }

    /// Ends every stream of events.
    pub fn hang_up(&self) {
        for stream in lock(&self.answers).streams.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Returns how many listen to events.
    #[must_use]
    pub fn listeners(&self) -> usize {
        lock(&self.answers).streams.len()
    }

    /// Returns the paths that were asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        lock(&self.answers).asked.clone()
    }
}

impl Drop for FakeDaemon {
    fn drop(&mut self) {
        // It is in the sandbox and goes with it.
        let _ = fs::remove_file(&self.socket);
    }
}

/// Answers one request of a connection.
fn answer(answers: &Mutex<Answers>, mut stream: UnixStream) {
    let Some(path) = request(&stream) else { return };
    let mut answers = lock(answers);
    answers.asked.push(path.clone());
    if answers.is_silent {
        // Kept open, so that the client has to give up by itself.
        answers.streams.push(Arc::new(stream));
        return;
    }
    let (status, body) = match path.as_str() {
        "/version" => ("200 OK", answers.version.clone()),
        path if path.starts_with("/events") => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            answers.streams.push(Arc::new(stream));
            return;
        }
        path if path.ends_with("/containers/json") && version_of(path) >= Some(answers.oldest) => {
            ("200 OK", answers.containers.clone())
        }
        _ => ("400 Bad Request", "{\"message\":\"client version is too old\"}".to_owned()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// Reads a request's headers. Returns its path.
fn request(stream: &UnixStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    Some(path)
}

/// The version in a path such as `/v1.44/containers/json`.
fn version_of(path: &str) -> Option<(u32, u32)> {
    let (major, minor) = path.strip_prefix("/v")?.split('/').next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
