//! A mapping in YAML whose keys are known: typed access, and errors that name the key.

use netmon_labfile::suggest;
use yaml_rust2::Yaml;

use super::key::Problem;

/// A mapping.
#[derive(Debug)]
pub(super) struct Table<'y> {
    /// Its own key, with those above it. Empty for the whole file.
    place: String,
    entries: Vec<(&'y str, &'y Yaml)>,
}

impl<'y> Table<'y> {
    /// Reads a mapping that may have these keys; any keys if there are none.
    pub(super) fn of(place: &str, yaml: &'y Yaml, known: &[&str]) -> Result<Self, Problem> {
        let entries = match yaml {
            Yaml::Null | Yaml::BadValue => Vec::new(),
            Yaml::Hash(hash) => hash
                .iter()
                .map(|(key, value)| match key.as_str() {
                    Some(key) => Ok((key, value)),
                    None => Err(Problem::new(place, "a key is not a text")),
                })
                .collect::<Result<_, _>>()?,
            _ => return Err(Problem::new(place, "is no mapping of keys and values")),
        };
        let table = Self { place: place.to_owned(), entries };
        let is_unknown = |(key, _): &&(&str, &Yaml)| !known.is_empty() && !known.contains(key);
        match table.entries.iter().find(is_unknown) {
            Some((key, _)) => Err(table.unknown(key, known)),
            None => Ok(table),
        }
    }

    fn unknown(&self, key: &str, known: &[&str]) -> Problem {
        let near = suggest::nearest(key, known.iter().copied(), 1);
        let hint = near.first().map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Problem::new(self.key(key), format!("unknown key{hint}"))
    }

    /// Returns a key with those above it.
    pub(super) fn key(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// Returns the fault of one of its keys.
    pub(super) fn problem(&self, key: &str, text: impl Into<String>) -> Problem {
        Problem::new(self.key(key), text)
    }

    fn get(&self, key: &str) -> Option<&'y Yaml> {
        let found = self.entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        found.filter(|value| !value.is_null())
    }

    /// Returns a mapping in it, which is empty if it is not there.
    pub(super) fn table(&self, key: &str, known: &[&str]) -> Result<Table<'y>, Problem> {
        Table::of(&self.key(key), self.get(key).unwrap_or(&Yaml::Null), known)
    }

    /// Returns whether it has the key, whatever the value is.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| *name == key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'y str>, Problem> {
        let text = |value: &'y Yaml| value.as_str().ok_or_else(|| self.problem(key, "is not a text"));
        self.get(key).map(text).transpose()
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, Problem> {
        let boolean = |value: &Yaml| value.as_bool().ok_or_else(|| self.problem(key, "is not true or false"));
        self.get(key).map(boolean).transpose()
    }

    /// Returns a list of texts, which is empty if it is not there.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&'y str>, Problem> {
        let problem = || self.problem(key, "is not a list of texts");
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let all = value.as_vec().ok_or_else(problem)?;
        all.iter().map(|one| one.as_str().ok_or_else(problem)).collect()
    }

    /// Returns every key with its text.
    pub(super) fn all_texts(&self) -> Result<Vec<(&'y str, &'y str)>, Problem> {
        let text = |(key, value): &(&'y str, &'y Yaml)| match value.as_str() {
            Some(value) => Ok((*key, value)),
            None => Err(self.problem(key, "is not a text")),
        };
        self.entries.iter().map(text).collect()
    }
}
