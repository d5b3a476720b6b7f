//! Tells a service manager what the agent is doing: systemd's protocol (sd_notify(3)), one datagram a message.
//!
//! Without a manager, nothing is sent. A manager that does not listen any more is no error: the agent works the same.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process,
    time::Duration,
};

use tokio::time::{Interval, MissedTickBehavior, interval};

/// The manager that started this process, if there is one.
pub(super) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// How often the manager wants a sign of life. `None` if it wants none.
    watchdog: Option<Interval>,
}

impl ServiceManager {
    /// Finds the manager in the environment. To be called inside a runtime.
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str| env::var(name).ok();
        let socket = variable("NOTIFY_SOCKET").and_then(|address| {
            let connected = connect(&address);
            connected.inspect_err(|error| log::warn!("cannot notify {address}: {error}")).ok()
        });
        let time = watchdog_time(variable, process::id()).filter(|_| socket.is_some());
        let watchdog = time.map(|time| {
            // Twice as often, as sd_watchdog_enabled(3) recommends.
            let mut interval = interval(time / 2);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self { socket, watchdog }
    }

    /// Says that the lab is up and everything is counted.
    pub(super) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Says that the lab file is read again. [`Self::ready`] ends this.
    pub(super) fn reloading(&self) {
        self.send("RELOADING=1");
    }

    /// Says that the agent ends.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Waits until the manager wants a sign of life, and gives it. Never returns if it wants none.
    pub(super) async fn watchdog(&mut self) {
        match &mut self.watchdog {
            Some(interval) => drop(interval.tick().await),
            None => std::future::pending().await,
        }
        self.send("WATCHDOG=1");
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(message.as_bytes());
        }
    }
}

/// Connects to a socket by its path, or by its abstract name behind `@`.
fn connect(address: &str) -> io::Result<UnixDatagram> {
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read must not stop the agent.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Returns the longest silence that the manager accepts of process `pid`.
fn watchdog_time(variable: impl Fn(&str) -> Option<String>, pid: u32) -> Option<Duration> {
    let is_meant = variable("WATCHDOG_PID").is_none_or(|meant| meant == pid.to_string());
    let microseconds = variable("WATCHDOG_USEC")?.parse().ok().filter(|time| *time > 0)?;
    is_meant.then(|| Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let time = |set: &[(&str, &str)]| {
            let find =
                |name: &str| set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
            watchdog_time(find, 7)
        };
        assert_eq!(time(&[("WATCHDOG_USEC", "30000000")]), Some(Duration::from_secs(30)));
        assert_eq!(
            time(&[("WATCHDOG_USEC", "500"), ("WATCHDOG_PID", "7")]),
            Some(Duration::from_micros(500))
        );
        assert_eq!(time(&[("WATCHDOG_USEC", "500"), ("WATCHDOG_PID", "8")]), None);
        for wrong in ["", "0", "-1", "x"] {
            assert_eq!(time(&[("WATCHDOG_USEC", wrong)]), None, "{wrong:?}");
        }
    }

    #[test]
    fn messages_reach_a_socket_with_a_path_or_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("netmon-test-{}", process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [
            (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}")),
        ];
        for (socket, address) in sockets {
            let manager = ServiceManager { socket: Some(connect(&address).unwrap()), watchdog: None };
            manager.ready("lab direct");
            manager.stopping();
            let mut message = [0; 100];
            let length = socket.recv(&mut message).unwrap();
            assert_eq!(&message[..length], b"READY=1\nSTATUS=lab direct");
            let length = socket.recv(&mut message).unwrap();
            assert_eq!(&message[..length], b"STOPPING=1");
        }
    }
}
