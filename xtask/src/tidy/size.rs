//! Long files and long functions need a reason, which is listed in [`super::size_allowed`].

use anyhow::{Context as _, Result};
use syn::visit::Visit;

use super::{
    Finding,
    size_allowed::{ALLOWED, Allowed},
    tree::{File, Tree},
};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    against(tree, &ALLOWED)
}

fn against(tree: &Tree, allowed: &[Allowed]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut used = vec![false; allowed.len()];
    for file in tree.rust() {
        for (line, name, message) in long_parts(file)? {
            match allowed.iter().position(|entry| entry.path == file.path && entry.name == name) {
                Some(index) => used[index] = true,
                None => findings.push(Finding::new(&file.path, line, message)),
            }
        }
    }
    for (entry, _) in allowed.iter().zip(&used).filter(|(_, used)| !**used) {
        let what = if entry.name.is_empty() { "the file" } else { entry.name };
        findings.push(Finding::new(
            entry.path,
            1,
            format!(
                "{what} is no longer too long: remove its entry (\"{}\") from size_allowed.rs",
                entry.reason
            ),
        ));
    }
    Ok(findings)
}

/// Returns line, name (empty for the file itself) and message of everything that is too long.
fn long_parts(file: &File) -> Result<Vec<(usize, String, String)>> {
    let mut parts = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        let message = format!("{lines} lines: split the file, or give a reason in size_allowed.rs");
        parts.push((1, String::new(), message));
    }
    let syntax = syn::parse_file(&file.text).with_context(|| format!("{} is not Rust", file.path))?;
    let mut functions = Functions::default();
    functions.visit_file(&syntax);
    for (line, name, lines) in functions.found.into_iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES) {
        let message =
            format!("function `{name}` has {lines} lines: split it, or give a reason in size_allowed.rs");
        parts.push((line, name, message));
    }
    Ok(parts)
}

/// Line, name and length of every function.
#[derive(Default)]
struct Functions {
    found: Vec<(usize, String, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.fn_token.span.start().line;
        let last = block.brace_token.span.close().end().line;
        self.found.push((first, signature.ident.to_string(), last + 1 - first));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn sixty_lines_pass_and_sixty_one_do_not() {
        let short = function_of(60);
        let long = function_of(61);
        assert_eq!(against(&Tree::of(&[("a.rs", &short)]), &[]).expect("checked"), []);
        let findings = against(&Tree::of(&[("a.rs", &long)]), &[]).expect("checked");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("`long` has 61 lines"), "{findings:?}");
    }

    #[test]
    fn a_long_file_passes_with_a_reason_only() {
        let long = "const A: u8 = 0;\n".repeat(401);
        let tree = Tree::of(&[("a.rs", &long)]);
        assert_eq!(against(&tree, &[]).expect("checked").len(), 1);
        let allowed = [Allowed { path: "a.rs", name: "", reason: "a table" }];
        assert_eq!(against(&tree, &allowed).expect("checked"), []);
    }

    #[test]
    fn a_reason_that_nothing_needs_is_found() {
        let allowed = [Allowed { path: "a.rs", name: "f", reason: "once long" }];
        let findings = against(&Tree::of(&[("a.rs", "fn f() {}\n")]), &allowed).expect("checked");
        assert_eq!(findings.len(), 1);
    }
}
