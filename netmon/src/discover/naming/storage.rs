//! podman's list of containers, as its storage keeps it: read where no podman runs to be asked, which is usual.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::Facts;

/// Reads `containers.json` of containers/storage. A file or an entry that cannot be read has no containers.
pub(in crate::discover) fn parse(file: &[u8]) -> BTreeMap<String, Facts> {
    let Ok(Value::Array(entries)) = serde_json::from_slice(file) else { return BTreeMap::new() };
    entries.iter().filter_map(container).collect()
}

fn container(entry: &Value) -> Option<(String, Facts)> {
    let id = entry.get("id")?.as_str()?;
    let name = entry.get("names").and_then(Value::as_array).and_then(|names| names.first()?.as_str());
    // A JSON text inside the JSON.
    let metadata = entry.get("metadata").and_then(Value::as_str).unwrap_or_default();
    let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
    let image = metadata.get("image-name").and_then(Value::as_str);
    let facts = Facts { name: name.map(str::to_owned), image: image.map(str::to_owned), ..Facts::default() };
    Some((id.to_owned(), facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_its_first_name_and_the_image_of_its_metadata() {
        let file = br#"[{"id": "a1", "names": ["web"], "image": "4bf5",
            "metadata": "{\"image-name\":\"docker.io/library/nginx:1\",\"name\":\"web\"}", "layer": "x"},
            {"id": "b2", "names": null, "metadata": "not json"}, {"names": ["lost"]}, 7]"#;
        let containers = parse(file);
        assert_eq!(containers.len(), 2);
        assert_eq!(containers["a1"].name.as_deref(), Some("web"));
        assert_eq!(containers["a1"].image.as_deref(), Some("docker.io/library/nginx:1"));
        assert_eq!(containers["b2"], Facts::default());
    }

    #[test]
    fn a_file_that_is_no_list_has_no_containers() {
        assert!(parse(b"{}").is_empty() && parse(b"").is_empty());
    }
}
