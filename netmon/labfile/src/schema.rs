//! The sections of a lab file and the keys of each: the whole grammar. `[[bridge]]`, `[[expect]]`, `[[probe]]`, `impair` and
//! `ready` have files of their own, and so has the grammar of netmon's configuration file.
//!
//! The JSON Schema for editors is made from the same table ([`super::json_schema`]). A key that is read as another type
//! than its [`ValueType`] panics in every test that reads it.

mod bridge;
mod execution;
mod expect;
mod impair;
mod probe;
mod ready;
mod settings;

pub(super) use self::{
    bridge::BRIDGE,
    execution::LIMITS,
    expect::EXPECT,
    impair::IMPAIR,
    probe::PROBE,
    ready::READY,
    settings::{DISCOVER, SETTINGS},
};
use super::link::{MAX_MTU, MIN_MTU};

/// Whether a key is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Its absence is an error.
    Required,
    /// It may be absent.
    Optional,
}

/// The format of a text. Readers check more than this, for example that an address is on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFormat {
    /// Any text.
    Any,
    /// [`netmon_model::names::LabName`].
    LabName,
    /// The name of a namespace to create.
    NewNamespace,
    /// `root`, or the name of a namespace.
    Namespace,
    /// The name or the id of a container.
    Container,
    /// [`netmon_model::names::IfName`], except lo.
    Interface,
    /// [`netmon_model::names::LinkName`].
    LinkName,
    /// Checked by [`netmon_model::names::check_service_name`].
    ServiceName,
    /// An address with its prefix length.
    Address,
    /// An address without a prefix length.
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

/// The type of a key's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueType {
    /// A string.
    Text(TextFormat),
    /// A list of strings, and the least number of them.
    Texts(TextFormat, usize),
    /// `true` or `false`.
    Boolean,
    /// An integer, at least and at most.
    Integer(i128, i128),
    /// A table of its own.
    Table(&'static Schema),
    /// A list of tables.
    Tables(&'static Schema),
    /// A table of sysctls: any keys, and strings as values.
    Sysctls,
    /// A table of environment variables.
    Environment,
}

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) value: ValueType,
    /// What it means, as an editor shows it.
    pub(super) about: &'static str,
    /// An example of the key and its value, which every error about the key suggests.
    pub(super) example: &'static str,
}

impl Key {
    /// Whether it may appear more than once, as a section may.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.value, ValueType::Tables(_))
    }
}

/// One kind of table.
#[derive(Debug)]
pub(super) struct Schema {
    /// Its name in messages.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
    /// Keys of which exactly one is required. Empty if there are none.
    pub(super) one_of: &'static [&'static str],
}

impl Schema {
    /// The keys that may be written, in the usual order.
    pub(super) fn supported(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter()
    }
}

const fn required(name: &'static str, value: ValueType, about: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Required, value, about, example }
}

const fn optional(name: &'static str, value: ValueType, about: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Optional, value, about, example }
}

