//! `unsafe` is allowed in a few places, and each use states why it is sound.
//!
//! The places are the folder of raw system calls, the eBPF programs, and the `Pod` implementations next to the ABI
//! types. Clippy finds missing comments too, but not in every macro, and it does not know the places.

use anyhow::Result;

use super::{
    Finding,
    tokens::{self, Token},
    tree::{File, Tree},
};

/// The folders of raw system calls.
pub(super) const SYS: &str = "netmon/kernel/src/sys/";
/// The eBPF programs, where `unsafe` is allowed as well.
const PROGRAMS: [&str; 3] =
    ["netmon-ebpf/src/main.rs", "netmon-ebpf/src/trace_main.rs", "netmon-ebpf/src/programs/"];
/// Where only `unsafe impl Pod` is allowed.
const ABI: &str = "netmon-ebpf/src/";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let tokens = tokens::of(file)?;
        for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "unsafe") {
            findings.extend(of_use(file, token.line, &tokens[index + 1..]));
        }
    }
    Ok(findings)
}

/// Checks one `unsafe`, which `rest` follows.
fn of_use(file: &File, line: usize, rest: &[Token]) -> Option<Finding> {
    let next = rest.first().map_or("", |token| token.text.as_str());
    if !is_in_place(&file.path, rest) {
        let message = format!("`unsafe` outside {SYS}");
        return Some(Finding::new(&file.path, line, message));
    }
    // `unsafe fn` passes the proof to its callers, and an attribute has nothing to prove.
    let proves = matches!(next, "{" | "impl");
    (proves && !has_reason(&file.text, line))
        .then(|| Finding::new(&file.path, line, "`unsafe` without a `SAFETY:` comment above it"))
}

fn is_in_place(path: &str, rest: &[Token]) -> bool {
    let head = rest.iter().take_while(|token| token.text != "{");
    let is_pod = rest.first().is_some_and(|token| token.text == "impl")
        && head.map(|token| token.text.as_str()).any(|word| word == "Pod");
    let mut places = [SYS].into_iter().chain(PROGRAMS);
    places.any(|place| path.starts_with(place)) || (path.starts_with(ABI) && is_pod)
}

/// Returns whether a `SAFETY:` comment is on the line, inside the block, or above the statement of the line.
fn has_reason(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let is_reason = |at: usize| lines.get(at).is_some_and(|text| text.contains("SAFETY:"));
    if is_reason(line - 1) || is_reason(line) {
        return true;
    }
    let mut comment_seen = false;
    for at in (0..line - 1).rev() {
        let text = lines[at].trim();
        if text.starts_with("//") {
            comment_seen = true;
            if text.contains("SAFETY:") {
                return true;
            }
        } else if comment_seen || text.is_empty() || text.ends_with([';', '}']) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_in_its_place_with_a_reason_passes() {
        let sys = "fn f() {\n    // SAFETY: the descriptor is owned,\n    // and open.\n    let fd =\n        \
                   unsafe { g() };\n}\n";
        let pod = "#[repr(C)]\nstruct Key;\n// SAFETY: plain integers.\nunsafe impl aya::Pod for Key {}\n";
        let tree = Tree::of(&[
            ("netmon/kernel/src/sys/fd.rs", sys),
            ("netmon/kernel/src/sys/fd.rs", sys),
            ("netmon-ebpf/src/flow.rs", pod),
        ]);
        assert_eq!(check(&tree).expect("checked"), []);
    }

    #[test]
    fn unsafe_elsewhere_is_found_also_in_a_macro() {
        let block = "fn f() {\n    // SAFETY: sure.\n    unsafe { g() }\n}\n";
        let macros = "macro_rules! m {\n    () => {\n        unsafe { g() }\n    };\n}\n";
        let tree = Tree::of(&[("netmon-ebpf/src/flow.rs", macros), ("netmon/kernel/src/netns.rs", block)]);
        let found: Vec<_> = check(&tree).expect("checked").into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(
            found,
            [("netmon-ebpf/src/flow.rs".to_owned(), 3), ("netmon/kernel/src/netns.rs".to_owned(), 3)]
        );
    }

    #[test]
    fn unsafe_without_a_reason_is_found() {
        let source = "fn f() {\n    // SAFETY: of another one.\n    unsafe { g() };\n    unsafe { h() }\n}\n";
        let tree = Tree::of(&[("netmon/kernel/src/sys/fd.rs", source)]);
        let lines: Vec<_> = check(&tree).expect("checked").iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [4]);
    }

    #[test]
    fn a_declaration_needs_no_reason() {
        let source =
            "/// # Safety\n///\n/// Asks for much.\npub unsafe fn f() {}\n#[unsafe(no_mangle)]\nfn g() {}\n";
        assert_eq!(check(&Tree::of(&[("netmon-ebpf/src/main.rs", source)])).expect("checked"), []);
    }
}
