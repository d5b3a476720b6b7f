//! Which of the found links a user wants: filters by namespace, interface, runtime and container label, and a limit.

use std::str::FromStr;

use glob::Pattern;
use netmon_model::survey::{End, Namespace, PairKind};
use thiserror::Error;

/// The limit of endpoints without `--discover-limit`.
pub const DEFAULT_LIMIT: u32 = 1024;

/// The word for interfaces that the kernel gives no kind: those of hardware.
pub const PHYSICAL: &str = "physical";

/// Which links are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// A link is wanted only if one of these matches one of its ends. Empty: every link is wanted.
    pub include: Vec<Filter>,
    /// A link is not wanted if one of these matches one of its ends.
    pub exclude: Vec<Filter>,
    /// Maximum number of endpoints.
    pub limit: u32,
    /// Kinds of interfaces that are no pairs and are wanted all the same, each by itself. [`PHYSICAL`] stands for those without
    /// a kind.
    pub kinds: Vec<DeviceKind>,
}

/// A kind of interfaces, as the kernel names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKind(String);

/// The text is no kind of interfaces that could be asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidKind {
    /// Both ends of pairs are watched in any case.
    #[error("interfaces of kind {0} are pairs, which are watched in any case")]
    Pair(String),
    /// The kernel has no such name.
    #[error("{0:?} is no kind: write one as `ip -d link` shows it, such as bridge, or {PHYSICAL}")]
    Word(String),
}

impl FromStr for DeviceKind {
    type Err = InvalidKind;

    fn from_str(text: &str) -> Result<Self, InvalidKind> {
        let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if PairKind::parse(text).is_some() {
            return Err(InvalidKind::Pair(text.to_owned()));
        }
        if text.is_empty() || !text.bytes().all(is_of_word) {
            return Err(InvalidKind::Word(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self { include: Vec::new(), exclude: Vec::new(), limit: DEFAULT_LIMIT, kinds: Vec::new() }
    }
}

/// A filter: what is compared, and the pattern that it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    subject: Subject,
    pattern: Pattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Netns,
    Interface,
    Runtime,
    Label(String),
}

/// The text is no filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidFilter {
    /// Another word stands before `=`.
    #[error(
        "cannot compare {0:?}: write netns=PATTERN, interface=PATTERN, runtime=PATTERN or label=KEY=PATTERN"
    )]
    Subject(String),
    /// A label has no key.
    #[error("the label has no key: write label=KEY=PATTERN")]
    NoKey,
    /// The pattern cannot be read.
    #[error("{pattern:?} is not a pattern: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// ```
/// use netmon::discover::Filter;
///
/// assert!("shop.*".parse::<Filter>().is_ok(), "namespaces by name");
/// assert!("runtime=docker".parse::<Filter>().is_ok());
/// assert!("colour=red".parse::<Filter>().is_err());
/// ```
impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        let (subject, pattern) = match text.split_once('=') {
            None => (Subject::Netns, text),
            Some(("netns", pattern)) => (Subject::Netns, pattern),
            Some(("interface", pattern)) => (Subject::Interface, pattern),
            Some(("runtime", pattern)) => (Subject::Runtime, pattern),
            Some(("label", label)) => {
                let (key, pattern) = label.split_once('=').unwrap_or((label, "*"));
                if key.is_empty() {
                    return Err(InvalidFilter::NoKey);
                }
                (Subject::Label(key.to_owned()), pattern)
            }
            Some((other, _)) => return Err(InvalidFilter::Subject(other.to_owned())),
        };
        let invalid =
            |e: glob::PatternError| InvalidFilter::Pattern { pattern: pattern.to_owned(), problem: e.msg };
        Ok(Self { subject, pattern: Pattern::new(pattern).map_err(invalid)? })
    }
}

