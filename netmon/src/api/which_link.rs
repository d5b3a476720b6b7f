//! Which link a user means: by its name, or by an end, as one types it.

use netmon_model::{
    names::{EndName, LinkName, NsName},
    snapshot::LinkSnapshot,
};

use super::Link;

/// A link that may be meant.
#[derive(Clone, Debug)]
pub struct NamedLink<'l> {
    /// Its name.
    pub name: &'l LinkName,
    /// Its ends.
    pub ends: Vec<(&'l NsName, &'l EndName)>,
}

impl<'l> From<&'l LinkSnapshot> for NamedLink<'l> {
    fn from(link: &'l LinkSnapshot) -> Self {
        Self { name: &link.name, ends: link.ends().map(|end| (&end.namespace, &end.interface)).collect() }
    }
}

impl<'l> From<&'l Link> for NamedLink<'l> {
    fn from(link: &'l Link) -> Self {
        Self { name: &link.name, ends: link.ends().map(|end| (&end.namespace, &end.interface)).collect() }
    }
}

impl NamedLink<'_> {
    fn has_end(&self, wanted: &str) -> bool {
        let is_it = |(namespace, interface): &(&NsName, &EndName)| {
            interface.as_str() == wanted || format!("{namespace}:{interface}") == wanted
        };
        self.ends.iter().any(is_it)
    }
}

/// Returns the names of the links that `wanted` may mean: a name, or INTERFACE or NAMESPACE:INTERFACE of an end. A link
/// of exactly this name overrules ends.
#[must_use]
pub fn meant<'l>(wanted: &str, links: &[NamedLink<'l>]) -> Vec<&'l LinkName> {
    let named = links.iter().find(|link| link.name.as_str() == wanted);
    match named {
        Some(link) => vec![link.name],
        None => links.iter().filter(|link| link.has_end(wanted)).map(|link| link.name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn a_link_is_meant_by_its_name_and_by_either_end() {
        let snapshot = fixtures::star(3);
        let links: Vec<_> = snapshot.links.iter().map(NamedLink::from).collect();
        for wanted in ["root:veth1--netns1:eth0", "veth1", "root:veth1", "netns1:eth0"] {
            let found: Vec<_> = meant(wanted, &links).iter().map(|name| name.as_str()).collect();
            assert_eq!(found, ["root:veth1--netns1:eth0"], "{wanted}");
        }
        assert_eq!(meant("eth0", &links).len(), 3, "each link has such an end");
        assert!(meant("eth7", &links).is_empty());
    }
}
