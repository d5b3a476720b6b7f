//! Why the kernel refused a request.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

/// A request was refused, or could not be sent.
#[derive(Debug, Error)]
#[error("cannot {what}{}", explained(.explanation, .source))]
pub struct NetlinkError {
    pub(super) what: String,
    /// The kernel's extended acknowledgement. `None` if it sent none.
    pub(super) explanation: Option<String>,
    pub(super) source: io::Error,
}

/// Returns the kernel's own explanation; without one, what its error number means for such a request, if the usual text
/// misleads.
fn explained(explanation: &Option<String>, source: &io::Error) -> String {
    let meaning = match Errno::from_io_error(source) {
        Some(Errno::EXIST) => Some("another program has added one in its place"),
        Some(Errno::NODEV) => Some("the interface does not exist any more"),
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH) => {
            Some("the next hop is not in the network of an interface that is up")
        }
        _ => None,
    };
    let text = explanation.as_deref().or(meaning);
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

impl NetlinkError {
    pub(super) fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), explanation: None, source }
    }

    /// Returns the kernel's error number. `None` if the error is not one of the kernel's.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        Errno::from_io_error(&self.source)
    }

    /// Returns whether the object of the request does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.errno(), Some(Errno::NODEV | Errno::NOENT | Errno::SRCH | Errno::ADDRNOTAVAIL))
    }

    /// Returns whether the object that was to be created exists already.
    #[must_use]
    pub fn is_already_there(&self) -> bool {
        self.errno() == Some(Errno::EXIST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_number_that_misleads_is_explained_unless_the_kernel_did() {
        let refused = |explanation: Option<&str>| NetlinkError {
            what: "add route to ::/0 via fd00::1".to_owned(),
            explanation: explanation.map(str::to_owned),
            source: Errno::EXIST.into(),
        };
        let text = refused(None).to_string();
        assert_eq!(text, "cannot add route to ::/0 via fd00::1 (another program has added one in its place)");
        assert_eq!(refused(Some("nope")).to_string(), "cannot add route to ::/0 via fd00::1 (nope)");
    }
}
