//! The answers of a container daemon, read leniently: five fields of each container, every one optional.
//!
//! podman answers almost as Docker does, with other states and with nulls; and one entry that surprises must not cost the
//! names of all others.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::discover::naming::Facts;

/// The newest version of the interface when this was written. Docker 29 refuses every version below 1.44.
const NEWEST: Version = Version(1, 51);

/// A version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }

    /// Returns the path of a request in this version.
    pub(super) fn path(self, path: &str) -> String {
        format!("/v{}.{}{path}", self.0, self.1)
    }
}

/// Returns the version to speak with a daemon, by its answer to `/version`: its own, as far as it is known here. Returns
/// `None` if the answer has no version.
pub(super) fn negotiate(answer: &[u8]) -> Option<Version> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let version = |key: &str| answer.get(key).and_then(Value::as_str).and_then(Version::parse);
    let oldest = version("MinAPIVersion").unwrap_or(Version(1, 0));
    // A daemon that refuses all known versions is spoken to in its oldest: the fields that are read are older.
    Some(version("ApiVersion")?.min(NEWEST).max(oldest))
}

/// What a daemon lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The containers, by id.
    pub(super) containers: BTreeMap<String, Facts>,
    /// The number of entries that could not be read.
    pub(super) unreadable: usize,
}

/// Reads a list of containers. Returns `None` if the answer is no list at all.
pub(super) fn parse(answer: &[u8]) -> Option<Listing> {
    let Ok(Value::Array(entries)) = serde_json::from_slice(answer) else { return None };
    let mut listing = Listing::default();
    for entry in &entries {
        match container(entry) {
            Some((id, facts)) => drop(listing.containers.insert(id, facts)),
            None => listing.unreadable += 1,
        }
    }
    Some(listing)
}

fn container(entry: &Value) -> Option<(String, Facts)> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = text("Id").or_else(|| text("ID"))?;
    let mode = entry.pointer("/HostConfig/NetworkMode").and_then(Value::as_str).unwrap_or_default();
    let facts = Facts {
        name: name(entry),
        image: text("Image").map(str::to_owned),
        labels: labels(entry.get("Labels")),
        joins_another: mode == "host" || mode.starts_with("container:") || mode.starts_with("ns:"),
        ..Facts::default()
    };
    Some((id.to_owned(), facts))
}

/// A container has its own name, and `/OTHER/ALIAS` for each old-style link to it.
fn name(entry: &Value) -> Option<String> {
    let names = entry.get("Names")?.as_array()?.iter().filter_map(Value::as_str);
    let mut names = names.map(|name| name.strip_prefix('/').unwrap_or(name)).filter(|name| !name.is_empty());
    let first = names.clone().next();
    names.find(|name| !name.contains('/')).or(first).map(str::to_owned)
}

fn labels(labels: Option<&Value>) -> BTreeMap<String, String> {
    let entries = labels.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_both_know_is_spoken() {
        let negotiated = |text: &str| negotiate(text.as_bytes()).map(|version| version.path("/x"));
        let path = |version: &str| Some(format!("/v{version}/x"));
        assert_eq!(negotiated(r#"{"ApiVersion": "1.41", "MinAPIVersion": "1.12"}"#), path("1.41"));
        assert_eq!(negotiated(r#"{"ApiVersion": "1.52", "MinAPIVersion": "1.44"}"#), path("1.51"));
        assert_eq!(negotiated(r#"{"ApiVersion": "1.99", "MinAPIVersion": "1.60"}"#), path("1.60"));
        assert_eq!(negotiated(r#"{"ApiVersion": "1.9"}"#), path("1.9"), "9 is less than 51");
        for odd in ["{}", r#"{"ApiVersion": 1.41}"#, r#"{"ApiVersion": "x.y"}"#, "<html>"] {
            assert_eq!(negotiated(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_container_has_a_name_an_image_labels_and_a_mode() {
        let listing = parse(
            br#"[{"Id": "a1", "Names": ["/other/alias", "/web"], "Image": "nginx", "State": "stopping",
                  "Labels": {"com.docker.compose.project": "shop", "odd": 7},
                  "HostConfig": {"NetworkMode": "container:b2"}}]"#,
        );
        let expected = Facts {
            name: Some("web".to_owned()),
            image: Some("nginx".to_owned()),
            labels: BTreeMap::from([("com.docker.compose.project".to_owned(), "shop".to_owned())]),
            joins_another: true,
            ..Facts::default()
        };
        assert_eq!(listing.unwrap().containers, BTreeMap::from([("a1".to_owned(), expected)]));
    }

    #[test]
    fn nulls_and_missing_fields_are_no_error() {
        let listing = parse(
            br#"[{"Id": "a1", "Names": null, "Labels": null, "Image": 7, "HostConfig": null}, {"Id": "b2"}]"#,
        );
        let listing = listing.unwrap();
        assert_eq!(listing.unreadable, 0);
        assert!(listing.containers.values().all(|facts| *facts == Facts::default()));
    }

    #[test]
    fn an_entry_that_cannot_be_read_costs_only_itself() {
        let listing = parse(br#"[7, {"Names": ["/lost"]}, null, {"Id": "a1", "Names": ["/web"]}]"#).unwrap();
        assert_eq!(listing.unreadable, 3);
        assert_eq!(listing.containers["a1"].name.as_deref(), Some("web"));
        assert_eq!(parse(br#"{"message": "no"}"#), None);
    }
}
