//! Only the folder of raw system calls changes a thread's namespace.
//!
//! A thread that stays in the wrong namespace is the worst bug this program can have. Therefore a single place changes
//! namespaces, and never on a thread of Tokio's.

use anyhow::Result;

use super::{Finding, tokens, tree::Tree, unsafe_code::SYS};

/// The system call, rustix's names for it, and rustix's name for `unshare`.
const CALLS: [&str; 4] =
    ["setns", "move_into_link_name_space", "move_into_thread_name_spaces", "unshare_unsafe"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !is_sys(&file.path)) {
        let tokens = tokens::of(file)?;
        for call in CALLS {
            findings.extend(tokens::lines_of(&tokens, &[call]).into_iter().map(|line| {
                Finding::new(&file.path, line, format!("`{call}` outside {SYS}: go through `NetNs::run`"))
            }));
        }
    }
    Ok(findings)
}

fn is_sys(path: &str) -> bool {
    path.starts_with(SYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_at_home_in_sys() {
        let tree = Tree::of(&[
            ("netmon/kernel/src/sys/netns.rs", "fn f() { setns(fd); }\n"),
            ("netmon/kernel/src/sys/netns.rs", "fn f() { setns(fd); }\n"),
            ("netmon/src/netns.rs", "// not setns here\nfn f() { sys::enter(fd); }\n"),
        ]);
        assert_eq!(check(&tree).expect("checked"), []);
    }

    #[test]
    fn the_call_elsewhere_is_found() {
        let tree = Tree::of(&[("netmon/src/agent.rs", "fn f() {\n    libc::setns(fd, 0);\n}\n")]);
        let findings = check(&tree).expect("checked");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 2);
    }
}
