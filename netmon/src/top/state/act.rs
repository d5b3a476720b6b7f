//! What the user does, taken into the state.

use super::{Details, MAX_INTERVAL, Open, State, View};
use crate::top::{
    detail,
    input::Action,
    place::{self, Spot},
};

/// What is left to do after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing: the picture is the same.
    Nothing,
    /// Draw what has changed.
    Draw,
    /// Draw every cell, even those that the terminal should show already.
    DrawAll,
    /// End the program.
    Quit,
    /// Suspend the program, as Ctrl-Z does with others.
    Suspend,
}

impl State {
    /// Does what the user wants.
    pub(crate) fn act(&mut self, action: Action) -> Outcome {
        let want = self.want();
        let outcome = match action {
            Action::Quit => return Outcome::Quit,
            Action::Suspend => return Outcome::Suspend,
            Action::DrawAll => Outcome::DrawAll,
            Action::Resize(columns, rows) => {
                self.size = (columns, rows);
                Outcome::DrawAll
            }
            // Any key and any click leaves the help.
            _ if self.has_help => {
                self.has_help = false;
                Outcome::Draw
            }
            action => self.act_on_view(action),
        };
        if self.want() != want {
            self.details = Details::default();
        }
        self.settle();
        outcome
    }

    fn act_on_view(&mut self, action: Action) -> Outcome {
        match action {
            Action::Help => self.has_help = true,
            Action::Pause => self.pause_or_continue(),
            Action::Slower => self.interval = (2 * self.interval).min(MAX_INTERVAL),
            Action::Faster => self.interval = (self.interval / 2).max(1),
            Action::Show(view) => self.show(view),
            Action::Next => self.show(self.neighbour(1)),
            Action::Previous => self.show(self.neighbour(View::ALL.len() - 1)),
            Action::Move(step) => self.step(step.into()),
            Action::Page(pages) => self.step(isize::from(pages) * self.page()),
            Action::First => self.step(isize::MIN),
            Action::Last => self.step(isize::MAX),
            Action::Enter => self.enter(),
            Action::Back => self.back(),
            Action::Edit | Action::Type(_) | Action::Erase | Action::EraseAll | Action::Accept => {
                self.edit(action);
            }
            Action::SortNext => self.sort_by_next(1),
            Action::SortPrevious => self.sort_by_next(-1),
            Action::Reverse => self.list_mut().sort.is_reversed ^= true,
            Action::Click(x, y) => self.click(x, y),
            Action::Quit | Action::Suspend | Action::DrawAll | Action::Resize(..) => return Outcome::Nothing,
        }
        Outcome::Draw
    }

    fn show(&mut self, view: View) {
        (self.view, self.open, self.scroll) = (view, None, 0);
    }

    fn neighbour(&self, step: usize) -> View {
        View::ALL[(self.view as usize + step) % View::ALL.len()]
    }

    fn page(&self) -> isize {
        isize::try_from(place::body(self.size).1.max(2) - 1).unwrap_or(1)
    }

    /// Moves the selection, or scrolls what is open.
    fn step(&mut self, step: isize) {
        if self.open.is_some() {
            let step = i16::try_from(step.clamp(i16::MIN.into(), i16::MAX.into())).unwrap_or(0);
            // Settling bounds it by what there is to scroll.
            self.scroll = self.scroll.saturating_add_signed(step);
            return;
        }
        let table = self.table();
        let index = isize::try_from(self.list().index).unwrap_or(0).saturating_add(step).max(0);
        let height = place::body(self.size).1;
        self.list_mut().select(&table, index.unsigned_abs(), height);
    }

    /// Opens the selected row.
    fn enter(&mut self) {
        if self.open.is_some() {
            return;
        }
        let table = self.table();
        let Some(row) = table.rows.get(self.list().index) else { return };
        self.open = match self.view {
            View::Links => row.key.parse().ok().map(Open::Link),
            View::Namespaces => row.key.parse().ok().map(Open::Namespace),
            View::Connections | View::Drops => self.link_of(&row.key).map(Open::Link),
            View::Probes => None,
        };
        self.scroll = 0;
    }

    /// Returns the link that a row of connections or drops is about, which is the first word of its key.
    fn link_of(&self, key: &str) -> Option<netmon_model::names::LinkName> {
        let name = key.split_whitespace().next()?.parse().ok()?;
        self.link(&name).map(|(_, link)| link.name.clone())
    }

    /// Leaves what is open, or else clears the filter. Never ends the program.
    fn back(&mut self) {
        if self.open.take().is_none() {
            self.list_mut().filter.clear();
        }
        self.is_editing = false;
    }

    fn edit(&mut self, action: Action) {
        if self.open.is_some() {
            return;
        }
        match action {
            Action::Edit => self.is_editing = true,
            Action::Type(character) => self.list_mut().filter.push(character),
            Action::Erase => {
                self.list_mut().filter.pop();
            }
            Action::EraseAll => self.list_mut().filter.clear(),
            _ => self.is_editing = false,
        }
    }

    fn sort_by_next(&mut self, step: isize) {
        let (table, width) = (self.table(), self.size.0);
        if self.open.is_none() {
            self.list_mut().sort_by_next(&table, width, step);
        }
    }

    fn click(&mut self, x: u16, y: u16) {
        match place::spot(self, x, y) {
            Some(Spot::Tab(view)) => self.show(view),
            Some(Spot::Heading(heading)) => self.list_mut().sort_by(heading),
            Some(Spot::Row(index)) if index == self.list().index => self.enter(),
            Some(Spot::Row(index)) => {
                let (table, height) = (self.table(), place::body(self.size).1);
                self.list_mut().select(&table, index, height);
            }
            None => {}
        }
    }

    /// Puts the selection and what is scrolled within their bounds.
    pub(super) fn settle(&mut self) {
        let (table, height) = (self.table(), place::body(self.size).1);
        self.list_mut().settle(&table, height);
        if self.open.is_some() {
            let lines = detail::lines(self).len();
            let most = lines.saturating_sub(place::page(self.size).1);
            self.scroll = self.scroll.min(u16::try_from(most).unwrap_or(u16::MAX));
        }
    }
}

#[cfg(test)]
mod tests;
