//! `[[service]]`: a program or the built-in web server in a namespace, and its name.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Range,
    path::Path,
};

use netmon_model::{
    lab::{Service, ServiceKind},
    names::{NsName, check_service_name},
};
use toml::de::DeValue;

use super::{
    address, execution,
    index::Index,
    ready,
    report::Report,
    section::{Section, Text},
};

/// A default name is cut to this length.
const MAX_STEM: usize = 48;

/// Reads all sections. All links must be in `index` already.
pub(super) fn read_all(sections: &[Section<'_, '_>], index: &Index, report: &mut Report<'_>) -> Vec<Service> {
    let mut names = ServiceNames::default();
    let mut sockets = Sockets::default();
    let written: Vec<_> = sections.iter().map(|section| names.declare(section, report)).collect();
    let mut services = Vec::with_capacity(sections.len());
    for (section, name) in sections.iter().zip(written) {
        let namespace = section
            .string("namespace", report)
            .and_then(|name| index.own_namespace(&name, "a service", report));
        let kind = read_kind(section, namespace.as_ref(), index, &mut sockets, report);
        let ready = ready::read(section, report);
        let execution = execution::read(section, report);
        if let (Some(namespace), Some(kind)) = (namespace, kind) {
            let name = name.unwrap_or_else(|| names.default_for(&kind));
            services.push(Service { name, namespace, kind, ready, execution });
        }
    }
    services
}

fn read_kind(
    section: &Section<'_, '_>,
    namespace: Option<&NsName>,
    index: &Index,
    sockets: &mut Sockets,
    report: &mut Report<'_>,
) -> Option<ServiceKind> {
    match (section.get("command"), section.get("http")) {
        (Some(_), Some(http)) => {
            let help = "keep one of them; a namespace can have any number of [[service]] sections";
            report.error(http.span(), "a service has `command` or `http`, not both", help);
        }
        (None, None) => {
            if report.is_whole(&section.at()) {
                let help = "add http = \"10.200.0.3:80\" for the built-in web server, or a command such as command = [\"nginx\", \"-g\", \"daemon off;\"]";
                report.error(section.at(), "[[service]] lacks `command` or `http`", help);
            }
            return None;
        }
        _ => {}
    }
    let command = read_command(section, report).map(ServiceKind::Command);
    let http = read_http(section, namespace, index, sockets, report).map(ServiceKind::Http);
    command.or(http)
}

fn read_command(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let whole = section.get("command")?;
    if let DeValue::String(line) = whole.get_ref()
        && !line.trim().is_empty()
        && line.len() < 200
    {
        let words: Vec<_> = line.split_whitespace().collect();
        let message = "`command` must be an array of words, not one string: no shell splits it";
        report.error(whole.span(), message, format!("write command = {words:?}"));
        return None;
    }
    let words = section.strings("command", report)?;
    let has_elements = matches!(whole.get_ref(), DeValue::Array(elements) if !elements.is_empty());
    if !has_elements {
        let help = "write the program and its arguments, for example [\"nginx\", \"-g\", \"daemon off;\"]";
        report.error(whole.span(), "`command` is empty", help);
        return None;
    }
    if let Some(program) = words.first().filter(|program| program.get_ref().trim().is_empty()) {
        let help = "write the program's name or path; a relative path starts in the lab file's directory";
        report.error(program.span(), "the first word of `command` is empty", help);
    }
    for word in words.iter().filter(|word| word.get_ref().contains('\0')) {
        let help = "remove \\u0000: no argument can contain it";
        report.error(word.span(), "a word of `command` contains a NUL byte", help);
    }
    Some(words.into_iter().map(|word| (*word.get_ref()).to_owned()).collect())
}

fn read_http(
    section: &Section<'_, '_>,
    namespace: Option<&NsName>,
    index: &Index,
    sockets: &mut Sockets,
    report: &mut Report<'_>,
) -> Option<SocketAddr> {
    let written = section.string("http", report)?;
    let socket = address::socket(&written, report)?;
    let namespace = namespace?;
    check_held(socket, namespace, &written, index, report);
    sockets.declare(namespace, socket, written.span(), report);
    Some(socket)
}

