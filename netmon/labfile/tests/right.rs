//! Lab files that are just inside what is allowed; `wrong.rs` has those just outside.

use std::fmt::Write as _;

use netmon_labfile::{MAX_PORTS, parse};
use netmon_model::impairment::Impairment;

/// A namespace `web` joined to root.
const PAIR: &str = r#"
[[namespace]]
name = "web"
[[link]]
a = { namespace = "root", interface = "veth0", addresses = ["10.0.0.1/24", "fd00::1/64"] }
b = { namespace = "web", interface = "veth1", addresses = ["10.0.0.2/24", "fd00::2/64"] }
"#;

#[test]
fn the_least_mtu_depends_on_ipv6() {
    assert!(parse(&format!("{PAIR}mtu = 1280"), "f", "f").is_ok());
    let without_ipv6 = PAIR.replace(", \"fd00::1/64\"", "").replace(", \"fd00::2/64\"", "");
    assert!(parse(&format!("{without_ipv6}mtu = 68"), "f", "f").is_ok());
}

#[test]
fn an_ipv4_wildcard_leaves_the_port_free_for_ipv6() {
    let server = |address: &str| format!("[[service]]\nnamespace = \"web\"\nhttp = \"{address}\"\n");
    let both = [server("0.0.0.0:80"), server("[fd00::2]:80")].concat();
    assert!(parse(&format!("{PAIR}{both}"), "f", "f").is_ok());
}

#[test]
fn a_name_in_the_file_replaces_one_that_the_file_name_cannot_give() {
    let errors = parse("\n", "my lab.toml", "my lab").unwrap_err();
    assert_eq!((errors.len(), errors[0].line, errors[0].column), (1, 1, 1));
    assert!(
        errors[0].message.starts_with("the file's name makes \"my lab\" the lab's name"),
        "{}",
        errors[0]
    );
    assert!(parse("name = \"x\"", "my lab.toml", "my lab").is_ok());
}

#[test]
fn the_impairment_of_a_link_applies_to_both_directions() {
    let text = format!("{PAIR}impair = {{ loss = \"1%\", rate = \"10mbit\", delay = \"0ms\" }}");
    let link = parse(&text, "f", "f").unwrap().links.remove(0);
    assert_eq!(link.a.impairment.to_string(), "loss 1%, rate 10mbit");
    assert_eq!(link.a.impairment, link.b.impairment);
}

#[test]
fn the_impairment_of_an_end_applies_to_what_leaves_it() {
    let text = PAIR.replacen("\"fd00::2/64\"] }", "\"fd00::2/64\"], impair = { delay = \"1ms\" } }", 1);
    let link = parse(&text, "f", "f").unwrap().links.remove(0);
    assert_eq!(link.a.impairment, Impairment::default());
    assert_eq!(link.b.impairment.to_string(), "delay 1ms");
}

#[test]
fn a_bridge_takes_no_more_ports_than_the_kernel_has() {
    let lab = |ports: usize| {
        let mut text = "[[bridge]]\nname = \"br0\"\nnamespace = \"root\"\n".to_owned();
        for port in 0..ports {
            let _ = write!(
                text,
                "[[namespace]]\nname = \"n{port}\"\n[[link]]\n\
                 a = {{ namespace = \"root\", interface = \"p{port}\", bridge = \"br0\" }}\n\
                 b = {{ namespace = \"n{port}\", interface = \"eth0\" }}\n"
            );
        }
        text
    };
    assert!(parse(&lab(MAX_PORTS), "f", "f").is_ok());
    let errors = parse(&lab(MAX_PORTS + 1), "f", "f").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].message.contains("has more than 1023 ports"), "{}", errors[0]);
}

#[test]
fn a_command_says_as_whom_and_with_what_it_runs() {
    let text = format!(
        "{PAIR}[[service]]\nnamespace = \"web\"\ncommand = [\"x\"]\nuser = \"33\"\ngroup = \"adm\"\ncwd = \"data\"\n\
         env = {{ PGDATA = \"/srv\" }}\ninherit_env = true\ncapabilities = [\"net_raw\", \"CAP_BPF\"]\n\
         limits = {{ memory = \"64 MiB\", processes = 8 }}\n"
    );
    let execution = parse(&text, "f", "f").unwrap().services.remove(0).execution;
    assert_eq!((execution.user.as_deref(), execution.group.as_deref()), (Some("33"), Some("adm")));
    assert_eq!(execution.directory, Some("data".into()));
    assert_eq!((execution.env["PGDATA"].as_str(), execution.inherits_env), ("/srv", true));
    assert_eq!(execution.capabilities.unwrap(), ["CAP_NET_RAW", "CAP_BPF"]);
    assert_eq!(execution.limits.memory_bytes, Some(64 << 20));
    assert_eq!(execution.limits.processes, Some(8));
}

#[test]
fn a_container_and_a_bridge_that_is_not_owned_are_no_objects_of_the_lab() {
    let text = "
[[namespace]]
name = \"web\"
container = \"shop-web-1\"
[[bridge]]
name = \"docker0\"
namespace = \"root\"
owned = false
[[bridge]]
name = \"br0\"
namespace = \"root\"
owned = true
[[link]]
a = { namespace = \"root\", interface = \"to-web\", bridge = \"docker0\" }
b = { namespace = \"web\", interface = \"lab0\", addresses = [\"172.17.200.1/16\"] }
";
    let lab = parse(text, "f", "f").unwrap();
    assert_eq!((lab.namespaces.len(), lab.bridges.len()), (0, 1));
    assert_eq!((lab.containers[0].name.as_str(), &*lab.containers[0].container), ("web", "shop-web-1"));
    assert_eq!(lab.foreign_bridges[0].as_str(), "docker0");
    assert_eq!(lab.links[0].a.bridge, Some(lab.foreign_bridges[0].clone()));
    assert!(lab.leads_into_container(&lab.links[0]));
}
