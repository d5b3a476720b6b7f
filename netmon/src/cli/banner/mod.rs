//! The banner after the start: the topology in characters, where the metrics are, and what to type next.
//!
//! Pure: a lab and a few facts in, text out. It asks the host for nothing.

mod reach;
mod sketch;

use std::{
    fmt::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use netmon_model::{
    lab::{Lab, Source},
    shell::shell_word,
    snapshot::Features,
};

use crate::render::terminal::Terminal;

/// What the banner is made of.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// What is up.
    pub lab: &'a Lab,
    /// Where metrics and JSON are served.
    pub http: SocketAddr,
    /// How it is watched, and what this kernel lacks.
    pub features: Features,
    /// Whether the lab stays when netmon ends.
    pub stays: bool,
    /// Where everything is pinned, so that counting goes on without the agent.
    pub pinned: Option<&'a Path>,
    /// How netmon itself is called, for commands to type.
    pub program: &'a str,
    /// What the output can show.
    pub screen: Terminal,
}

impl fmt::Display for Panel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lab, screen, .. } = self;
        let source = match &lab.source {
            Source::BuiltIn => "built in".to_owned(),
            Source::File(path) => path.display().to_string(),
        };
        writeln!(f, "\n  lab {} ({source})\n", lab.name)?;
        for line in sketch::lines(lab, *screen) {
            writeln!(f, "{}", format_args!("  {line}").to_string().trim_end())?;
        }
        f.write_char('\n')?;
        let url = format!("http://{}", reachable(self.http));
        field(f, "metrics", &[format!("{url}/metrics")])?;
        field(f, "JSON", &[format!("{url}/api/v1/links")])?;
        field(f, "hooks", &self.notes())?;
        let mut commands = reach::suggestions(lab, self.program);
        commands.push(format!("{} status", shell_word(self.program)));
        field(f, "try", &commands)?;
        let end = if self.stays { "Ctrl-C; the lab stays" } else { "Ctrl-C; the lab goes with it" };
        field(f, "end", &[end.to_owned()])
    }
}

impl Panel<'_> {
    fn notes(&self) -> Vec<String> {
        let Features { mode, packet_stamp } = self.features;
        // Two ends of a link, two hooks each.
        let mut notes = vec![format!("{} attached, by {}", 4 * self.lab.links.len(), mode.as_str())];
        if !packet_stamp {
            notes.push("no one-way latency and no loss: packets carry stamps from Linux 5.18 on".to_owned());
        }
        if let Some(folder) = self.pinned {
            notes.push(format!("counting goes on without the agent, in {}", folder.display()));
        }
        notes
    }
}

/// A label, and one or more lines beside it.
fn field(f: &mut fmt::Formatter<'_>, label: &str, lines: &[String]) -> fmt::Result {
    for (index, line) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(f, "  {label:<8} {line}")?;
    }
    Ok(())
}

/// The address to type where one listens on all of them.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use netmon_model::snapshot::AttachMode;

    use super::*;
    use crate::render::terminal::Charset;

    fn banner(lab: &Lab, columns: usize, charset: Charset) -> String {
        let screen = Terminal { columns, charset };
        let http = "127.0.0.1:9477".parse().unwrap();
        let features = Features { mode: AttachMode::Tcx, packet_stamp: true };
        let pinned = None;
        Panel { lab, http, features, stays: false, pinned, program: "netmon", screen }.to_string()
    }

    #[test]
    fn the_built_in_lab_is_shown_like_this() {
        let expected = "
  lab direct (built in)

  ┌ root ──────┐                               ┌ direct_netns ──────┐
  │            │ veth0                   veth1 │                    │
  │            ├───────────────────────────────┤ http 10.200.0.3:80 │
  │            │ 10.200.0.2/24   10.200.0.3/24 │                    │
  └────────────┘                               └────────────────────┘

  metrics  http://127.0.0.1:9477/metrics
  JSON     http://127.0.0.1:9477/api/v1/links
  hooks    4 attached, by tcx
  try      ping 10.200.0.3
           curl http://10.200.0.3/
           netmon status
  end      Ctrl-C; the lab goes with it
";
        assert_eq!(banner(&netmon_labfile::built_in(), 80, Charset::Utf8), expected);
    }

    #[test]
    fn without_utf_8_the_panel_is_ascii() {
        let text = banner(&netmon_labfile::built_in(), 80, Charset::Ascii);
        assert!(text.is_ascii(), "{text}");
        assert!(
            text.contains("  |            +-------------------------------+ http 10.200.0.3:80 |\n"),
            "{text}"
        );
    }

    #[test]
    fn what_the_kernel_lacks_is_said() {
        let screen = Terminal { columns: 80, charset: Charset::Utf8 };
        let http = "127.0.0.1:9477".parse().unwrap();
        let features = Features { mode: AttachMode::Clsact, packet_stamp: false };
        let lab = netmon_labfile::built_in();
        let pinned = Some(Path::new("/sys/fs/bpf/netmon/direct@1"));
        let text = Panel { lab: &lab, http, features, stays: true, pinned, program: "./my netmon", screen }
            .to_string();
        assert!(
            text.contains("hooks    4 attached, by clsact\n           no one-way latency and no loss"),
            "{text}"
        );
        assert!(
            text.contains("counting goes on without the agent, in /sys/fs/bpf/netmon/direct@1"),
            "{text}"
        );
        assert!(
            text.contains("\n           './my netmon' status\n  end      Ctrl-C; the lab stays\n"),
            "{text}"
        );
    }

    #[test]
    fn an_address_to_listen_on_is_shown_as_one_to_type() {
        assert_eq!(reachable("0.0.0.0:9".parse().unwrap()).to_string(), "127.0.0.1:9");
        assert_eq!(reachable("[::]:9".parse().unwrap()).to_string(), "[::1]:9");
        assert_eq!(reachable("10.0.0.1:9".parse().unwrap()).to_string(), "10.0.0.1:9");
    }
}
