//! The imports of a file: every path in its code that leads into a crate of the workspace or a kernel crate.
//!
//! Paths in `use`, in types and expressions, in attributes and in the tokens of macros count. Code that is compiled for
//! tests only does not. Names are not resolved: the `use` that imported an item is found, its later uses are not.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Attribute, Meta, visit::Visit};

use super::{paths, sources::Source, table::Table};

/// A path into another module or crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// Its segments, beginning with the name of the crate.
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// Returns all imports of a file, including those of its own room.
pub(super) fn of(source: &Source<'_>, table: &Table) -> Vec<Import> {
    let mut reader = Reader { source, table, module: source.module.clone(), imports: Vec::new() };
    reader.visit_file(&source.syntax);
    reader.imports
}

struct Reader<'s, 't> {
    source: &'s Source<'t>,
    table: &'s Table,
    /// The module of the code that is visited: the file's module, and inline modules in it.
    module: Vec<String>,
    imports: Vec<Import>,
}

impl Reader<'_, '_> {
    /// Adds a path as it is written, if it is an import.
    fn add(&mut self, path: &[String], line: usize) {
        if let Some(path) = self.absolute(path) {
            self.imports.push(Import { path, line });
        }
    }

    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let krate = [self.source.krate.to_owned()];
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            // `crate` alone is a visibility.
            "crate" if rest.is_empty() => None,
            "crate" => Some([&krate, rest].concat()),
            "self" | "super" => {
                let ups = path.iter().take_while(|word| *word == "self" || *word == "super");
                let ups: Vec<_> = ups.collect();
                let rest = &path[ups.len()..];
                let up = ups.iter().filter(|word| **word == "super").count();
                let module = &self.module[..self.module.len().saturating_sub(up)];
                (!rest.is_empty()).then(|| [&krate, module, rest].concat())
            }
            // A single name may be a variable.
            name if self.is_crate(name) => (!rest.is_empty()).then(|| path.to_vec()),
            // At the root of a crate, a path may begin with a module.
            _ if self.module.is_empty() => Some([&krate, path].concat()),
            _ => None,
        }
    }

    fn is_crate(&self, name: &str) -> bool {
        self.table.kernel.contains(&name) || self.table.crates.iter().any(|krate| krate.name == name)
    }

    fn add_tokens(&mut self, tokens: &TokenStream) {
        for (path, line) in paths::of(tokens) {
            self.add(&path, line);
        }
    }

    fn add_use(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        let all_of = |path: Vec<String>| [path, vec!["*".to_owned()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_use(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident), name.ident.span().start().line),
            // Paths through the new name are not recognized, so the whole item counts as imported here.
            syn::UseTree::Rename(rename) => {
                self.add(&all_of(with(&rename.ident)), rename.ident.span().start().line);
            }
            syn::UseTree::Glob(glob) => {
                self.add(&all_of(before.to_vec()), glob.star_token.spans[0].start().line);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(before, tree)),
        }
    }
}

/// Visits nodes, except those that are compiled for tests only.
macro_rules! outside_of_tests {
    ($($visit:ident $node:ident)*) => {$(
        fn $visit(&mut self, node: &'ast syn::$node) {
            if !is_test(&node.attrs) {
                syn::visit::$visit(self, node);
            }
        }
    )*};
}

impl<'ast> Visit<'ast> for Reader<'_, '_> {
    outside_of_tests! {
        visit_arm Arm
        visit_field Field
        visit_field_value FieldValue
        visit_foreign_item_fn ForeignItemFn
        visit_impl_item_const ImplItemConst
        visit_impl_item_fn ImplItemFn
        visit_impl_item_type ImplItemType
        visit_item_const ItemConst
        visit_item_enum ItemEnum
        visit_item_fn ItemFn
        visit_item_foreign_mod ItemForeignMod
        visit_item_impl ItemImpl
        visit_item_macro ItemMacro
        visit_item_static ItemStatic
        visit_item_struct ItemStruct
        visit_item_trait ItemTrait
        visit_item_type ItemType
        visit_item_union ItemUnion
        visit_local Local
        visit_stmt_macro StmtMacro
        visit_trait_item_const TraitItemConst
        visit_trait_item_fn TraitItemFn
        visit_variant Variant
    }

    fn visit_item_mod(&mut self, inner: &'ast syn::ItemMod) {
        if !is_test(&inner.attrs) {
            self.module.push(inner.ident.to_string());
            syn::visit::visit_item_mod(self, inner);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        if !is_test(&import.attrs) {
            self.add_use(&[], &import.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |first| first.ident.span().start().line);
        self.add(&words, line);
        // Generic arguments contain paths too.
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.visit_path(&invoked.path);
        self.add_tokens(&invoked.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) => self.add_tokens(&list.tokens),
            other => syn::visit::visit_meta(self, other),
        }
    }
}

/// Returns whether an item with these attributes is compiled for tests only.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && asks_for_test(&list.tokens),
        Meta::NameValue(_) => false,
    })
}

/// Returns whether a condition holds in tests only: `test`, `all(..)` with such a part, or `any(..)` of such parts.
fn asks_for_test(condition: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = condition.clone().into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => {
            let mut parts =
                paths::parts(group.stream()).into_iter().map(|part| asks_for_test(&part)).peekable();
            match word.to_string().as_str() {
                "all" => parts.any(|is_test| is_test),
                "any" => parts.peek().is_some() && parts.all(|is_test| is_test),
                _ => false,
            }
        }
        _ => false,
    }
}