impl Filter {
    fn matches(&self, netns: &Namespace, interface: Option<&str>) -> bool {
        let matches = |text: &str| self.pattern.matches(text);
        match &self.subject {
            Subject::Netns => matches(netns.name.as_str()),
            Subject::Interface => interface.is_some_and(matches),
            Subject::Runtime => matches(netns.runtime.as_str()),
            Subject::Label(key) => {
                let labels = netns.container.as_ref().map(|container| &container.labels);
                labels.and_then(|labels| labels.get(key)).is_some_and(|value| matches(value))
            }
        }
    }
}

impl Selection {
    /// Returns whether everything is wanted.
    fn is_everything(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Returns whether interfaces of this kind are wanted by themselves. `None` is the kind of physical ones.
    pub(super) fn wants_kind(&self, kind: Option<&str>) -> bool {
        self.kinds.iter().any(|wanted| wanted.0 == kind.unwrap_or(PHYSICAL))
    }

    /// Returns whether something is wanted. `ends` returns its ends, which are not compared if everything is wanted.
    pub(super) fn wants<'e>(&self, ends: impl FnOnce() -> Vec<(&'e Namespace, &'e End)>) -> bool {
        if self.is_everything() {
            return true;
        }
        let ends = ends();
        self.chooses(|filter| ends.iter().any(|(netns, end)| filter.matches(netns, Some(&end.interface))))
    }

    /// Returns whether a namespace is wanted by itself, whatever links it has.
    pub(super) fn wants_namespace(&self, netns: &Namespace) -> bool {
        self.is_everything() || self.chooses(|filter| filter.matches(netns, None))
    }

    fn chooses(&self, matches: impl Fn(&Filter) -> bool) -> bool {
        (self.include.is_empty() || self.include.iter().any(&matches)) && !self.exclude.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let filters = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Selection { include: filters(include), exclude: filters(exclude), ..Selection::default() }
    }

    fn wants(include: &[&str], exclude: &[&str]) -> bool {
        let survey = fixtures::survey();
        let netns = |name: &str| survey.namespaces.iter().find(|netns| netns.name.as_str() == name).unwrap();
        let link = &survey.links[0];
        let ends = || vec![(netns("root"), &link.a), (netns("shop.web"), &link.b)];
        selection(include, exclude).wants(ends)
    }

    #[test]
    fn without_filters_everything_is_wanted() {
        assert!(wants(&[], &[]));
    }

    #[test]
    fn a_filter_of_each_kind_matches_one_end() {
        for filter in [
            "shop.*",
            "netns=shop.w?b",
            "interface=eth[0-9]",
            "runtime=docker",
            "label=tier",
            "label=tier=fr*",
        ] {
            assert!(wants(&[filter], &[]), "{filter}");
            assert!(!wants(&[], &[filter]), "{filter}");
        }
        for filter in ["web", "interface=lo", "runtime=podman", "label=tire", "label=tier=back"] {
            assert!(!wants(&[filter], &[]), "{filter}");
        }
    }

    #[test]
    fn a_kind_is_a_word_and_no_pair() {
        for kind in ["bridge", "physical", "ip6gre", "sit"] {
            assert!(kind.parse::<DeviceKind>().is_ok(), "{kind}");
        }
        assert_eq!("veth".parse::<DeviceKind>(), Err(InvalidKind::Pair("veth".to_owned())));
        for kind in ["", "br0*", "a b"] {
            assert_eq!(kind.parse::<DeviceKind>(), Err(InvalidKind::Word(kind.to_owned())));
        }
    }

    #[test]
    fn an_exclusion_overrules_an_inclusion() {
        assert!(!wants(&["shop.*"], &["runtime=docker"]));
        assert!(wants(&["other", "shop.*"], &["runtime=podman"]));
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_what_would_be_right() {
        let error = |text: &str| text.parse::<Filter>().unwrap_err().to_string();
        assert!(error("colour=red").contains("write netns=PATTERN"));
        assert_eq!(error("label=="), "the label has no key: write label=KEY=PATTERN");
        assert!(error("netns=[a").starts_with("\"[a\" is not a pattern"));
    }
}