/// Checks that the namespace will have the address that its service listens on.
fn check_held(
    socket: SocketAddr,
    namespace: &NsName,
    written: &Text<'_>,
    index: &Index,
    report: &mut Report<'_>,
) {
    let address = socket.ip();
    let is_held = index.held(namespace).is_some_and(|held| held.has(address));
    if is_held || address.is_unspecified() || address.is_loopback() || !index.knows_all_of(namespace) {
        return;
    }
    let help = match index.holder_of(address) {
        Some(holder) => {
            format!("{address} is in {holder}: write an address of {namespace}, or namespace = \"{holder}\"")
        }
        // The host has addresses that are not in the lab file.
        None if namespace.is_root() => return,
        None => format!("give an end of a link in {namespace} this address, or write one that it has"),
    };
    report.error(written.span(), format!("namespace {namespace} does not have the address {address}"), help);
}

/// The service names in use.
#[derive(Default)]
struct ServiceNames {
    taken: HashMap<String, usize>,
    /// The last suffix that was used for a stem.
    suffixes: HashMap<String, u32>,
}

impl ServiceNames {
    /// Reads and records the name of a section, if it has one.
    fn declare(&mut self, section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<String> {
        let written = section.string("name", report)?;
        if let Err(error) = check_service_name(written.get_ref()) {
            let help = "write 1 to 64 bytes without `/` and white space, for example \"web\"";
            report.error(written.span(), error.to_string(), help);
        }
        let name = (*written.get_ref()).to_owned();
        if let Some(first) = self.taken.get(&name) {
            let help =
                format!("the first one is on line {}; give this one another name", report.line(*first));
            report.error(written.span(), format!("there are two services {name}"), help);
        } else {
            self.taken.insert(name.clone(), written.span().start);
        }
        Some(name)
    }

    /// Returns a name for a service without one: its program, with a number if that is in use.
    fn default_for(&mut self, kind: &ServiceKind) -> String {
        let stem = match kind {
            ServiceKind::Http(_) => "http".to_owned(),
            ServiceKind::Command(words) => stem(words.first().map_or("", String::as_str)),
        };
        let suffix = self.suffixes.entry(stem.clone()).or_insert(0);
        loop {
            *suffix += 1;
            let name = if *suffix == 1 { stem.clone() } else { format!("{stem}-{suffix}") };
            if !self.taken.contains_key(&name) {
                self.taken.insert(name.clone(), 0);
                return name;
            }
        }
    }
}

/// The program's name without directory and extension, as a valid service name.
fn stem(program: &str) -> String {
    let stem = Path::new(program).file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let plain = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
    let mut name: String = stem.trim_start_matches('-').chars().map(plain).collect();
    while name.len() > MAX_STEM {
        name.pop();
    }
    if check_service_name(&name).is_ok() { name } else { "service".to_owned() }
}

/// Where the built-in servers of a lab listen, to find conflicts.
#[derive(Default)]
struct Sockets {
    exact: HashMap<(NsName, SocketAddr), usize>,
    /// The first listener on each port and family, with which an unspecified address would conflict.
    ports: HashMap<(NsName, u16, bool), usize>,
}

impl Sockets {
    fn declare(&mut self, namespace: &NsName, socket: SocketAddr, at: Range<usize>, report: &mut Report<'_>) {
        let exact = |ip: IpAddr| self.exact.get(&(namespace.clone(), SocketAddr::new(ip, socket.port())));
        let port = |is_v4: bool| self.ports.get(&(namespace.clone(), socket.port(), is_v4));
        let mut clash = exact(socket.ip()).or_else(|| exact(Ipv6Addr::UNSPECIFIED.into()));
        if socket.is_ipv4() {
            clash = clash.or_else(|| exact(Ipv4Addr::UNSPECIFIED.into()));
        }
        if socket.ip().is_unspecified() {
            clash = clash.or_else(|| port(socket.is_ipv4()));
            if socket.is_ipv6() {
                // `[::]` includes IPv4, since net.ipv6.bindv6only is 0 by default.
                clash = clash.or_else(|| port(true));
            }
        }
        if let Some(first) = clash {
            let message = format!("namespace {namespace} has two servers on {socket}");
            let help =
                format!("the first one is on line {}; give this one another port", report.line(*first));
            report.error(at.clone(), message, help);
        }
        self.exact.entry((namespace.clone(), socket)).or_insert(at.start);
        self.ports.entry((namespace.clone(), socket.port(), socket.is_ipv4())).or_insert(at.start);
    }
}
