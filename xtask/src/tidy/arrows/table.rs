//! The shape of the table, and what can be said of it without reading any code.

/// Everything that is written down about rooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// The crates that have rooms.
    pub(super) crates: &'static [Crate],
    /// Folders of the workspace's other crates, with `/` at the end: they have none.
    pub(super) outside: &'static [&'static str],
    /// Crates that are interfaces of the kernel.
    pub(super) kernel: &'static [&'static str],
    /// Rooms that show data and never ask the kernel for it, whether or not they are there yet: otherwise two outputs
    /// would disagree about the same moment, and drawing could not be tested without root.
    pub(super) renderers: &'static [&'static str],
    /// Rooms that a renderer may not import because they are the way to the kernel; a crate stands for all its rooms.
    pub(super) kernel_rooms: &'static [&'static str],
    /// Every room, from the bottom up.
    pub(super) rooms: &'static [Room],
    /// Arrows that are to be removed, from and to. They may close a circle.
    pub(super) exceptions: &'static [(&'static str, &'static str)],
}

/// A crate of the workspace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crate {
    /// As code names it.
    pub(super) name: &'static str,
    /// The folder of its source, with `/` at the end.
    pub(super) source: &'static str,
    /// Whether it is one room, or one for each top module.
    pub(super) rooms: Rooms,
}

/// How a crate is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rooms {
    /// It is one room, named like the crate.
    One,
    /// Each top module is a room, and the crate's root is one. A module is named behind this: nothing for the
    /// agent's own crate, `netmon_kernel::` and the like for others.
    Modules(&'static str),
}

/// A room. Its lists are words with blanks between, so that a room is a line or two of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Its name: of a crate, or of a top module.
    pub(super) name: &'static str,
    /// The rooms that it may import. All of them stand before it in the list.
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

    /// Whether a room is the root of a crate that is divided.
    pub(super) fn is_divided(&self, room: &str) -> bool {
        self.crates.iter().any(|krate| krate.name == room && krate.rooms != Rooms::One)
    }

    /// Rooms with arrows that do not point down, and why: they close a circle, or the list is out of order. A list in
    /// order, from the bottom up, has no circle.
    pub(super) fn circles(&self) -> Vec<(&'static str, String)> {
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
            return format!("a circle: `{from}` -> `{}`", way.join("` -> `"));
        }
        if self.room(to).is_none() {
            return format!("`{from}` imports `{to}`, which is not in the list");
        }
        format!("`{from}` imports `{to}`, which is listed after it: the list goes from the bottom up")
    }

    /// Renderers to which the table gives a way to the kernel.
    pub(super) fn renderers_that_ask(&self) -> Vec<(&'static str, String)> {
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

    /// The rooms on a way along arrows, both ends included.
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
