//! Wrong lab files, one for each rule: where the complaint points, and what it says.
//!
//! Each case is a text in which `^` stands before the place that the complaint points to; it is taken out
//! before the text is read.

mod bridges;
mod expectations;
mod impairments;
mod links;
mod probes;
mod ready;
mod settings;

use super::Diagnostic;

/// A namespace `web` joined to root, for cases about something else.
const PAIR: &str = r#"
[[namespace]]
name = "web"
[[link]]
a = { namespace = "root", interface = "veth0", addresses = ["10.0.0.1/24", "fd00::1/64"] }
b = { namespace = "web", interface = "veth1", addresses = ["10.0.0.2/24", "fd00::2/64"] }
"#;

/// Asserts that `marked` has exactly one error, at its mark, with these words.
fn wrong(marked: &str, message: &str, help: &str) {
    let at = marked.find('^').expect("a mark");
    let text = marked.replacen('^', "", 1);
    let line = marked[..at].matches('\n').count() + 1;
    let column = marked[..at].rsplit('\n').next().map_or(1, |before| before.chars().count() + 1);
    let found = crate::parse(&text, "f.toml", "f").expect_err(&text);
    let shown: Vec<_> = found.iter().map(Diagnostic::to_string).collect();
    assert_eq!(found.len(), 1, "{text}\n{}", shown.join("\n"));
    assert_eq!(
        shown[0].lines().next(),
        Some(&*format!("f.toml:{line}:{column}: error: {message}")),
        "{text}"
    );
    assert!(found[0].help.contains(help), "{text}\n{}", shown[0]);
}

/// As [`wrong`], for a text that comes after a namespace `web` with a link.
fn wrong_beside_a_pair(marked: &str, message: &str, help: &str) {
    wrong(&format!("{PAIR}{marked}"), message, help);
}

/// As [`wrong`], for the keys of a namespace that has 10.0.0.2/24 and fd00::2/64.
fn wrong_in_namespace(marked: &str, message: &str, help: &str) {
    let (head, tail) = PAIR.split_once("[[link]]").unwrap();
    wrong(&format!("{head}{marked}\n[[link]]{tail}"), message, help);
}

/// As [`wrong`], for the keys of one end of a link.
fn wrong_in_end(marked: &str, message: &str, help: &str) {
    let text = format!("[[link]]\na = {{ {marked} }}\nb = {{ namespace = \"root\", interface = \"b\" }}");
    wrong(&text, message, help);
}

#[test]
fn text_that_is_not_toml() {
    wrong("name = ^web", "string values must be quoted", "double quotes");
    wrong("name = \"a\"\n^name = \"b\"", "duplicate key", "take one of them out");
    wrong("name = \"web^\n", "invalid basic string", "write `\"` here");
    wrong("name^", "key with no value", "write `=` here");
    wrong("[[link]^\n", "unclosed array table", "write `]` here");
    wrong("name = \"a^\0b\"", "invalid basic string", "write");
    let deep = format!("name = {}^[", "[".repeat(32));
    wrong(&deep, "brackets and dotted keys nest deeper than 32 levels", "four levels");
    let dotted = format!("a{}^.a = 1", ".a".repeat(32));
    wrong(&dotted, "brackets and dotted keys nest deeper than 32 levels", "four levels");
}

#[test]
fn a_missing_bracket_is_one_error_and_not_one_a_line() {
    let (head, tail) = PAIR.split_once("[[link]]").unwrap();
    let unclosed_table = format!("{head}sysctls = ^{{ \"net.ipv4.ip_forward\" = \"1\"\n[[link]]{tail}");
    wrong(&unclosed_table, "this `{` is not closed", "write the `}`");
    let unclosed_list = format!("{head}nameservers = ^[\n  \"10.0.0.1\",\n[[link]]{tail}");
    wrong(&unclosed_list, "this `[` is not closed", "write the `]`");
}

#[test]
fn keys_that_do_not_belong_there() {
    wrong(
        "^colour = 1",
        "unknown key \"colour\" in the lab file",
        "name, namespace, link, bridge, service, expect",
    );
    wrong_in_namespace(
        "^color = 1",
        "unknown key \"color\" in [[namespace]]",
        "nameservers, routes, sysctls",
    );
    wrong_in_end(
        "namespace = \"root\", interface = \"a\", ^adresses = []",
        "unknown key \"adresses\" in a link's end",
        "did you mean `addresses`?",
    );
    wrong_beside_a_pair("^metric = 1", "unknown key \"metric\" in [[link]]", "name, a, b, mtu");
    wrong_in_namespace(
        "routes = [{ to = \"default\", via = \"10.0.0.1\", ^dev = \"x\" }]",
        "unknown key \"dev\" in a route",
        "to, via",
    );
}

#[test]
fn a_mistyped_section_is_read_as_the_one_that_was_meant() {
    let text = PAIR.replace("[[namespace]]", "[[^namespce]]");
    wrong(&text, "unknown key \"namespce\" in the lab file", "did you mean `namespace`?");
}

