//! Compares the schema with the reader: valid files pass, and files that are wrong by themselves do not.

mod check;

use std::{fs, path::Path};

use self::check::problems;
use super::*;
use crate::generate::{LabKind, Options, lab_file};

fn faults(lab: &str) -> Vec<String> {
    problems(&json_schema(), &toml::from_str(lab).unwrap())
}

/// Every table of the grammar, with its part of the JSON Schema.
fn tables() -> Vec<(&'static Schema, Value)> {
    let mut all = vec![(&LAB, json_schema())];
    let mut next = 0;
    while let Some((schema, json)) = all.get(next).cloned() {
        for key in schema.supported() {
            let property = &json["properties"][key.name];
            match key.value {
                ValueType::Table(below) => all.push((below, property.clone())),
                ValueType::Tables(below) => all.push((below, property["items"].clone())),
                _ => {}
            }
        }
        next += 1;
    }
    all
}

#[test]
fn the_schema_has_exactly_the_keys_that_are_read_with_their_meaning() {
    let tables = tables();
    assert!(tables.len() >= 7, "the file, namespaces, routes, links, two ends, services");
    for (schema, json) in tables {
        let properties = json["properties"].as_object().unwrap();
        let mut names: Vec<_> = schema.supported().map(|key| key.name).collect();
        names.sort_unstable();
        assert_eq!(properties.keys().collect::<Vec<_>>(), names, "{}", schema.title);
        for key in schema.supported() {
            let description = properties[key.name]["description"].as_str().unwrap();
            assert!(!key.about.is_empty() && description.starts_with(key.about), "{}", key.name);
        }
        assert_eq!(json["additionalProperties"], false);
    }
}

#[test]
fn the_schema_names_its_draft() {
    assert_eq!(json_schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn every_example_file_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let labs: Vec<_> = files.filter(|path| path.extension().is_some_and(|is| is == "toml")).collect();
    assert!(labs.len() >= 2);
    for path in labs {
        assert_eq!(faults(&fs::read_to_string(&path).unwrap()), [""; 0], "{}", path.display());
    }
}

#[test]
fn the_examples_of_the_reference_pass() {
    let page = include_str!("../../../../docs/LABFILE.md");
    let examples: Vec<_> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(faults(example), [""; 0], "{example}");
    }
}

#[test]
fn every_generated_lab_passes() {
    for kind in LabKind::ALL {
        let options = Options { http: true, ..Options::new(kind) };
        assert_eq!(faults(&lab_file(&options).unwrap()), [""; 0], "{kind:?}");
    }
}

#[test]
fn an_unusual_valid_file_passes() {
    let lab = r#"
        name = "ünüsual"
        [[namespace]]
        name = "a:b"
        nameservers = ["::1", "1.1.1.1"]
        routes = [{ to = "fd09::/16", via = "fd00::1" }, { to = "default", via = "10.0.0.1" }]
        sysctls = { "net.ipv4.conf.eth0/100.rp_filter" = "", "net.ipv4.tcp_rmem" = "4096 131072 6291456" }
        [[link]]
        name = "->"
        a = { namespace = "root", interface = "eth0.100", addresses = ["10.0.0.1/31", "fd00::1/128"] }
        b = { namespace = "a:b", interface = "ünü", addresses = ["10.0.0.0/31", "::ffff:10.0.0.1/128", "fd00::2/16"] }
        mtu = 65_535
        [[service]]
        namespace = "root"
        http = "[fe80::1%7]:65535"
        [[service]]
        namespace = "a:b"
        command = [" "," "]
    "#;
    assert_eq!(faults(lab), [""; 0]);
    // The program of its command is blank, which is beyond a schema.
    let errors = crate::parse(lab, "f", "f").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
}

