//! What keys and the mouse do to the state, on the example.

use super::*;
use crate::top::{
    example,
    state::{Answer, Message, Want},
};

fn keys(state: &State) -> Vec<String> {
    state.table().rows.into_iter().map(|row| row.key).collect()
}

#[test]
fn a_row_opens_and_escape_leads_back_and_never_ends_the_program() {
    let mut state = example::state(80, 24);
    assert_eq!(state.want(), Want::Nothing);
    state.act(Action::Move(1));
    state.act(Action::Enter);
    assert_eq!(state.want(), Want::Link("uplink".parse().unwrap()));
    for _ in 0..3 {
        assert_eq!(state.act(Action::Back), Outcome::Draw);
    }
    assert_eq!((state.open.is_none(), state.list().index), (true, 1));
    assert_eq!(state.act(Action::Quit), Outcome::Quit);
}

#[test]
fn the_selection_stays_on_its_link_when_the_order_changes() {
    let mut state = example::state(80, 24);
    state.act(Action::Move(1));
    state.act(Action::SortNext);
    let selected = &keys(&state)[state.list().index];
    assert_eq!(selected, "uplink");
    state.act(Action::Reverse);
    assert_eq!(keys(&state)[state.list().index], "uplink");
}

#[test]
fn a_filter_narrows_the_rows_and_escape_shows_all_again() {
    let mut state = example::state(80, 24);
    for action in [Action::Edit, Action::Type('r'), Action::Type('e'), Action::Type('d'), Action::Accept] {
        state.act(action);
    }
    assert!(!state.is_editing);
    assert_eq!(keys(&state), ["uplink", "backup", "red:eth0--root:veth2"]);
    state.act(Action::Back);
    assert_eq!(keys(&state).len(), 4);
    state.act(Action::Type('d'));
    state.act(Action::Erase);
    assert_eq!(state.list().filter, "");
}

#[test]
fn a_filter_finds_conditions_and_addresses() {
    let mut state = example::state(80, 24);
    let mut found = |filter: &str| {
        state.act(Action::EraseAll);
        for character in filter.chars() {
            state.act(Action::Type(character));
        }
        keys(&state)
    };
    assert_eq!(found("down"), ["backup"]);
    assert_eq!(found("impaired"), ["uplink"]);
    assert_eq!(found("10.0.0.2 veth1"), ["root:veth0--direct_netns:veth1"]);
}

#[test]
fn the_interval_doubles_and_halves_within_bounds() {
    let mut state = example::state(80, 24);
    let mut after = |action| {
        state.act(action);
        state.interval
    };
    assert_eq!([after(Action::Faster), after(Action::Slower), after(Action::Slower)], [1, 2, 4]);
    for _ in 0..10 {
        after(Action::Slower);
    }
    assert_eq!(after(Action::Slower), MAX_INTERVAL);
}

#[test]
fn views_go_round_in_both_directions() {
    let mut state = example::state(80, 24);
    state.act(Action::Previous);
    assert_eq!(state.view, View::Probes);
    state.act(Action::Next);
    assert_eq!(state.view, View::Links);
    state.act(Action::Show(View::Drops));
    assert_eq!((state.view, state.want()), (View::Drops, Want::Drops));
}

#[test]
fn a_click_selects_then_opens_and_a_heading_sorts() {
    let mut state = example::state(80, 24);
    state.act(Action::Click(5, 5));
    assert_eq!(state.list().index, 2);
    state.act(Action::Click(5, place::HEADINGS));
    assert_eq!(state.list().sort.column, Some("LINK"));
    state.act(Action::Click(5, 3));
    assert_eq!((state.list().index, state.open.is_some()), (0, true));
    state.act(Action::Click(14, place::TABS));
    assert_eq!((state.view, state.open.is_some()), (View::Namespaces, false));
}

#[test]
fn any_key_leaves_the_help_and_does_nothing_else() {
    let mut state = example::state(80, 24);
    state.act(Action::Help);
    state.act(Action::Enter);
    assert!(!state.has_help && state.open.is_none());
}

#[test]
fn what_is_open_scrolls_no_further_than_its_end() {
    let mut state = example::state(60, 15);
    state.act(Action::Enter);
    state.act(Action::Last);
    let lines = detail::lines(&state).len();
    assert_eq!(usize::from(state.scroll), lines - place::page(state.size).1);
    state.act(Action::Resize(120, 60));
    assert_eq!(state.scroll, 0, "all of it fits now");
}

#[test]
fn a_drop_opens_its_link() {
    let mut state = example::state(80, 24);
    state.act(Action::Show(View::Drops));
    state.apply(Message::Details(Want::Drops, Answer::Links(example::counts())));
    state.act(Action::Enter);
    assert_eq!(state.open, Some(Open::Link("root:veth0--direct_netns:veth1".parse().unwrap())));
}
