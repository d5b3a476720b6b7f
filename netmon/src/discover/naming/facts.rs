//! What is known of one container, wherever it was read.

use std::collections::BTreeMap;

use netmon_model::survey::Pod;

/// What is known of a container beside its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::discover) struct Facts {
    /// Its name.
    pub(in crate::discover) name: Option<String>,
    /// Its image.
    pub(in crate::discover) image: Option<String>,
    /// Its labels.
    pub(in crate::discover) labels: BTreeMap<String, String>,
    /// Whether it uses the network of another container, or of the host.
    pub(in crate::discover) joins_another: bool,
    /// Whether it is the container that holds a pod's namespaces.
    pub(in crate::discover) is_sandbox: bool,
    /// Its pod.
    pub(in crate::discover) pod: Option<Pod>,
}

impl Facts {
    /// Adds what another source knows, where this one knows nothing.
    pub(in crate::discover) fn complete(&mut self, other: Self) {
        self.name = self.name.take().or(other.name);
        self.image = self.image.take().or(other.image);
        self.pod = self.pod.take().or(other.pod);
        self.joins_another |= other.joins_another;
        self.is_sandbox |= other.is_sandbox;
        for (key, value) in other.labels {
            self.labels.entry(key).or_insert(value);
        }
    }
}

/// What is known of containers, by id, and why nothing is known of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::discover) struct Catalog {
    /// The facts, by the container's full id.
    pub(in crate::discover) containers: BTreeMap<String, Facts>,
    /// Why the containers of a runtime have no names, as the end of a sentence.
    pub(in crate::discover) silent: BTreeMap<netmon_model::survey::Runtime, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_source_fills_gaps_and_overrules_nothing() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let name = |name: &str| Some(name.to_owned());
        let mut facts = Facts { name: name("web"), labels: labels(&[("a", "1")]), ..Facts::default() };
        facts.complete(Facts {
            name: name("other"),
            image: name("nginx"),
            labels: labels(&[("a", "2"), ("b", "3")]),
            is_sandbox: true,
            ..Facts::default()
        });
        let expected = Facts {
            name: name("web"),
            image: name("nginx"),
            labels: labels(&[("a", "1"), ("b", "3")]),
            is_sandbox: true,
            ..Facts::default()
        };
        assert_eq!(facts, expected);
    }
}
