//! Keys and mouse events, as what they mean.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::state::View;

/// Rows that a step of the mouse wheel moves.
const WHEEL: i16 = 3;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// To end.
    Quit,
    /// To stop the process until the shell continues it.
    Suspend,
    /// To draw everything anew.
    DrawAll,
    /// To move the selection by so many rows.
    Move(i16),
    /// To move the selection by so many pages.
    Page(i8),
    /// To select the first row.
    First,
    /// To select the last row.
    Last,
    /// To open the selected row.
    Enter,
    /// To leave what is open, or clear the filter.
    Back,
    /// To edit the filter.
    Edit,
    /// A character of the filter.
    Type(char),
    /// To erase the last character of the filter.
    Erase,
    /// To erase the filter.
    EraseAll,
    /// To keep the filter.
    Accept,
    /// To sort by the next column.
    SortNext,
    /// To sort by the previous column.
    SortPrevious,
    /// To reverse the order.
    Reverse,
    /// To pause, or continue.
    Pause,
    /// To see another view.
    Show(View),
    /// To see the next view.
    Next,
    /// To see the previous view.
    Previous,
    /// To see a picture less often.
    Slower,
    /// To see a picture more often.
    Faster,
    /// To see the keys.
    Help,
    /// A click at a place of the screen.
    Click(u16, u16),
    /// The terminal has another size.
    Resize(u16, u16),
}

/// Returns what an event means. `None` if it means nothing. `is_editing`: keys edit the filter.
pub(crate) fn action(event: &Event, is_editing: bool) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) if key.modifiers.contains(KeyModifiers::CONTROL) => control(key, is_editing),
        Event::Key(key) if is_editing => editing(key),
        Event::Key(key) => plain(key),
        Event::Mouse(mouse) => of_mouse(*mouse),
        Event::Resize(columns, rows) => Some(Action::Resize(*columns, *rows)),
        _ => None,
    }
}

fn control(key: &KeyEvent, is_editing: bool) -> Option<Action> {
    match key.code {
        KeyCode::Char('c') => Some(Action::Quit),
        KeyCode::Char('z') => Some(Action::Suspend),
        KeyCode::Char('l') => Some(Action::DrawAll),
        KeyCode::Char('u' | 'w') if is_editing => Some(Action::EraseAll),
        KeyCode::Char('d' | 'f') => Some(Action::Page(1)),
        KeyCode::Char('u' | 'b') => Some(Action::Page(-1)),
        KeyCode::Char('h') if is_editing => Some(Action::Erase),
        _ => None,
    }
}

fn editing(key: &KeyEvent) -> Option<Action> {
    match key.code {
        KeyCode::Char(character) => Some(Action::Type(character)),
        KeyCode::Backspace => Some(Action::Erase),
        KeyCode::Enter => Some(Action::Accept),
        KeyCode::Esc => Some(Action::Back),
        code => moves(code),
    }
}

fn plain(key: &KeyEvent) -> Option<Action> {
    let action = match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Char('j') => Action::Move(1),
        KeyCode::Char('k') => Action::Move(-1),
        KeyCode::Char('g') => Action::First,
        KeyCode::Char('G') => Action::Last,
        KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => Action::Enter,
        KeyCode::Esc | KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') => Action::Back,
        KeyCode::Char('/') => Action::Edit,
        KeyCode::Char('>' | '.') => Action::SortNext,
        KeyCode::Char('<' | ',') => Action::SortPrevious,
        KeyCode::Char('r') => Action::Reverse,
        KeyCode::Char(' ') => Action::Pause,
        KeyCode::Char('+' | '=') => Action::Slower,
        KeyCode::Char('-' | '_') => Action::Faster,
        KeyCode::Char('?') | KeyCode::F(1) => Action::Help,
        KeyCode::Tab => Action::Next,
        KeyCode::BackTab => Action::Previous,
        KeyCode::Char(digit) => Action::Show(view(digit)?),
        code => moves(code)?,
    };
    Some(action)
}

fn moves(code: KeyCode) -> Option<Action> {
    match code {
        KeyCode::Down => Some(Action::Move(1)),
        KeyCode::Up => Some(Action::Move(-1)),
        KeyCode::PageDown => Some(Action::Page(1)),
        KeyCode::PageUp => Some(Action::Page(-1)),
        KeyCode::Home => Some(Action::First),
        KeyCode::End => Some(Action::Last),
        _ => None,
    }
}

fn view(digit: char) -> Option<View> {
    let number = usize::try_from(digit.to_digit(10)?).ok()?;
    View::ALL.get(number.checked_sub(1)?).copied()
}

fn of_mouse(mouse: MouseEvent) -> Option<Action> {
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Action::Click(mouse.column, mouse.row)),
        MouseEventKind::ScrollDown => Some(Action::Move(WHEEL)),
        MouseEventKind::ScrollUp => Some(Action::Move(-WHEEL)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_letter_is_a_command_or_a_part_of_the_filter() {
        assert_eq!(action(&key(KeyCode::Char('q')), false), Some(Action::Quit));
        assert_eq!(action(&key(KeyCode::Char('q')), true), Some(Action::Type('q')));
        assert_eq!(action(&key(KeyCode::Down), true), Some(Action::Move(1)));
        assert_eq!(action(&key(KeyCode::Char('x')), false), None);
    }

    #[test]
    fn escape_never_quits_and_control_c_always_does() {
        let control_c = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        for is_editing in [false, true] {
            assert_eq!(action(&key(KeyCode::Esc), is_editing), Some(Action::Back));
            assert_eq!(action(&control_c, is_editing), Some(Action::Quit));
        }
    }

    #[test]
    fn digits_choose_a_view() {
        assert_eq!(action(&key(KeyCode::Char('4')), false), Some(Action::Show(View::Drops)));
        assert_eq!(action(&key(KeyCode::Char('0')), false), None);
        assert_eq!(action(&key(KeyCode::Char('6')), false), None);
    }

    #[test]
    fn a_key_that_is_released_or_a_mouse_that_moves_means_nothing() {
        let released = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(action(&Event::Key(released), false), None);
        let moved =
            MouseEvent { kind: MouseEventKind::Moved, column: 1, row: 1, modifiers: KeyModifiers::NONE };
        assert_eq!(action(&Event::Mouse(moved), false), None);
        assert_eq!(action(&Event::Paste("q".to_owned()), false), None, "pasted text is no command");
    }
}
