//! A draft as the text of a lab file, with what to try at its top.

use std::fmt::Write as _;

use netmon_model::shell::shell_word;
use toml::Value;

use super::{
    Kind, Wish,
    draft::{Bridge, Draft, End, Namespace, Ping},
};

/// The whole file. Writing to a string cannot fail.
pub(super) fn render(wish: &Wish, count: usize, draft: &Draft) -> String {
    let name = wish.name.as_ref().map_or(wish.kind.as_str(), |name| name.as_str());
    let mut text = heading(wish, name, count, draft);
    let _ = writeln!(text, "name = {}", quoted(name));
    if let Some(bridge) = &draft.bridge {
        push_bridge(&mut text, bridge);
    }
    for namespace in &draft.namespaces {
        push_namespace(&mut text, namespace);
    }
    for [a, b] in &draft.links {
        let _ = write!(text, "\n[[link]]\na = {}\nb = {}\n", end(a), end(b));
    }
    if wish.http || wish.kind == Kind::Direct {
        for namespace in &draft.namespaces {
            push_server(&mut text, namespace, draft, wish.kind);
        }
    }
    text
}

fn heading(wish: &Wish, name: &str, count: usize, draft: &Draft) -> String {
    let file = shell_word(&format!("{name}.toml"));
    let namespaces = if count == 1 { "one namespace".to_owned() } else { format!("{count} namespaces") };
    let what = match wish.kind {
        Kind::Direct => {
            "The first exercise: one namespace, joined to root by one link, with a web server.".into()
        }
        Kind::Bridge => format!("A bridge in root with {namespaces} on it."),
        Kind::Star => format!("A star: {namespaces}, joined to root by a link each."),
        Kind::Chain => format!("A chain: {namespaces} in a row, each a router for those beside it."),
        Kind::Ring => format!("A ring: {namespaces} in a circle, where packets take the shorter way round."),
        Kind::Mesh => format!("A mesh: {namespaces}, with a link from each to each other."),
    };
    let mut text = format!("# {what} Made by\n#\n#     {} > {file}\n#\n", command(wish, count));
    let _ = write!(text, "# To try it (as root):\n#\n#     netmon up {file}\n");
    if let Some(ping) = &draft.ping {
        let _ = writeln!(text, "#     {}", try_ping(ping));
    }
    let _ = write!(text, "#     netmon graph {file}\n#     netmon down {file}\n\n");
    text
}

fn command(wish: &Wish, count: usize) -> String {
    let mut command = format!("netmon generate {} -n {count}", wish.kind.as_str());
    if let Some(name) = &wish.name {
        let _ = write!(command, " --name {}", shell_word(name.as_str()));
    }
    if let Some(subnet) = wish.subnet {
        let _ = write!(command, " --subnet {subnet}");
    }
    if wish.http {
        command.push_str(" --http");
    }
    command
}

fn try_ping(ping: &Ping) -> String {
    match &ping.from {
        Some(from) => format!("netmon exec {} -- ping {}", shell_word(from), ping.to),
        None => format!("ping {}", ping.to),
    }
}

fn push_bridge(text: &mut String, bridge: &Bridge) {
    let _ = write!(
        text,
        "\n[[bridge]]\nname = {}\nnamespace = \"root\"\naddresses = [\"{}\"]\n",
        quoted(bridge.name),
        bridge.address
    );
}

fn push_namespace(text: &mut String, namespace: &Namespace) {
    let _ = write!(text, "\n[[namespace]]\nname = {}\n", quoted(&namespace.name));
    if namespace.without_resolver {
        text.push_str("nameservers = []\n");
    }
    if !namespace.sysctls.is_empty() {
        let settings: Vec<_> =
            namespace.sysctls.iter().map(|(key, value)| format!("\"{key}\" = \"{value}\"")).collect();
        let _ = writeln!(text, "sysctls = {{ {} }}", settings.join(", "));
    }
    let routes: Vec<_> = namespace
        .routes
        .iter()
        .map(|route| {
            let to = route.to.map_or("default".to_owned(), |to| to.to_string());
            format!("{{ to = \"{to}\", via = \"{}\" }}", route.via)
        })
        .collect();
    match &routes[..] {
        [] => {}
        [route] => {
            let _ = writeln!(text, "routes = [{route}]");
        }
        routes => {
            let _ = writeln!(text, "routes = [\n  {},\n]", routes.join(",\n  "));
        }
    }
}

fn end(end: &End) -> String {
    let mut text =
        format!("{{ namespace = {}, interface = {}", quoted(&end.namespace), quoted(&end.interface));
    if let Some(bridge) = end.bridge {
        let _ = write!(text, ", bridge = {}", quoted(bridge));
    }
    if let Some(address) = end.address {
        let _ = write!(text, ", addresses = [\"{address}\"]");
    }
    text + " }"
}

fn push_server(text: &mut String, namespace: &Namespace, draft: &Draft, kind: Kind) {
    // The classic lab serves on its one address; elsewhere a namespace may have any number of them.
    let own = draft.links.first().and_then(|[_, b]| b.address).filter(|_| kind == Kind::Direct);
    let address = own.map_or("0.0.0.0".to_owned(), |own| own.addr().to_string());
    let name = quoted(&namespace.name);
    let _ = write!(text, "\n[[service]]\nnamespace = {name}\nhttp = \"{address}:80\"\n");
}

/// A name as TOML writes it.
fn quoted(name: &str) -> String {
    Value::String(name.to_owned()).to_string()
}
