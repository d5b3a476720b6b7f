//! Pictures of the example, compared as text with their styles: a moved highlight is a difference too.

use insta::assert_snapshot;
use netmon_model::fixtures;
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};

use super::*;
use crate::{
    api::{Flows, WhichFlows},
    render::terminal::Charset,
    top::{
        example,
        input::Action,
        palette::Palette,
        state::{Answer, Message, View},
    },
};

fn drawn(state: &State) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, state.size.0, state.size.1));
    draw(state, &mut buffer);
    buffer
}

/// The text of a picture, and below it the styles of each line as runs: `3: 1-10 cyan bold`.
fn picture(state: &State) -> String {
    let buffer = drawn(state);
    let (columns, rows) = state.size;
    let line = |y: u16| (0..columns).map(move |x| (x, y));
    let mut text = String::new();
    for y in 0..rows {
        let symbols: String = line(y).map(|at| buffer[at].symbol().to_owned()).collect();
        text.push_str(symbols.trim_end());
        text.push('\n');
    }
    text.push_str("styles:\n");
    for y in 0..rows {
        let styles: Vec<String> = line(y).map(|at| style(&buffer[at])).collect();
        let mut x = 0;
        for run in styles.chunk_by(|one, other| one == other) {
            if !run[0].is_empty() {
                text.push_str(&format!("{y}: {x}-{} {}\n", x + run.len() - 1, run[0]));
            }
            x += run.len();
        }
    }
    text
}