/// The file itself.
pub(super) static LAB: Schema = Schema {
    title: "the lab file",
    keys: &[
        optional(
            "name",
            ValueType::Text(TextFormat::LabName),
            "The lab's name. The default is the file's name without `.toml`. It marks what the lab owns.",
            r#"name = "my-lab""#,
        ),
        optional(
            "namespace",
            ValueType::Tables(&NAMESPACE),
            "The namespaces to create. `root`, in which netmon is started, always exists.",
            "[[namespace]] on a line of its own, followed by the keys of one namespace",
        ),
        optional(
            "link",
            ValueType::Tables(&LINK),
            "The veth pairs between namespaces: what goes in at one end comes out at the other.",
            "[[link]] on a line of its own, followed by the keys of one link",
        ),
        optional(
            "bridge",
            ValueType::Tables(&BRIDGE),
            "Bridges such as docker0: each forwards a packet to the port of its receiver.",
            "[[bridge]] on a line of its own, followed by the keys of one bridge",
        ),
        optional(
            "service",
            ValueType::Tables(&SERVICE),
            "What runs in a namespace while the lab is up: the built-in web server, or a program.",
            "[[service]] on a line of its own, followed by the keys of one service",
        ),
        optional(
            "expect",
            ValueType::Tables(&EXPECT),
            "Conditions that must hold while the lab is up. `netmon test` checks them.",
            "[[expect]] on a line of its own, followed by the keys of one expectation",
        ),
        optional(
            "probe",
            ValueType::Tables(&PROBE),
            "Checks that are repeated while an agent watches the lab, with metrics of their own.",
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
            ValueType::Text(TextFormat::NewNamespace),
            "Its name, as `ip netns list` shows it.",
            r#"name = "web""#,
        ),
        optional(
            "container",
            ValueType::Text(TextFormat::Container),
            "A running container, by its name or id, whose namespace this is. Links are added to it and taken away again; \
             nothing else of the container is changed.",
            r#"container = "shop-web-1""#,
        ),
        optional(
            "nameservers",
            ValueType::Texts(TextFormat::Host, 0),
            "Addresses for /etc/netns/NAME/resolv.conf. With an empty list, name lookups fail at once. Without the key, \
             there is no such file.",
            r#"nameservers = ["10.200.0.2"]"#,
        ),
        optional(
            "routes",
            ValueType::Tables(&ROUTE),
            "Static routes. The networks of the namespace's own addresses need none.",
            r#"routes = [{ to = "default", via = "10.200.0.2" }]"#,
        ),
        optional(
            "sysctls",
            ValueType::Sysctls,
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
            ValueType::Text(TextFormat::Destination),
            "A network, or `default`: the default route of the next hop's family.",
            r#"to = "default""#,
        ),
        required(
            "via",
            ValueType::Text(TextFormat::Host),
            "The next hop: an address of a neighbour, in a network in which the namespace has an address.",
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
            ValueType::Text(TextFormat::LinkName),
            "The `link` label of its metrics. The default is made of both ends.",
            r#"name = "uplink""#,
        ),
        required(
            "a",
            ValueType::Table(&END),
            "One end.",
            r#"a = { namespace = "root", interface = "veth0", addresses = ["10.200.0.2/24"] }"#,
        ),
        required(
            "b",
            ValueType::Table(&END),
            "The other end.",
            r#"b = { namespace = "web", interface = "veth1", addresses = ["10.200.0.3/24"] }"#,
        ),
        optional(
            "mtu",
            ValueType::Integer(MIN_MTU, MAX_MTU),
            "The largest packet in bytes, at both ends. The default is 1500; IPv6 needs at least 1280.",
            "mtu = 1500",
        ),
        optional(
            "impair",
            ValueType::Table(&IMPAIR),
            "Intentional impairment of the packets of both directions. `impair` of an end applies to one direction.",
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
            ValueType::Text(TextFormat::Namespace),
            "`root`, or the name of a `[[namespace]]`.",
            r#"namespace = "root""#,
        ),
        required(
            "interface",
            ValueType::Text(TextFormat::Interface),
            "The interface's name: at most 15 bytes, unique in its namespace.",
            r#"interface = "veth0""#,
        ),
        optional(
            "addresses",
            ValueType::Texts(TextFormat::Address, 0),
            "Addresses with their prefix length.",
            r#"addresses = ["10.200.0.2/24"]"#,
        ),
        optional(
            "bridge",
            ValueType::Text(TextFormat::Interface),
            "The `[[bridge]]` of the same namespace that the end is a port of. Such an end has no addresses; the bridge may.",
            r#"bridge = "br0""#,
        ),
        optional(
            "mac",
            ValueType::Text(TextFormat::Mac),
            "Its link-layer address, unique in the lab. The default is a random one.",
            r#"mac = "02:00:00:00:00:01""#,
        ),
        optional(
            "impair",
            ValueType::Table(&IMPAIR),
            "Intentional impairment of the packets that leave through this end.",
            r#"impair = { loss = "1%", rate = "10mbit" }"#,
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
            ValueType::Text(TextFormat::ServiceName),
            "Its name in the log. The default is `http`, or the program's name.",
            r#"name = "web""#,
        ),
        required(
            "namespace",
            ValueType::Text(TextFormat::Namespace),
            "Where it runs: `root`, or the name of a `[[namespace]]`.",
            r#"namespace = "web""#,
        ),
        optional(
            "command",
            ValueType::Texts(TextFormat::Any, 1),
            "A program and its arguments, one string each: no shell parses them. The program must stay in the foreground.",
            r#"command = ["nginx", "-g", "daemon off;"]"#,
        ),
        optional(
            "http",
            ValueType::Text(TextFormat::Socket),
            "The built-in web server, on this address and port.",
            r#"http = "10.200.0.3:80""#,
        ),
        optional(
            "ready",
            ValueType::Table(&READY),
            "The check that the service is ready. Only then is the next one started.",
            r#"ready = { tcp = "10.200.0.3:80" }"#,
        ),
        execution::USER,
        execution::GROUP,
        execution::ENV,
        execution::INHERIT_ENV,
        execution::CWD,
        execution::CAPABILITIES,
        execution::LIMITS_KEY,
    ],
    one_of: &["command", "http"],
};
