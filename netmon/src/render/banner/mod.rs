//! The banner of `netmon run`: the topology, where the metrics are, and what to type next.

mod reach;
mod sketch;

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    path::Path,
};

use netmon_model::{
    lab::{Lab, Source},
    server_address::{Security, ServerAddress},
    shell::shell_word,
    snapshot::Features,
};

use crate::render::terminal::Terminal;

/// The contents of the banner.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    /// The running lab.
    pub lab: &'a Lab,
    /// How many links of the host are watched. `None` if only those of the lab are.
    pub found: Option<usize>,
    /// Where metrics and JSON are served.
    pub http: &'a [ServerAddress],
    /// What protects its clients.
    pub security: Security,
    /// How the hooks are attached, and which kernel features are missing.
    pub features: Features,
    /// Whether the lab stays up when netmon exits.
    pub stays: bool,
    /// The directory of pinned maps and links, which keep counting without the agent. `None` without `--persist`.
    pub pinned: Option<&'a Path>,
    /// The address of a Prometheus that runs beside the agent. `None` without `--prometheus`.
    pub prometheus: Option<SocketAddr>,
    /// The name by which netmon was called, for commands to type.
    pub program: &'a str,
    /// What the output can show.
    pub terminal: Terminal,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lab, terminal, .. } = self;
        let source = match &lab.source {
            Source::Host => return self.of_host(f),
            Source::BuiltIn => "built in".to_owned(),
            Source::File(path) => path.display().to_string(),
        };
        writeln!(f, "\n  lab {} ({source})\n", lab.name)?;
        for line in sketch::lines(lab, *terminal) {
            writeln!(f, "{}", format_args!("  {line}").to_string().trim_end())?;
        }
        f.write_char('\n')?;
        self.served(f)?;
        field(f, "hooks", &self.notes())?;
        field(f, "links", &self.of_others())?;
        let mut commands = reach::suggestions(lab, self.program);
        commands.push(format!("{} status", shell_word(self.program)));
        field(f, "try", &commands)?;
        let stop = if self.stays { "Ctrl-C; the lab stays up" } else { "Ctrl-C; the lab is removed" };
        field(f, "stop", &[stop.to_owned()])
    }
}

impl Banner<'_> {
    /// Writes the banner of an agent that builds no lab.
    fn of_host(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.unwrap_or_default();
        let links = if found == 1 { "1 link is".to_owned() } else { format!("{found} links are") };
        writeln!(f, "\n  links of this host\n")?;
        self.served(f)?;
        field(f, "links", &[format!("{links} watched by tracing, and followed as they come and go")])?;
        let program = shell_word(self.program);
        field(f, "try", &[format!("{program} status"), format!("{program} discover")])?;
        field(f, "stop", &["Ctrl-C; nothing is left behind".to_owned()])
    }

    /// Writes what a browser and Prometheus use, and then the other addresses.
    fn served(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first_tcp = self.http.iter().position(|address| matches!(address, ServerAddress::Tcp(_)));
        if let Some(address) = first_tcp.and_then(|first| self.http.get(first)) {
            let url = self.security.url(&address.to_reach());
            field(f, "page", std::slice::from_ref(&url))?;
            let prometheus = self.prometheus.map(|address| ServerAddress::from(address).to_reach().url());
            let mut metrics = vec![format!("{url}metrics")];
            metrics.extend(prometheus.map(|url| format!("{url} (Prometheus)")));
            field(f, "metrics", &metrics)?;
            field(f, "JSON", &[format!("{url}api/v1/links")])?;
        }
        let others: Vec<_> = self
            .http
            .iter()
            .enumerate()
            .filter_map(|(index, address)| {
                let is_shown = Some(index) == first_tcp && address.is_local();
                (!is_shown).then(|| reach::listening(address, self.security))
            })
            .collect();
        field(f, "listens", &others)
    }

    /// Returns what is said of links that are watched beside those of the lab.
    fn of_others(&self) -> Vec<String> {
        let found = self.found.map(|found| {
            let links = if found == 1 { "1 other link" } else { &format!("{found} other links") };
            format!("{links} of this host, without hooks, and followed as they come and go")
        });
        found.into_iter().collect()
    }

    fn notes(&self) -> Vec<String> {
        let Features { mode, packet_stamp } = self.features;
        // A link has two ends with two hooks each.
        let mut notes = vec![format!("{} attached by {}", 4 * self.lab.links.len(), mode.as_str())];
        if !packet_stamp {
            notes.push("no one-way latency and no loss: packet stamps need Linux 5.18".to_owned());
        }
        if let Some(directory) = self.pinned {
            notes.push(format!("counting continues without the agent, in {}", directory.display()));
        }
        notes
    }
}

