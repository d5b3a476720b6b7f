//! The compose file has the shape that `docker compose` wants, its images are pinned, and its files exist.

use anyhow::Result;
use serde_json::Value;

use super::{
    super::{Finding, tree::Tree},
    yaml,
};

const FILE: &str = "dashboards/compose.yaml";
const FOLDER: &str = "dashboards/";
/// The keys of the top level that the specification has and netmon uses.
const TOP: [&str; 3] = ["name", "services", "volumes"];
/// Those of a service.
const OF_SERVICE: [&str; 8] =
    ["image", "network_mode", "command", "environment", "volumes", "restart", "depends_on", "user"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let Some(file) = tree.file(FILE) else { return Ok(Vec::new()) };
    let read = yaml::read(file)?;
    let mut faults = unknown(&read, &TOP, "the file");
    let services = read["services"].as_object();
    if services.is_none_or(serde_json::Map::is_empty) {
        faults.push("has no services".to_owned());
    }
    for (name, service) in services.into_iter().flatten() {
        faults.extend(unknown(service, &OF_SERVICE, name));
        faults.extend(of_service(name, service));
        faults.extend(of_volumes(tree, name, service, &read["volumes"]));
        let needs = service["depends_on"].as_array().into_iter().flatten();
        let missing =
            needs.filter(|other| other.as_str().is_none_or(|other| read["services"][other].is_null()));
        faults.extend(missing.map(|other| format!("{name}: there is no service {other}")));
    }
    Ok(faults.into_iter().map(|fault| Finding::new(FILE, 0, fault)).collect())
}

fn unknown(object: &Value, known: &[&str], of: &str) -> Vec<String> {
    let keys = object.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.filter(|key| !known.contains(&key.as_str()))
        .map(|key| format!("{of}: unknown key `{key}`"))
        .collect()
}

fn of_service(name: &str, service: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let tag = service["image"].as_str().and_then(|image| image.rsplit_once(':')).map(|(_, tag)| tag);
    if tag.is_none_or(|tag| tag == "latest" || !tag.contains('.')) {
        faults.push(format!("{name}: its image is not pinned to a version"));
    }
    // The agent answers on the host's loopback, which no other network of Docker's reaches.
    if service["network_mode"] != "host" {
        faults.push(format!("{name}: is not on the host's network"));
    }
    faults
}

/// Checks that mounted files exist and are read-only, and that volumes are declared.
fn of_volumes(tree: &Tree, name: &str, service: &Value, declared: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let source = volume.split(':').next().unwrap_or_default();
        match source.strip_prefix("./") {
            None if declared.get(source).is_none() => {
                faults.push(format!("{name}: volume {source} is not declared"));
            }
            Some(path) if tree.under(&format!("{FOLDER}{path}"), "").next().is_none() => {
                faults.push(format!("{name}: there is no {source}"));
            }
            Some(_) if !volume.ends_with(":ro") => {
                faults.push(format!("{name}: {source} is not mounted read-only"));
            }
            _ => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name: n
services:
  a:
    image: prom/a:v1.2
    network_mode: host
    volumes:
      - ./a.yml:/etc/a.yml:ro
      - data:/data
volumes:
  data: {}
";

    fn found(text: &str) -> usize {
        check(&Tree::of(&[(FILE, text), ("dashboards/a.yml", "")])).expect("checked").len()
    }

    #[test]
    fn a_file_of_the_right_shape_passes() {
        assert_eq!(found(GOOD), 0);
    }

    #[test]
    fn each_fault_is_one_finding() {
        for (part, instead) in [
            ("name: n", "nam: n"),
            ("v1.2", "latest"),
            ("network_mode: host", "network_mode: bridge"),
            ("network_mode: host", "network_mode: host\n    depends_on: [b]"),
            ("./a.yml", "./b.yml"),
            (":ro", ""),
            ("data:/data", "more:/data"),
            ("    image", "    imag: x\n    image"),
        ] {
            assert_eq!(found(&GOOD.replacen(part, instead, 1)), 1, "{part}");
        }
        assert_eq!(found("name: n\n"), 1);
    }
}
