//! netmon in use for a long time: what it holds must not grow, and what is killed must leave nothing after one `down`.
//!
//! `cargo xtask soak` runs it for minutes; a privileged test runs a short round. Each part works in a sandbox of its own.

mod busy;
mod containers;
mod held;
mod kills;
mod six;
mod storm;

pub use self::{
    busy::busy,
    containers::{container_ends, containers, short_lived},
    held::Held,
    kills::kills,
    six::six,
    storm::storm,
};

/// The lab of the soak.
pub const LAB: &str = "soaked";

/// A namespace behind a bridge, with files, a route and a service of each kind.
const SMALL: &str = r#"
name = "soaked"
[[namespace]]
name = "soak1"
nameservers = ["10.37.0.1"]
routes = [{ to = "default", via = "10.37.0.1" }]
[[bridge]]
name = "soak-br"
namespace = "root"
addresses = ["10.37.0.1/24"]
[[link]]
a = { namespace = "root", interface = "soak1-p", bridge = "soak-br" }
b = { namespace = "soak1", interface = "eth0", addresses = ["10.37.0.2/24", "fd00:37::2/64"] }
[[service]]
namespace = "soak1"
http = "10.37.0.2:80"
[[service]]
namespace = "soak1"
command = ["sleep", "100000"]
"#;

/// What comes and goes.
const MORE: &str = r#"
[[namespace]]
name = "soak2"
nameservers = []
[[link]]
mtu = 1400
a = { namespace = "soak1", interface = "eth1", addresses = ["10.37.1.1/24"] }
b = { namespace = "soak2", interface = "eth0", addresses = ["10.37.1.2/24"] }
[[service]]
namespace = "soak2"
command = ["sleep", "100001"]
"#;