/// Writes a label, with one or more lines beside it.
fn field(f: &mut fmt::Formatter<'_>, label: &str, lines: &[String]) -> fmt::Result {
    for (index, line) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(f, "  {label:<8} {line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use insta::assert_snapshot;
    use netmon_model::snapshot::AttachMode;

    use super::*;
    use crate::render::terminal::Charset;

    fn loopback() -> &'static [ServerAddress] {
        static LOOPBACK: LazyLock<[ServerAddress; 1]> = LazyLock::new(|| ["127.0.0.1:9477".parse().unwrap()]);
        &*LOOPBACK
    }

    fn banner(lab: &Lab, charset: Charset) -> Banner<'_> {
        Banner {
            lab,
            found: None,
            http: loopback(),
            security: Security::default(),
            features: Features { mode: AttachMode::Tcx, packet_stamp: true },
            stays: false,
            pinned: None,
            prometheus: None,
            program: "netmon",
            terminal: Terminal { columns: 80, charset },
        }
    }

    #[test]
    fn the_built_in_lab_in_utf_8() {
        assert_snapshot!(banner(&netmon_labfile::built_in(), Charset::Utf8));
    }

    #[test]
    fn the_built_in_lab_in_ascii() {
        let text = banner(&netmon_labfile::built_in(), Charset::Ascii).to_string();
        assert!(text.is_ascii(), "{text}");
        assert_snapshot!(text);
    }

    #[test]
    fn missing_kernel_features_persistence_and_a_quoted_program() {
        let lab = netmon_labfile::built_in();
        let banner = Banner {
            features: Features { mode: AttachMode::Clsact, packet_stamp: false },
            stays: true,
            pinned: Some(Path::new("/sys/fs/bpf/netmon/direct@1")),
            program: "./my netmon",
            ..banner(&lab, Charset::Utf8)
        };
        assert_snapshot!(banner);
    }

    #[test]
    fn an_agent_without_a_lab_speaks_of_the_links_of_the_host() {
        let lab = Lab::of_host();
        let text = Banner { found: Some(0), ..banner(&lab, Charset::Utf8) }.to_string();
        assert!(!text.contains("lab"), "{text}");
        assert_snapshot!(text);
    }

    #[test]
    fn links_of_the_host_have_a_line_beside_those_of_a_lab() {
        let lab = netmon_labfile::built_in();
        let line = |found| {
            let text = Banner { found, ..banner(&lab, Charset::Utf8) }.to_string();
            text.lines().find(|line| line.contains("of this host")).map(str::to_owned)
        };
        assert_eq!(line(None), None);
        let one = "  links    1 other link of this host, without hooks, and followed as they come and go";
        assert_eq!(line(Some(1)).as_deref(), Some(one));
        assert!(line(Some(7)).unwrap().contains("7 other links"));
    }

    #[test]
    fn a_prometheus_beside_the_agent_has_a_line_below_the_metrics() {
        let lab = netmon_labfile::built_in();
        let prometheus = Some("0.0.0.0:9090".parse().unwrap());
        let text = Banner { prometheus, ..banner(&lab, Charset::Utf8) }.to_string();
        let lines: Vec<&str> =
            text.lines().filter(|line| line.contains("metrics") || line.contains("9090")).collect();
        let expected =
            ["  metrics  http://127.0.0.1:9477/metrics", "           http://127.0.0.1:9090/ (Prometheus)"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn addresses_beyond_loopback_are_shown_with_what_protects_them() {
        let lab = netmon_labfile::built_in();
        let addresses = [":9477", "unix:/run/netmon/metrics.sock", "192.0.2.1:80"];
        let http = addresses.map(|address| address.parse().unwrap());
        let text = Banner { http: &http, ..banner(&lab, Charset::Utf8) }.to_string();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let page = lines.iter().position(|line| line.starts_with("page")).unwrap();
        let expected = [
            "page     http://[::1]:9477/",
            "metrics  http://[::1]:9477/metrics",
            "JSON     http://[::1]:9477/api/v1/links",
            "listens  [::]:9477, on every address of this host, without authentication and encryption",
            "curl --unix-socket /run/netmon/metrics.sock http://localhost/metrics",
            "192.0.2.1:80, without authentication and encryption",
        ];
        assert_eq!(lines[page..page + expected.len()], expected);
        let security = Security { encrypted: true, authenticated: true };
        let text = Banner { http: &http, security, ..banner(&lab, Charset::Utf8) }.to_string();
        assert!(text.contains("https://[::1]:9477/metrics") && !text.contains("without"), "{text}");
    }
}
