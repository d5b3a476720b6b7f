//! Compares `docs/LABFILE.md` with the reader: its examples must work, and every key must be described.

use super::schema::{BRIDGE, END, EXPECT, IMPAIR, LAB, LINK, NAMESPACE, Need, PROBE, READY, ROUTE, SERVICE};

const REFERENCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/LABFILE.md"));

fn example() -> &'static str {
    REFERENCE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap()
}

#[test]
fn the_example_is_a_valid_lab() {
    let lab = crate::parse(example(), "LABFILE.md", "x").unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!((lab.namespaces.len(), lab.links.len()), (2, 2));
    let names: Vec<_> = lab.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["http", "throughput"]);
}

#[test]
fn the_documented_errors_are_those_that_are_reported() {
    let wrong = example().replace("nameservers", "nameserver").replace("10.10.0.1/30", "10.10.0.0/30");
    let errors = crate::parse(&wrong, "office.toml", "x").unwrap_err();
    let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let (_, section) = REFERENCE.split_once("\n## Errors\n").unwrap();
    let documented = section.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    assert_eq!(shown.join("\n"), documented);
}

#[test]
fn every_key_is_described_and_says_whether_it_is_required() {
    for schema in [&LAB, &NAMESPACE, &ROUTE, &LINK, &END, &BRIDGE, &EXPECT, &IMPAIR, &PROBE, &SERVICE, &READY]
    {
        for key in schema.supported() {
            let start = format!("- `{}` (", key.name);
            let items: Vec<_> = REFERENCE.lines().filter(|line| line.starts_with(&start)).collect();
            assert!(!items.is_empty(), "{} of {}", key.name, schema.title);
            if key.need == Need::Required {
                assert!(items.iter().any(|item| item.contains(", required): ")), "{items:?}");
            }
        }
    }
}
