//! What changes from one survey to the next.

use serde::{Deserialize, Serialize};

use super::{Link, Namespace};
use crate::names::{Cookie, LinkName, NsName};

/// A change from one survey to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A namespace was found.
    NamespaceFound {
        /// It.
        namespace: Namespace,
    },
    /// A namespace has another name, or something else of it changed.
    NamespaceChanged {
        /// Its name before.
        was: NsName,
        /// As it is now.
        namespace: Namespace,
    },
    /// A namespace has ended.
    NamespaceGone {
        /// Its name.
        name: NsName,
        /// Its identity, if that was known.
        cookie: Option<Cookie>,
    },
    /// A link was found: both ends point at each other.
    LinkJoined {
        /// It.
        link: Link,
    },
    /// A link has another name, or an end of it moved or changed.
    LinkChanged {
        /// Its name before.
        was: LinkName,
        /// As it is now.
        link: Link,
    },
    /// A link no longer exists.
    LinkGone {
        /// Its name.
        name: LinkName,
    },
    /// Events were lost, or a walk was due: everything was read again.
    Resynced {
        /// Whether events had been lost.
        were_lost: bool,
    },
}
