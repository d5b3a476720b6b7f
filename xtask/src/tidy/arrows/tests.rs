//! Tests of the rule with small trees.

use super::{
    table::{Crate, Room, Rooms, Table},
    *,
};

const fn room(name: &'static str, imports: &'static str) -> Room {
    Room { name, imports, kernel: "" }
}

const BASE: Table = Table {
    crates: &[
        Crate { name: "base", source: "base/src/", rooms: Rooms::One },
        Crate { name: "low", source: "low/src/", rooms: Rooms::Modules("low::") },
        Crate { name: "app", source: "app/src/", rooms: Rooms::Modules("") },
    ],
    outside: &["tool/"],
    kernel: &["libc", "aya"],
    renderers: &["page"],
    kernel_rooms: &["low"],
    rooms: &[
        room("base", ""),
        Room { name: "low::sys", imports: "", kernel: "libc" },
        room("names", "base"),
        room("lab", "names low::sys"),
        room("page", "names"),
    ],
    exceptions: &[],
};

/// A tree that conforms to the table.
const GOOD: [(&str, &str); 8] = [
    ("base/src/lib.rs", "pub mod a;\nuse crate::a::A;\n"),
    ("base/src/a.rs", "pub struct A;\nuse super::B;\n"),
    ("low/src/lib.rs", "pub mod sys;\n"),
    ("low/src/sys.rs", "use libc::c_int;\n"),
    ("app/src/lib.rs", "pub mod lab;\nmod names;\nmod page;\n"),
    ("app/src/names.rs", "use base::a::A;\n"),
    ("app/src/lab/mod.rs", "mod part;\nuse low::sys;\nuse crate::{names::{Name, Other}};\n"),
    ("app/src/page.rs", "use super::names::Name;\n"),
];

/// Returns the good tree with a file changed or added.
fn with(path: &str, text: &str) -> Tree {
    let mut files: Vec<(&str, &str)> = GOOD.iter().copied().filter(|(good, _)| *good != path).collect();
    files.push((path, text));
    Tree::of(&files)
}

fn messages(tree: &Tree, table: &Table) -> Vec<String> {
    against(tree, table).expect("checked").iter().map(ToString::to_string).collect()
}

/// Asserts that a file of the room `page` with this text has forbidden imports of `lab` at these lines.
fn assert_imports_lab(text: &str, lines: &[usize]) {
    let text = format!("{text}\nuse crate::names::Name;\n");
    let found = against(&with("app/src/page/inner.rs", &text), &BASE).expect("checked");
    let found: Vec<_> = found.iter().map(|finding| (finding.path.as_str(), finding.line)).collect();
    let expected: Vec<_> = lines.iter().map(|line| ("app/src/page/inner.rs", *line)).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_tree_that_conforms_to_the_table_passes() {
    assert_eq!(messages(&Tree::of(&GOOD), &BASE), [""; 0]);
}

#[test]
fn the_table_of_this_tree_has_no_cycle_and_no_renderer_with_kernel_access() {
    assert_eq!(TABLE.cycles(), []);
    assert_eq!(TABLE.renderers_with_kernel_access(), []);
}

#[test]
fn a_forbidden_arrow_is_found_with_both_its_rooms() {
    let found = messages(&with("app/src/page.rs", "use crate::names::N;\nuse crate::lab::Lab;\n"), &BASE);
    assert_eq!(
        found,
        [format!("app/src/page.rs:2: `page` imports `lab`, which {TABLE_FILE} does not allow")]
    );
}

#[test]
fn every_syntax_of_an_import_counts() {
    assert_imports_lab("use crate::lab;", &[1]);
    assert_imports_lab("use super::super::lab::Lab;", &[1]);
    assert_imports_lab("use super::{inner, super::{names, lab::{Lab, *}}};", &[1]);
    assert_imports_lab("use crate::{\n    names::{A, B},\n    lab::{self as file, C},\n};", &[3]);
    assert_imports_lab("fn f(a: Vec<crate::lab::Lab>) -> u8 {\n    super::super::lab::g()\n}", &[1, 2]);
    assert_imports_lab("mod deep {\n    use super::super::super::lab::Lab;\n    use super::lab;\n}", &[2]);
    assert_imports_lab("fn f() {\n    m!(a, { crate::lab::C });\n}", &[2]);
    assert_imports_lab("macro_rules! m {\n    () => { $crate::lab::f() };\n}", &[2]);
    assert_imports_lab("#[arg(value_parser = crate::lab::parse)]\nstruct A;", &[1]);
    assert_imports_lab("pub use app::lab::Lab;", &[1]);
}

#[test]
fn comments_strings_and_similar_names_are_not_imports() {
    assert_imports_lab("// crate::lab\nconst A: &str = \"crate::lab\";", &[]);
    assert_imports_lab("use self::lab::A;\nuse other::crate_::lab;\nfn f(lab: u8) { lab.lab() }", &[]);
    assert_imports_lab("pub(crate) fn f(libc: u8) -> u8 { libc }", &[]);
}

#[test]
fn tests_may_import_anything() {
    assert_imports_lab("#[cfg(test)]\nmod tests {\n    use crate::lab::Lab;\n}", &[]);
    assert_imports_lab("#[cfg(all(test, unix))]\nuse crate::lab::Lab;", &[]);
    assert_imports_lab("#[test]\nfn t() { crate::lab::f() }", &[]);
    assert_imports_lab("#[cfg(any(test, feature = \"more\"))]\nuse crate::lab::Lab;", &[2]);
    assert_imports_lab("#[cfg(not(test))]\nuse crate::lab::Lab;", &[2]);
    for path in ["app/src/page/tests.rs", "app/src/page/tests/deep.rs", "app/src/tests.rs"] {
        assert_eq!(messages(&with(path, "use crate::lab::Lab;\n"), &BASE), [""; 0]);
    }
}

#[test]
fn all_files_of_a_module_that_is_declared_for_tests_are_tests() {
    let mut files = GOOD.to_vec();
    files[4].1 = "pub mod lab;\nmod names;\nmod page;\n#[cfg(test)]\nmod sample;\n";
    files.push(("app/src/sample.rs", "use crate::lab::Lab;\n"));
    files.push(("app/src/sample/deep.rs", "use libc::c_int;\n"));
    assert_eq!(messages(&Tree::of(&files), &BASE), [""; 0]);
}

#[test]
fn imports_by_the_name_of_a_crate_count_for_its_rooms() {
    let found = messages(&with("app/src/names.rs", "use base::A;\nfn f() { low::sys::f() }\n"), &BASE);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("app/src/names.rs:2: `names` imports `low::sys`"), "{found:?}");
    let upward = messages(&with("low/src/sys.rs", "use libc::c_int;\nuse base::A;\n"), &BASE);
    assert!(upward[0].starts_with("low/src/sys.rs:2: `low::sys` imports `base`"), "{upward:?}");
}

