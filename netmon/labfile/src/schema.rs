//! Which sections a lab file has, and which keys each of them takes: the whole grammar, but for `[[expect]]`, `[[probe]]`,
//! `impair` and `ready`, which have pages of their own.
//!
//! The same table makes the JSON Schema for editors ([`super::json_schema`]). A key that is read as something else
//! than its [`Shape`] panics in every test that reads it.

mod expect;
mod impair;
mod probe;
mod ready;

pub(super) use self::{expect::EXPECT, impair::IMPAIR, probe::PROBE, ready::READY};
use super::link::{LEAST_MTU, MOST_MTU};

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// An error when absent.
    Required,
    /// May be absent.
    Optional,
}

/// What a text has to look like. Readers check more than this: that the address is on a link, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Whatever one likes.
    Any,
    /// [`netmon_model::names::LabName`].
    LabName,
    /// The name of a namespace to make.
    NewNamespace,
    /// `root`, or the name of a namespace.
    Namespace,
    /// [`netmon_model::names::IfName`], but for lo.
    Interface,
    /// [`netmon_model::names::LinkName`].
    LinkName,
    /// By [`netmon_model::names::check_service_name`].
    ServiceName,
    /// An address with its prefix length.
    Address,
    /// An address without.
    Host,
    /// A network, or `default`.
    Destination,
    /// An address and a port.
    Socket,
    /// [`netmon_model::impairment::Delay`].
    Delay,
    /// [`netmon_model::impairment::Loss`].
    Loss,
    /// [`netmon_model::impairment::Rate`].
    Rate,
    /// [`netmon_model::mac::Mac`].
    Mac,
    /// [`netmon_model::lab::RecordType`].
    RecordType,
}

/// What the value of a key is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A string.
    Text(Form),
    /// A list of strings, at least so many.
    Texts(Form, usize),
    /// `true` or `false`.
    Boolean,
    /// A whole number in a range.
    Integer(i128, i128),
    /// A table of its own.
    Table(&'static Schema),
    /// A list of tables.
    Tables(&'static Schema),
    /// A table of sysctls: keys are free, values strings.
    Sysctls,
}

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) shape: Shape,
    /// What it is, for an editor to show.
    pub(super) about: &'static str,
    /// How it is written; what every complaint about the key shows as right.
    pub(super) example: &'static str,
}

impl Key {
    /// Whether it may be there more than once, as sections may.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.shape, Shape::Tables(_))
    }
}

/// One kind of table.
#[derive(Debug)]
pub(super) struct Schema {
    /// How messages call it.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
    /// Keys of which there must be exactly one; empty if there are no such.
    pub(super) one_of: &'static [&'static str],
}

impl Schema {
    /// The keys that may be written, in the order in which people write them.
    pub(super) fn supported(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter()
    }
}

const fn required(name: &'static str, shape: Shape, about: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Required, shape, about, example }
}

const fn optional(name: &'static str, shape: Shape, about: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Optional, shape, about, example }
}

/// The file itself.
pub(super) static LAB: Schema = Schema {
    title: "the lab file",
    keys: &[
        optional(
            "name",
            Shape::Text(Form::LabName),
            "The lab's name; by default the file's name without `.toml`. It marks what the lab owns.",
            r#"name = "my-lab""#,
        ),
        optional(
            "namespace",
            Shape::Tables(&NAMESPACE),
            "The namespaces to make. `root`, which netmon is started in, is always there.",
            "[[namespace]] on a line of its own, followed by the keys of one namespace",
        ),
        optional(
            "link",
            Shape::Tables(&LINK),
            "The veth pairs between namespaces: what goes in at one end comes out at the other.",
            "[[link]] on a line of its own, followed by the keys of one link",
        ),
        optional(
            "bridge",
            Shape::Tables(&BRIDGE),
            "Bridges, as docker0 is one: what comes in at a port goes out where its receiver is.",
            "[[bridge]] on a line of its own, followed by the keys of one bridge",
        ),
        optional(
            "service",
            Shape::Tables(&SERVICE),
            "What runs in a namespace for as long as the lab is up: the built-in web server, or a program.",
            "[[service]] on a line of its own, followed by the keys of one service",
        ),
        optional(
            "expect",
            Shape::Tables(&EXPECT),
            "What has to be so while the lab is up; `netmon test` checks it.",
            "[[expect]] on a line of its own, followed by the keys of one expectation",
        ),
        optional(
            "probe",
            Shape::Tables(&PROBE),
            "What is tried again and again while the lab is watched, with metrics of its own.",
            "[[probe]] on a line of its own, followed by the keys of one probe",
        ),
    ],
    one_of: &[],
};

/// `[[namespace]]`.
pub(super) static NAMESPACE: Schema = Schema {
    title: "[[namespace]]",
    keys: &[
        required(
            "name",
            Shape::Text(Form::NewNamespace),
            "Its name, as `ip netns list` shows it.",
            r#"name = "web""#,
        ),
        optional(
            "nameservers",
            Shape::Texts(Form::Host, 0),
            "Addresses for /etc/netns/NAME/resolv.conf. An empty list makes looking up a name fail at once; \
             without the key there is no such file.",
            r#"nameservers = ["10.200.0.2"]"#,
        ),
        optional(
            "routes",
            Shape::Tables(&ROUTE),
            "Static routes. The networks of its own addresses need none.",
            r#"routes = [{ to = "default", via = "10.200.0.2" }]"#,
        ),
        optional(
            "sysctls",
            Shape::Sysctls,
            "Settings under `net.`, with the keys and values that sysctl(8) prints.",
            r#"sysctls = { "net.ipv4.ip_forward" = "1" }"#,
        ),
    ],
    one_of: &[],
};