fn style(cell: &Cell) -> String {
    let mut words = Vec::new();
    if cell.fg != Color::Reset {
        words.push(cell.fg.to_string().to_lowercase());
    }
    if cell.bg != Color::Reset {
        words.push(format!("on {}", cell.bg).to_lowercase());
    }
    for (modifier, word) in
        [(Modifier::BOLD, "bold"), (Modifier::DIM, "dim"), (Modifier::REVERSED, "reverse")]
    {
        if cell.modifier.contains(modifier) {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

fn flows() -> Flows {
    Flows::of(&fixtures::direct(), fixtures::flows(), &WhichFlows::default())
}

/// Answers what the current view asked for.
fn answer(state: &mut State, answer: Answer) {
    state.apply(Message::Details(state.want(), answer));
}

#[test]
fn the_links_at_80x24() {
    assert_snapshot!(picture(&example::state(80, 24)));
}

#[test]
fn interfaces_that_are_not_watched_are_counted_in_the_title() {
    let mut state = example::state(120, 40);
    let title = |state: &State| picture(state).lines().next().unwrap_or_default().to_owned();
    assert!(!title(&state).contains("not watched"), "{}", title(&state));
    state.topology.not_watched = Some(3);
    assert!(title(&state).contains("3 not watched"), "{}", title(&state));
}

#[test]
fn the_links_at_60x15() {
    assert_snapshot!(picture(&example::state(60, 15)));
}

#[test]
fn the_links_at_120x40() {
    assert_snapshot!(picture(&example::state(120, 40)));
}

#[test]
fn the_links_in_ascii_are_ascii() {
    let shown = picture(&example::with_charset(80, 24, Charset::Ascii));
    assert!(shown.is_ascii(), "{shown}");
    assert_snapshot!(shown);
}

#[test]
fn without_colours_no_cell_has_one() {
    let mut state = example::state(80, 24);
    state.palette = Palette { has_colours: false };
    assert!(drawn(&state).content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn the_namespaces() {
    let mut state = example::state(80, 24);
    state.act(Action::Show(View::Namespaces));
    assert_snapshot!(picture(&state));
}

#[test]
fn the_connections() {
    let mut state = example::state(80, 24);
    state.act(Action::Show(View::Connections));
    answer(&mut state, Answer::Flows(flows()));
    assert_snapshot!(picture(&state));
}

#[test]
fn the_drops() {
    let mut state = example::state(80, 24);
    state.act(Action::Show(View::Drops));
    answer(&mut state, Answer::Links(example::counts()));
    assert_snapshot!(picture(&state));
}

#[test]
fn the_probes() {
    let mut state = example::state(80, 24);
    state.act(Action::Show(View::Probes));
    state.act(Action::Move(1));
    assert_snapshot!(picture(&state));
}

fn open_link(columns: u16, rows: u16, charset: Charset) -> State {
    let mut state = example::with_charset(columns, rows, charset);
    state.act(Action::Enter);
    answer(&mut state, Answer::Links(example::counts()));
    answer(&mut state, Answer::Flows(flows()));
    state
}

#[test]
fn an_open_link_at_80x24() {
    assert_snapshot!(picture(&open_link(80, 24, Charset::Utf8)));
}

#[test]
fn an_open_link_at_60x15_scrolls() {
    let mut state = open_link(60, 15, Charset::Utf8);
    state.act(Action::Move(4));
    assert_snapshot!(picture(&state));
}

#[test]
fn an_open_link_at_120x40() {
    assert_snapshot!(picture(&open_link(120, 40, Charset::Utf8)));
}

#[test]
fn an_open_link_in_ascii_is_ascii() {
    let shown = picture(&open_link(120, 40, Charset::Ascii));
    assert!(shown.is_ascii(), "{shown}");
    assert_snapshot!(shown);
}

#[test]
fn an_open_namespace() {
    let mut state = example::state(80, 24);
    state.act(Action::Show(View::Namespaces));
    state.act(Action::Last);
    state.act(Action::Enter);
    assert_snapshot!(picture(&state));
}

#[test]
fn the_help_at_60x15() {
    let mut state = example::state(60, 15);
    state.act(Action::Help);
    assert_snapshot!(picture(&state));
}

#[test]
fn a_filter_that_is_edited() {
    let mut state = example::state(80, 24);
    state.act(Action::Edit);
    for character in "red".chars() {
        state.act(Action::Type(character));
    }
    assert_eq!(cursor(&state), Some((12, 23)));
    assert_snapshot!(picture(&state));
}

#[test]
fn a_filter_without_a_match() {
    let mut state = example::state(60, 15);
    for character in "no such".chars() {
        state.act(Action::Type(character));
    }
    assert_eq!(cursor(&state), None);
    assert_snapshot!(picture(&state));
}

#[test]
fn a_paused_picture_that_lost_its_agent_and_is_sorted() {
    let mut state = example::state(80, 24);
    state.act(Action::SortNext);
    state.act(Action::SortNext);
    state.act(Action::Pause);
    let reason = "cannot connect to 127.0.0.1:9477: Connection refused".to_owned();
    state.apply(Message::Lost { reason, seconds: 75 });
    assert_snapshot!(picture(&state));
}

#[test]
fn before_the_first_event_the_agent_is_named() {
    let mut state = State::new(example::state(1, 1).glyphs, Palette { has_colours: true }, (60, 15));
    state.address = "127.0.0.1:9477".to_owned();
    assert_snapshot!(picture(&state));
}

#[test]
fn a_terminal_that_is_too_small_is_said_in_one_line() {
    let shown = picture(&example::state(59, 14));
    assert!(shown.starts_with("netmon top needs 60x15, this terminal has 59x14\n"), "{shown}");
}

#[test]
fn a_name_with_an_escape_sequence_is_shown_and_not_sent() {
    let mut state = example::state(120, 40);
    let mut topology = state.topology.clone();
    topology.namespaces[1].services = vec!["\u{1b}]0;title\u{7}\u{202e}".to_owned()];
    topology.probes[0].name = "\u{1b}[2J".to_owned();
    state.apply(Message::Topology(topology));
    for view in View::ALL {
        state.act(Action::Show(view));
        state.act(Action::Last);
        let buffer = drawn(&state);
        assert!(buffer.content().iter().all(|cell| !cell.symbol().contains(char::is_control)), "{view:?}");
    }
    state.act(Action::Show(View::Probes));
    assert!(picture(&state).contains(r"\u{1b}[2J"));
}

#[test]
fn every_size_can_be_drawn_in_every_view() {
    for (columns, rows) in [(0, 0), (1, 1), (60, 15), (61, 16), (79, 23), (100, 20), (250, 90), (500, 15)] {
        let mut state = example::state(columns, rows);
        for view in View::ALL {
            state.act(Action::Show(view));
            drawn(&state);
            state.act(Action::Enter);
            state.act(Action::Page(1));
            drawn(&state);
            state.act(Action::Help);
            drawn(&state);
            state.act(Action::Help);
        }
    }
}

#[test]
fn a_buffer_of_another_size_is_left_alone() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 5));
    draw(&example::state(80, 24), &mut buffer);
    assert_eq!(buffer, Buffer::empty(Rect::new(0, 0, 20, 5)));
}
