//! Draws a lab's topology to fit the terminal: boxes if there is room, a list if it is narrow, and numbers if the lab is
//! too large to draw.

use std::collections::{BTreeMap, HashMap};

use netmon_model::{
    lab::{End, Lab, Service, ServiceKind},
    names::NsName,
};

use crate::render::{
    graph::{MAX_BOXES, drawing, glyphs::Glyphs, model::Graph},
    terminal::Terminal,
};

/// Namespaces that a summary names, those with the most links first.
const HUBS: usize = 5;

/// Returns the lines of the drawing.
pub(super) fn lines(lab: &Lab, terminal: Terminal) -> Vec<String> {
    if lab.links.len() > MAX_BOXES || lab.namespaces.len() > MAX_BOXES {
        return summary(lab);
    }
    let glyphs = Glyphs::new(terminal.charset);
    let drawn = drawing::draw(&Graph::from_lab(lab), glyphs);
    // The banner adds a left margin of two columns.
    if drawing::width(&drawn) + 2 <= terminal.columns { drawn } else { list(lab, glyphs) }
}

/// Lists each link on two lines, for terminals too narrow for boxes.
fn list(lab: &Lab, glyphs: Glyphs) -> Vec<String> {
    let end = |end: &End| {
        let addresses: Vec<_> = end.addresses.iter().map(ToString::to_string).collect();
        format!("{} {} {}", end.namespace, end.interface, addresses.join(" "))
    };
    let mut lines = Vec::new();
    for link in &lab.links {
        lines.push(end(&link.a));
        lines.push(format!("{} {}", glyphs.branch(), end(&link.b)));
    }
    let is_linked =
        |name: &NsName| lab.links.iter().any(|link| link.a.namespace == *name || link.b.namespace == *name);
    let alone = lab.namespaces.iter().filter(|namespace| !is_linked(&namespace.name));
    lines.extend(alone.map(|namespace| namespace.name.to_string()));
    lines.extend(lab.services.iter().map(|service| format!("{}: {service}", service.namespace)));
    lines
}

/// Summarizes a lab in numbers.
fn summary(lab: &Lab) -> Vec<String> {
    let counts = [
        count(lab.namespaces.len(), "namespace"),
        count(lab.links.len(), "link"),
        count(lab.services.len(), "service"),
    ];
    let mut lines = vec![counts.join(", ")];
    let mut links: HashMap<&NsName, usize> = HashMap::new();
    for end in lab.links.iter().flat_map(|link| [&link.a, &link.b]) {
        *links.entry(&end.namespace).or_default() += 1;
    }
    let mut hubs: Vec<_> = links.into_iter().filter(|(_, ends)| *ends > 2).collect();
    hubs.sort_by_key(|(name, ends)| (usize::MAX - ends, *name));
    let hubs: Vec<_> = hubs.into_iter().take(HUBS).map(|(name, ends)| format!("{name} ({ends})")).collect();
    if !hubs.is_empty() {
        lines.push(format!("most links: {}", hubs.join(", ")));
    }
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for service in &lab.services {
        *services.entry(kind(service)).or_default() += 1;
    }
    if !services.is_empty() {
        let services: Vec<_> =
            services.into_iter().map(|(kind, number)| format!("{kind} ({number})")).collect();
        lines.push(format!("services: {}", services.join(", ")));
    }
    lines
}

fn kind(service: &Service) -> &str {
    match &service.kind {
        ServiceKind::Http(_) => "http",
        ServiceKind::Command(words) => {
            words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word))
        }
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::terminal::Charset;

    fn lab(text: &str) -> Lab {
        netmon_labfile::parse(text, "f", "f").unwrap()
    }

    fn star(spokes: usize) -> String {
        let spoke = |n: usize| {
            format!(
                "[[namespace]]\nname = \"ns{n}\"\n[[link]]\n\
                 a = {{ namespace = \"root\", interface = \"v{n}\", addresses = [\"10.0.{n}.1/24\"] }}\n\
                 b = {{ namespace = \"ns{n}\", interface = \"eth0\", addresses = [\"10.0.{n}.2/24\"] }}\n\
                 [[service]]\nnamespace = \"ns{n}\"\nhttp = \"10.0.{n}.2:80\"\n"
            )
        };
        (0..spokes).map(spoke).collect()
    }

    fn shown(text: &str, columns: usize) -> String {
        lines(&lab(text), Terminal { columns, charset: Charset::Utf8 }).join("\n")
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        assert_snapshot!(shown(&star(1), 40));
    }

    #[test]
    fn hundreds_of_namespaces_are_summarized() {
        assert_snapshot!(shown(&star(200), 200));
    }

    #[test]
    fn a_drawing_fits_the_terminal() {
        for columns in [20, 60, 80, 200] {
            let text = shown(&star(5), columns);
            let is_list = text.contains("└─ ns0");
            assert!(is_list || text.lines().all(|line| line.chars().count() + 2 <= columns), "{text}");
            assert_eq!(is_list, columns < 61, "{columns}\n{text}");
        }
    }
}