/// An element of a namespace's `routes`.
pub(super) static ROUTE: Schema = Schema {
    title: "a route",
    keys: &[
        required(
            "to",
            Shape::Text(Form::Destination),
            "A network, or `default`: all of the next hop's family.",
            r#"to = "default""#,
        ),
        required(
            "via",
            Shape::Text(Form::Host),
            "The next hop: a neighbour's address, in a network that the namespace has an address in.",
            r#"via = "10.200.0.2""#,
        ),
    ],
    one_of: &[],
};

/// `[[link]]`.
pub(super) static LINK: Schema = Schema {
    title: "[[link]]",
    keys: &[
        optional(
            "name",
            Shape::Text(Form::LinkName),
            "The `link` label of its metrics; by default made of both ends.",
            r#"name = "uplink""#,
        ),
        required(
            "a",
            Shape::Table(&END),
            "One end.",
            r#"a = { namespace = "root", interface = "veth0", addresses = ["10.200.0.2/24"] }"#,
        ),
        required(
            "b",
            Shape::Table(&END),
            "The other end.",
            r#"b = { namespace = "web", interface = "veth1", addresses = ["10.200.0.3/24"] }"#,
        ),
        optional(
            "mtu",
            Shape::Integer(LEAST_MTU, MOST_MTU),
            "The largest packet in bytes, at both ends; by default 1500. IPv6 takes 1280 at least.",
            "mtu = 1500",
        ),
        optional(
            "impair",
            Shape::Table(&IMPAIR),
            "What netmon does to the packets of both directions, on purpose. `impair` of an end is for one direction.",
            r#"impair = { delay = "10ms", loss = "1%" }"#,
        ),
    ],
    one_of: &[],
};

/// `a` and `b` of a link.
pub(super) static END: Schema = Schema {
    title: "a link's end",
    keys: &[
        required(
            "namespace",
            Shape::Text(Form::Namespace),
            "`root`, or the name of a `[[namespace]]`.",
            r#"namespace = "root""#,
        ),
        required(
            "interface",
            Shape::Text(Form::Interface),
            "The interface's name: 15 bytes at most, once in its namespace.",
            r#"interface = "veth0""#,
        ),
        optional(
            "addresses",
            Shape::Texts(Form::Address, 0),
            "Addresses with their prefix length.",
            r#"addresses = ["10.200.0.2/24"]"#,
        ),
        optional(
            "bridge",
            Shape::Text(Form::Interface),
            "The `[[bridge]]` of this namespace that the end is a port of. It has no addresses then: the bridge may.",
            r#"bridge = "br0""#,
        ),
        optional(
            "mac",
            Shape::Text(Form::Mac),
            "Its link-layer address; by default one of its own that nobody else has.",
            r#"mac = "02:00:00:00:00:01""#,
        ),
        optional(
            "impair",
            Shape::Table(&IMPAIR),
            "What netmon does, on purpose, to the packets that leave through this end.",
            r#"impair = { loss = "1%", rate = "10mbit" }"#,
        ),
    ],
    one_of: &[],
};

/// `[[bridge]]`.
pub(super) static BRIDGE: Schema = Schema {
    title: "[[bridge]]",
    keys: &[
        required(
            "name",
            Shape::Text(Form::Interface),
            "The interface's name: 15 bytes at most, once in its namespace.",
            r#"name = "br0""#,
        ),
        required(
            "namespace",
            Shape::Text(Form::Namespace),
            "Where it is: `root`, or the name of a `[[namespace]]`.",
            r#"namespace = "root""#,
        ),
        optional(
            "addresses",
            Shape::Texts(Form::Address, 0),
            "Addresses of the namespace on the bridge's network, with their prefix length.",
            r#"addresses = ["10.201.0.1/24"]"#,
        ),
    ],
    one_of: &[],
};

/// `[[service]]`.
pub(super) static SERVICE: Schema = Schema {
    title: "[[service]]",
    keys: &[
        optional(
            "name",
            Shape::Text(Form::ServiceName),
            "What the log calls it; by default `http`, or the program's name.",
            r#"name = "web""#,
        ),
        required(
            "namespace",
            Shape::Text(Form::Namespace),
            "Where it runs: `root`, or the name of a `[[namespace]]`.",
            r#"namespace = "web""#,
        ),
        optional(
            "command",
            Shape::Texts(Form::Any, 1),
            "A program and its arguments, one string each; no shell takes a line apart. It must stay in the \
             foreground.",
            r#"command = ["nginx", "-g", "daemon off;"]"#,
        ),
        optional(
            "http",
            Shape::Text(Form::Socket),
            "The built-in web server, on this address and port.",
            r#"http = "10.200.0.3:80""#,
        ),
        optional(
            "ready",
            Shape::Table(&READY),
            "How it is told that the service does its work. The next one is started only then.",
            r#"ready = { tcp = "10.200.0.3:80" }"#,
        ),
    ],
    one_of: &["command", "http"],
};
