//! A container, and the labels of it that mean something to netmon.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name. `None` if that is not known.
    pub name: Option<String>,
    /// Its image, as its runtime names it. `None` if that is not known.
    pub image: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// The label of a container by which its user names its namespace.
pub const NAME_LABEL: &str = "netmon.name";
/// The labels of compose.
const COMPOSE_PROJECT: &str = "com.docker.compose.project";
const COMPOSE_SERVICE: &str = "com.docker.compose.service";
const COMPOSE_NUMBER: &str = "com.docker.compose.container-number";

impl Container {
    fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the name that its user gave its namespace. `None` if there is none.
    #[must_use]
    pub fn chosen_name(&self) -> Option<&str> {
        self.label(NAME_LABEL)
    }

    /// Returns its project of compose. `None` if it belongs to none.
    #[must_use]
    pub fn compose_project(&self) -> Option<&str> {
        self.label(COMPOSE_PROJECT)
    }

    /// Returns its service of compose. `None` if it belongs to none.
    #[must_use]
    pub fn compose_service(&self) -> Option<&str> {
        self.label(COMPOSE_SERVICE)
    }

    /// Returns its number among the containers of its service. `None` if it belongs to none.
    #[must_use]
    pub fn compose_number(&self) -> Option<&str> {
        self.label(COMPOSE_NUMBER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_label_names_nothing() {
        let labels = [(COMPOSE_PROJECT.to_owned(), String::new()), (NAME_LABEL.to_owned(), "web".to_owned())];
        let container = Container { labels: labels.into(), ..Container::default() };
        assert_eq!((container.compose_project(), container.chosen_name()), (None, Some("web")));
    }
}
