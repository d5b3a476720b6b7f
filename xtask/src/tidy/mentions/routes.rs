//! Paths over HTTP: those below `/api/` are in the description that the agent serves.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Known, Tree};

/// The description.
const OPENAPI: &str = "netmon/src/server/openapi.json";

pub(super) struct Routes(BTreeSet<String>);

impl Routes {
    pub(super) fn new(tree: &Tree) -> Self {
        let described = tree.file(OPENAPI).and_then(|file| serde_json::from_str::<Value>(&file.text).ok());
        let paths =
            described.as_ref().and_then(|described| described.get("paths")).and_then(Value::as_object);
        Self(paths.into_iter().flat_map(serde_json::Map::keys).cloned().collect())
    }
}

impl Known for Routes {
    fn missing(&self, code: &str) -> Vec<String> {
        let mut missing = Vec::new();
        for (start, _) in code.match_indices("/api/v1/") {
            let end = code[start..].find(|c: char| !c.is_ascii_lowercase() && !"/_.1".contains(c));
            let path = &code[start..end.map_or(code.len(), |end| start + end)];
            // "/api/v1/" alone stands for all of them.
            if path != "/api/v1/" && !self.0.contains(path) {
                missing.push(format!("there is no path `{path}`"));
            }
        }
        missing
    }
}
