//! Turns text into a [`Lab`]: reads the sections in the order in which they refer to each other, and reports all errors
//! together.

use std::collections::BTreeSet;

use netmon_model::{
    lab::{ContainerNamespace, Lab, Namespace, Source},
    names::{DISCOVER, LabName},
    text::quoted,
};
use toml::de::DeTable;

use super::{
    bridge, diagnostic::Diagnostic, expect, index::Index, link, namespace, probe, report::Report, route,
    schema, section::Section, service, syntax,
};

/// Reads a lab from TOML text.
///
/// `source` names the origin of the text in errors and in [`Lab::source`]. `default_name` is the lab's name if the text has
/// none.
///
/// # Errors
///
/// Returns every error of the text, in its order.
///
/// # Examples
///
/// ```
/// use netmon_labfile::parse;
///
/// let lab = parse("[[namespace]]\nname = \"web\"\n", "office.toml", "office").expect("a valid lab");
/// assert_eq!((lab.name.as_str(), lab.namespaces.len()), ("office", 1));
///
/// let errors = parse("[[namespace]]\nnmae = \"web\"\n[[link]]\n", "office.toml", "office").unwrap_err();
/// let messages: Vec<_> = errors.iter().map(|error| (error.line, &*error.message)).collect();
/// let expected = [
///     (2, "unknown key \"nmae\" in [[namespace]]"),
///     (3, "[[link]] lacks `a`"),
///     (3, "[[link]] lacks `b`"),
/// ];
/// assert_eq!(messages, expected);
/// ```
pub fn parse(text: &str, source: &str, default_name: &str) -> Result<Lab, Vec<Diagnostic>> {
    parse_with(text, source, |root, report| read(root, source, default_name, report))
}

/// Reads something from TOML text. Returns every error of the text, in its order.
pub(super) fn parse_with<T>(
    text: &str,
    source: &str,
    read: impl FnOnce(&DeTable<'_>, &mut Report<'_>) -> Option<T>,
) -> Result<T, Vec<Diagnostic>> {
    let mut report = Report::new(text);
    let found = match syntax::check(text) {
        Ok(readable) => {
            let text = report.syntax_errors(readable);
            let (root, _) = DeTable::parse_recoverable(&text);
            read(root.get_ref(), &mut report)
        }
        Err(too_deep) => {
            report.too_deep(too_deep);
            None
        }
    };
    let diagnostics = report.into_diagnostics(source);
    match found {
        Some(found) if diagnostics.is_empty() => Ok(found),
        _ => Err(diagnostics),
    }
}

fn read(root: &DeTable<'_>, source: &str, default_name: &str, report: &mut Report<'_>) -> Option<Lab> {
    let file = Section::open(&schema::LAB, root, 0..0, report);
    let name = lab_name(&file, default_name, report);
    let mut index = Index::default();
    if report.may_lack_sections() {
        index.lose_section();
    }
    let sections = file.tables("namespace", &schema::NAMESPACE, report);
    let drafts: Vec<_> =
        sections.iter().map(|section| namespace::read(section, &mut index, report)).collect();

    let sections = file.tables("bridge", &schema::BRIDGE, report);
    let (bridges, foreign_bridges) = bridge::read_all(&sections, &mut index, report);

    let mut unique = link::UniqueValues::default();
    let sections = file.tables("link", &schema::LINK, report);
    let links: Vec<_> =
        sections.iter().filter_map(|section| link::read(section, &mut unique, &mut index, report)).collect();
    let all_links =
        links.len() == sections.len() && sections.iter().all(|section| report.is_whole(&section.at()));

    let (mut namespaces, mut containers) = (Vec::with_capacity(drafts.len()), Vec::new());
    for draft in drafts {
        if let Some(container) = draft.container {
            containers.extend(draft.name.map(|name| ContainerNamespace { name, container }));
            continue;
        }
        let routes = route::read(&draft.routes, draft.name.as_ref(), &index, report);
        let (nameservers, sysctls) = (draft.nameservers, draft.sysctls);
        namespaces.extend(draft.name.map(|name| Namespace { name, nameservers, routes, sysctls }));
    }
    let services = service::read_all(&file.tables("service", &schema::SERVICE, report), &index, report);
    let sections = file.tables("expect", &schema::EXPECT, report);
    let known: Option<BTreeSet<_>> = all_links.then(|| links.iter().map(|link| &link.name).collect());
    let expectations =
        sections.iter().filter_map(|section| expect::read(section, &index, known.as_ref(), report)).collect();
    let probes = probe::read_all(&file.tables("probe", &schema::PROBE, report), &index, report);
    let (source, directory) = (Source::File(source.into()), None);
    Some(Lab {
        name: name?,
        source,
        directory,
        namespaces,
        containers,
        bridges,
        foreign_bridges,
        links,
        services,
        expectations,
        probes,
    })
}

fn lab_name(file: &Section<'_, '_>, default: &str, report: &mut Report<'_>) -> Option<LabName> {
    let help = "write 1 to 64 bytes without `/` and white space, for example \"my-lab\"";
    if file.get("name").is_some() {
        let text = file.string("name", report)?;
        let name: LabName = namespace::valid_name(&text, help, report)?;
        if name.is_discover() {
            let message = format!("{DISCOVER} is the name of the agent of `netmon run --discover`");
            report.error(text.span(), message, "choose another name");
            return None;
        }
        return Some(name);
    }
    let named = default.parse().ok().filter(|name: &LabName| !name.is_discover()).ok_or(());
    let refuse = |_| {
        let message =
            format!("the file's name makes {} the lab's name, which is not allowed", quoted(default));
        report.error(0..0, message, "add a line such as name = \"my-lab\" at the top of the file");
    };
    named.map_err(refuse).ok()
}