#[test]
fn values_of_the_wrong_type() {
    wrong("name = ^1", "`name` must be a string, not an integer", "write name = \"my-lab\"");
    wrong_beside_a_pair("mtu = ^\"1500\"", "`mtu` must be an integer, not a string", "write mtu = 1500");
    wrong_beside_a_pair("mtu = ^1500.0", "`mtu` must be an integer, not a float", "write mtu = 1500");
    wrong_in_namespace(
        "nameservers = ^\"10.0.0.1\"",
        "`nameservers` must be an array of strings, not a string",
        "nameservers = [",
    );
    wrong_in_namespace(
        "nameservers = [^true]",
        "every element of `nameservers` must be a string, not a boolean",
        "nameservers = [",
    );
    wrong_in_namespace(
        "routes = [^1]",
        "every element of `routes` must be a table, not an integer",
        "{ to = ",
    );
    wrong_in_namespace(
        "sysctls = { \"net.ipv4.ip_forward\" = ^1 }",
        "the value of \"net.ipv4.ip_forward\" must be a string, not an integer",
        "\"net.ipv4.ip_forward\" = \"1\"",
    );
    wrong_in_namespace(
        "sysctls = { ^net.ipv4.ip_forward = \"1\" }",
        "the value of \"net\" must be a string, not a table",
        "\"net.ipv4.ip_forward\" = \"1\"",
    );
    wrong(
        "^[link]\na = { namespace = \"root\", interface = \"x\" }\nb = { namespace = \"root\", interface = \"y\" }",
        "`link` must be an array of tables, not a table",
        "[[link]]",
    );
    wrong("namespace = ^\"web\"", "`namespace` must be an array of tables, not a string", "[[namespace]]");
    wrong(
        "[[link]]\na = { namespace = \"root\", interface = \"x\" }\nb = ^2021-01-01",
        "`b` must be a table, not a date",
        "b = { namespace",
    );
}

#[test]
fn keys_that_are_missing() {
    wrong("^[[namespace]]\nnameservers = []", "[[namespace]] lacks `name`", "add name = ");
    wrong("^[[link]]\na = { namespace = \"root\", interface = \"x\" }", "[[link]] lacks `b`", "add b = {");
    wrong(
        "[[link]]\na = { namespace = \"root\", interface = \"x\" }\nb = ^{ namespace = \"root\" }",
        "a link's end lacks `interface`",
        "add interface = ",
    );
    wrong_in_namespace("routes = [^{ to = \"default\" }]", "a route lacks `via`", "add via = ");
    wrong("^[[service]]\nhttp = \"127.0.0.1:80\"", "[[service]] lacks `namespace`", "add namespace = ");
    wrong(
        "^[[service]]\nnamespace = \"root\"",
        "[[service]] lacks `command` or `http`",
        "built-in web server",
    );
}

#[test]
fn names_that_the_kernel_or_the_file_system_would_not_take() {
    wrong("name = ^\"../x\"", "lab name \"../x\" must not contain '/'", "1 to 64 bytes");
    wrong("[[namespace]]\nname = ^\"a/b\"", "namespace name \"a/b\" must not contain '/'", "1 to 255 bytes");
    wrong("[[namespace]]\nname = ^\"\"", "namespace name \"\" must not be empty", "1 to 255 bytes");
    wrong_in_end(
        "namespace = \"root\", interface = ^\"a234567890123456\"",
        "interface name \"a234567890123456\" is 16 bytes long, 15 is the most",
        "1 to 15 bytes",
    );
    // Eight characters, but sixteen bytes.
    wrong_in_end(
        "namespace = \"root\", interface = ^\"éééééééé\"",
        "interface name \"éééééééé\" is 16 bytes long, 15 is the most",
        "1 to 15 bytes",
    );
    wrong_in_end(
        "namespace = \"root\", interface = ^\"all\"",
        "interface name \"all\" must not be 'all' or 'default'",
        "for example \"veth0\"",
    );
    wrong_in_end(
        "namespace = \"root\", interface = ^\"lo\"",
        "`lo` cannot be the end of a link",
        "another name",
    );
    wrong_beside_a_pair(
        "name = ^\"up link\"",
        "link name \"up link\" must be without white space and not empty",
        "for example \"uplink\"",
    );
    wrong_in_end(
        "namespace = \"root\", interface = ^\"a\\u0000\"",
        "interface name \"a\\0\" must be without white space and control characters",
        "1 to 15 bytes",
    );
}

#[test]
fn a_file_whose_name_cannot_be_the_labs_name() {
    let found = crate::parse("\n", "my lab.toml", "my lab").unwrap_err();
    let shown = found[0].to_string();
    assert!(
        shown.starts_with("my lab.toml:1:1: error: the file's name makes \"my lab\" the lab's name"),
        "{shown}"
    );
    assert!(crate::parse("name = \"x\"", "my lab.toml", "my lab").is_ok());
}

#[test]
fn all_errors_of_a_file_are_reported_in_its_order() {
    let text = "name = web\n[[namespace]]\nname = \"a/b\"\n[[namespace]]\nnmae = \"c\"\n[[link]]\nmtu = 5\n\
                a = { namespace = \"c\", interface = \"x\", addresses = [\"10.0.0.0/24\", 7] }\n[[zone]]\n";
    let found = crate::parse(text, "f", "f").unwrap_err();
    let places: Vec<_> = found.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 8), (3, 8), (5, 1), (6, 1), (7, 7), (8, 54), (8, 69), (9, 3)]);
}
