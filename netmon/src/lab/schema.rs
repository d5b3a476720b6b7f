//! Which sections a lab file has, and which keys each of them takes: the whole grammar on one page.
//!
//! A key that the format reserves for later is [`Need::Later`]: it is refused by name instead of as a
//! spelling mistake. To support it, change its entry and read it in the section's module.

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// An error when absent.
    Required,
    /// May be absent.
    Optional,
    /// Part of the format, but not of this version.
    Later,
}

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    /// How it is written; what every complaint about the key shows as right.
    pub(super) example: &'static str,
}

/// One kind of table.
#[derive(Debug)]
pub(super) struct Schema {
    /// How messages call it.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
}

impl Schema {
    /// The keys that may be written in this version, in the order in which people write them.
    pub(super) fn supported(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().filter(|key| key.need != Need::Later)
    }
}

const fn required(name: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Required, example }
}

const fn optional(name: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Optional, example }
}

const fn later(name: &'static str) -> Key {
    Key { name, need: Need::Later, example: "" }
}

/// The file itself.
pub(super) static LAB: Schema = Schema {
    title: "the lab file",
    keys: &[
        optional("name", r#"name = "my-lab""#),
        optional("namespace", "[[namespace]] on a line of its own, followed by the keys of one namespace"),
        optional("link", "[[link]] on a line of its own, followed by the keys of one link"),
        optional("service", "[[service]] on a line of its own, followed by the keys of one service"),
        later("bridge"),
        later("probe"),
        later("expect"),
    ],
};

/// `[[namespace]]`.
pub(super) static NAMESPACE: Schema = Schema {
    title: "[[namespace]]",
    keys: &[
        required("name", r#"name = "web""#),
        optional("nameservers", r#"nameservers = ["10.200.0.2"]"#),
        optional("routes", r#"routes = [{ to = "default", via = "10.200.0.2" }]"#),
        optional("sysctls", r#"sysctls = { "net.ipv4.ip_forward" = "1" }"#),
    ],
};

/// An element of a namespace's `routes`.
pub(super) static ROUTE: Schema = Schema {
    title: "a route",
    keys: &[required("to", r#"to = "default""#), required("via", r#"via = "10.200.0.2""#)],
};

/// `[[link]]`.
pub(super) static LINK: Schema = Schema {
    title: "[[link]]",
    keys: &[
        optional("name", r#"name = "uplink""#),
        required("a", r#"a = { namespace = "root", interface = "veth0", addresses = ["10.200.0.2/24"] }"#),
        required("b", r#"b = { namespace = "web", interface = "veth1", addresses = ["10.200.0.3/24"] }"#),
        optional("mtu", "mtu = 1500"),
        later("impair"),
    ],
};

/// `a` and `b` of a link.
pub(super) static END: Schema = Schema {
    title: "a link's end",
    keys: &[
        required("namespace", r#"namespace = "root""#),
        required("interface", r#"interface = "veth0""#),
        optional("addresses", r#"addresses = ["10.200.0.2/24"]"#),
        later("bridge"),
        later("impair"),
    ],
};

/// `[[service]]`.
pub(super) static SERVICE: Schema = Schema {
    title: "[[service]]",
    keys: &[
        optional("name", r#"name = "web""#),
        required("namespace", r#"namespace = "web""#),
        optional("command", r#"command = ["nginx", "-g", "daemon off;"]"#),
        optional("http", r#"http = "10.200.0.3:80""#),
    ],
};