const WHOLE: &str = r#"
    [[namespace]]
    name = "web"
    routes = [{ to = "default", via = "10.0.0.1" }]
    sysctls = { "net.ipv4.ip_forward" = "1" }
    [[link]]
    a = { namespace = "root", interface = "veth0", addresses = ["10.0.0.1/24"] }
    b = { namespace = "web", interface = "veth1" }
    mtu = 1500
    impair = { delay = "10ms", jitter = "1.5 ms", loss = "0.01%", rate = "10mbit" }
    [[service]]
    namespace = "web"
    http = "0.0.0.0:80"
"#;

#[test]
fn each_mistake_is_found_at_its_place() {
    assert_eq!(faults(WHOLE), [""; 0]);
    let mistakes = [
        ("[[service]]", "[[services]]", "/services"),
        ("routes =", "route =", "/namespace/0/route"),
        ("name = \"web\"", "nam = \"web\"", "/namespace/0"),
        ("name = \"web\"", "name = \"root\"", "/namespace/0/name"),
        ("name = \"web\"", "name = \"a/b\"", "/namespace/0/name"),
        ("name = \"web\"", "name = \"-a\"", "/namespace/0/name"),
        ("via = \"10.0.0.1\"", "via = \"10.0.0.1/8\"", "/namespace/0/routes/0/via"),
        ("to = \"default\"", "to = \"10.0.0.1\"", "/namespace/0/routes/0/to"),
        ("to = \"default\",", "", "/namespace/0/routes/0"),
        ("\"net.ipv4.ip_forward\" =", "\"kernel.hostname\" =", "/namespace/0/sysctls/kernel.hostname"),
        ("ip_forward\" = \"1\"", "ip_forward\" = 1", "/namespace/0/sysctls/net.ipv4.ip_forward"),
        ("interface = \"veth0\"", "interface = \"lo\"", "/link/0/a/interface"),
        ("interface = \"veth0\"", "interface = \"sixteen-bytes-xx\"", "/link/0/a/interface"),
        ("interface = \"veth0\"", "interface = \"a%d\"", "/link/0/a/interface"),
        ("[\"10.0.0.1/24\"]", "[\"10.0.0.1\"]", "/link/0/a/addresses/0"),
        ("[\"10.0.0.1/24\"]", "\"10.0.0.1/24\"", "/link/0/a/addresses"),
        ("interface = \"veth1\"", "interface = 1", "/link/0/b/interface"),
        ("mtu = 1500", "mtu = 67", "/link/0/mtu"),
        ("mtu = 1500", "mtu = 65536", "/link/0/mtu"),
        ("mtu = 1500", "mtu = 1500.5", "/link/0/mtu"),
        ("delay = \"10ms\"", "delay = \"10\"", "/link/0/impair/delay"),
        ("jitter = \"1.5 ms\"", "jitter = 1.5", "/link/0/impair/jitter"),
        ("loss = \"0.01%\"", "loss = \"0.01\"", "/link/0/impair/loss"),
        ("rate = \"10mbit\"", "rate = \"10Mbps\"", "/link/0/impair/rate"),
        ("rate = \"10mbit\"", "corrupt = \"1%\"", "/link/0/impair/corrupt"),
        ("http = \"0.0.0.0:80\"", "", "/service/0"),
        ("http = \"0.0.0.0:80\"", "http = \"0.0.0.0:80\"\ncommand = [\"true\"]", "/service/0"),
        ("http = \"0.0.0.0:80\"", "http = \"0.0.0.0\"", "/service/0/http"),
        ("http = \"0.0.0.0:80\"", "command = []", "/service/0/command"),
        ("http = \"0.0.0.0:80\"", "command = \"true\"", "/service/0/command"),
    ];
    for (right, wrong, at) in mistakes {
        let lab = WHOLE.replacen(right, wrong, 1);
        assert_ne!(lab, WHOLE, "{right}");
        let found = faults(&lab);
        assert!(found.iter().any(|fault| fault.starts_with(&format!("{at}: "))), "{wrong}: {found:?}");
        assert!(crate::parse(&lab, "f", "f").is_err(), "netmon itself accepts {wrong}");
    }
}
