//! The form of the table, and the checks that need no code.

/// The table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// The crates that have rooms.
    pub(super) crates: &'static [Crate],
    /// Folders of the workspace's crates that have no rooms, with `/` at the end.
    pub(super) outside: &'static [&'static str],
    /// Crates that are interfaces to the kernel.
    pub(super) kernel: &'static [&'static str],
    /// Rooms that render data and never read it from the kernel; some may not exist yet. Otherwise two outputs could
    /// disagree about the same moment, and rendering could not be tested without root.
    pub(super) renderers: &'static [&'static str],
    /// Rooms that a renderer may not import because they access the kernel. A crate stands for all its rooms.
    pub(super) kernel_rooms: &'static [&'static str],
    /// Every room, from the bottom up.
    pub(super) rooms: &'static [Room],
    /// Arrows that are to be removed, as pairs of rooms. They may close a cycle.
    pub(super) exceptions: &'static [(&'static str, &'static str)],
}

/// A crate of the workspace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crate {
    /// Its name in code.
    pub(super) name: &'static str,
    /// The folder of its source, with `/` at the end.
    pub(super) source: &'static str,
    /// How it is divided into rooms.
    pub(super) rooms: Rooms,
}

/// How a crate is divided into rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rooms {
    /// The crate is one room of its name.
    One,
    /// Each top-level module is a room, and so is the root of the crate. This is the prefix of the modules' names:
    /// empty for the agent's crate, `netmon_kernel::` for that crate, and so on.
    Modules(&'static str),
}

/// A room. Its lists are words separated by blanks, so that it takes a line or two of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// The name of a crate or of a top-level module.
    pub(super) name: &'static str,
    /// The rooms that it may import. All of them come before it in the list.
    pub(super) imports: &'static str,
    /// The kernel crates that it may name.
    pub(super) kernel: &'static str,
}

impl Room {
    pub(super) fn imports(&self) -> impl Iterator<Item = &'static str> {
        self.imports.split_whitespace()
    }

    pub(super) fn kernel(&self) -> impl Iterator<Item = &'static str> {
        self.kernel.split_whitespace()
    }
}

impl Table {
    pub(super) fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }

    pub(super) fn allows(&self, from: &str, to: &str) -> bool {
        self.room(from).is_some_and(|room| room.imports().any(|name| name == to))
    }

    pub(super) fn excepts(&self, from: &str, to: &str) -> bool {
        self.exceptions.contains(&(from, to))
    }

    pub(super) fn allows_kernel(&self, from: &str, krate: &str) -> bool {
        self.room(from).is_some_and(|room| room.kernel().any(|name| name == krate))
    }

    /// Returns whether a room is the root of a divided crate.
    pub(super) fn is_divided(&self, room: &str) -> bool {
        self.crates.iter().any(|krate| krate.name == room && krate.rooms != Rooms::One)
    }

    /// Returns the rooms with arrows that do not point down, and the reason: a cycle, or a wrong order of the list. A
    /// list in order has no cycle.
    pub(super) fn cycles(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (at, room) in self.rooms.iter().enumerate() {
            let before = &self.rooms[..at];
            let is_before = |name: &str| before.iter().any(|other| other.name == name);
            if is_before(room.name) {
                found.push((room.name, format!("the room `{}` is listed twice", room.name)));
            }
            let not_down = room.imports().filter(|to| !is_before(to));
            found.extend(not_down.map(|to| (room.name, self.why_not_down(room.name, to))));
        }
        found
    }

    fn why_not_down(&self, from: &str, to: &str) -> String {
        if let Some(way) = self.way(to, from, &mut Vec::new()) {
            return format!("a cycle: `{from}` -> `{}`", way.join("` -> `"));
        }
        if self.room(to).is_none() {
            return format!("`{from}` imports `{to}`, which is not in the list");
        }
        format!("`{from}` imports `{to}`, which is listed after it: the list goes from the bottom up")
    }

    /// Returns the renderers that the table allows to access the kernel.
    pub(super) fn renderers_with_kernel_access(&self) -> Vec<(&'static str, String)> {
        let is_kernel = |room: &str| self.kernel_rooms.contains(&room.split("::").next().unwrap_or(room));
        let mut found = Vec::new();
        for room in self.rooms.iter().filter(|room| self.renderers.contains(&room.name)) {
            let rooms = room.imports().filter(|to| is_kernel(to));
            let message =
                |what: &str| format!("`{}` renders a snapshot and must not reach `{what}`", room.name);
            found.extend(rooms.chain(room.kernel()).map(|what| (room.name, message(what))));
        }
        found
    }

    /// Returns the rooms on a path of arrows, including both ends.
    fn way(&self, from: &str, to: &str, seen: &mut Vec<String>) -> Option<Vec<String>> {
        if from == to {
            return Some(vec![to.to_owned()]);
        }
        if seen.iter().any(|room| room == from) {
            return None;
        }
        seen.push(from.to_owned());
        let rest = self.room(from)?.imports().find_map(|next| self.way(next, to, seen))?;
        Some([vec![from.to_owned()], rest].concat())
    }
}