#[test]
fn an_item_at_the_root_of_a_crate_is_imported_from_the_root() {
    let found = messages(&with("app/src/names.rs", "use base::A;\nuse crate::Thing;\n"), &BASE);
    assert!(found.iter().any(|message| message.contains("`names` imports `app`")), "{found:?}");
    // The root imports what it re-exports.
    let root = "pub mod lab;\nmod names;\nmod page;\npub use lab::Lab;\n";
    let found = messages(&with("app/src/lib.rs", root), &BASE);
    assert!(found.iter().any(|message| message.contains("`app` imports `lab`")), "{found:?}");
}

#[test]
fn a_kernel_crate_that_the_table_does_not_allow_is_found() {
    let found = messages(&with("app/src/names.rs", "use base::A;\nuse ::libc::c_int;\n"), &BASE);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("app/src/names.rs:2: `names` names the crate `libc`"), "{found:?}");
}

#[test]
fn a_room_that_is_not_in_the_table_is_found() {
    let found = messages(&with("app/src/new.rs", ""), &BASE);
    assert_eq!(found, [format!("app/src/new.rs:1: the room `new` is not in {TABLE_FILE}")]);
}

#[test]
fn unused_rooms_arrows_and_kernel_crates_are_found() {
    const TOO_MUCH: Table = Table {
        rooms: &[
            Room { name: "base", imports: "", kernel: "aya" },
            Room { name: "low::sys", imports: "base", kernel: "libc" },
            room("names", "base"),
            room("lab", "names low::sys"),
            room("page", "names"),
            room("gone", "names"),
        ],
        ..BASE
    };
    let found = messages(&Tree::of(&GOOD), &TOO_MUCH);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("`base` does not name the crate `aya`"), "{found:?}");
    assert!(found[1].contains("`low::sys` does not import `base`"), "{found:?}");
    assert!(found[2].contains("there is no room `gone`"), "{found:?}");
}

#[test]
fn a_cycle_and_a_list_out_of_order_are_found() {
    const CYCLIC: Table = Table {
        rooms: &[room("a", "c"), room("b", "a"), room("c", "b"), room("d", "e"), room("e", "f")],
        ..BASE
    };
    let found: Vec<String> = CYCLIC.cycles().into_iter().map(|(_, message)| message).collect();
    assert_eq!(
        found,
        [
            "a cycle: `a` -> `c` -> `b` -> `a`",
            "`d` imports `e`, which is listed after it: the list goes from the bottom up",
            "`e` imports `f`, which is not in the list",
        ]
    );
}

#[test]
fn an_exception_allows_a_cycle_as_long_as_it_is_used() {
    const EXCEPTED: Table = Table { exceptions: &[("names", "lab"), ("page", "lab")], ..BASE };
    let found = messages(&with("app/src/names.rs", "use base::A;\nuse crate::lab::Lab;\n"), &EXCEPTED);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("`page` no longer imports `lab`: remove the exception"), "{found:?}");
}

#[test]
fn the_table_cannot_allow_a_renderer_to_access_the_kernel() {
    const ACCESS: Table = Table {
        rooms: &[
            room("names", ""),
            room("low::sys", ""),
            Room { name: "page", imports: "names low::sys", kernel: "libc" },
        ],
        ..BASE
    };
    let found: Vec<String> =
        ACCESS.renderers_with_kernel_access().into_iter().map(|(_, message)| message).collect();
    assert_eq!(
        found,
        [
            "`page` renders a snapshot and must not reach `low::sys`",
            "`page` renders a snapshot and must not reach `libc`",
        ]
    );
}

#[test]
fn an_unlisted_crate_and_one_that_does_not_exist_are_found() {
    let mut files = GOOD.to_vec();
    files.extend([("base/Cargo.toml", ""), ("tool/Cargo.toml", ""), ("new/Cargo.toml", "")]);
    files.retain(|(path, _)| !path.starts_with("low/"));
    let found = messages(&Tree::of(&files), &BASE);
    assert!(found.iter().any(|message| message.starts_with("new/Cargo.toml:1: this crate")), "{found:?}");
    assert!(found.iter().any(|message| message.contains("there is no crate `low`")), "{found:?}");
    assert!(!found.iter().any(|message| message.contains("tool/")), "{found:?}");
}
