//! The Prometheus that `netmon run --prometheus` adds to the services of a lab.
//!
//! It scrapes this agent, evaluates netmon's rules, and ends with the lab. Its data are on disk and not in the lab's
//! directory under /run, which is memory. They are removed with the lab: a Prometheus that is to remember has a
//! configuration of its own (`dashboards/prometheus.yml`).

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use netmon_kernel::owned_files::{make_private_directory, replace};
use netmon_model::{
    lab::{Execution, Lab, Ready, Service, ServiceKind, Traffic, Url},
    names::NsName,
};

/// The folder of the data of all labs.
const FOLDER: &str = "/var/lib/netmon";
/// The rules, as they are in this version of netmon.
const RULES: [(&str, &str); 2] = [
    ("recording.yaml", include_str!("../../../dashboards/rules/recording.yaml")),
    ("alerts.yaml", include_str!("../../../dashboards/rules/alerts.yaml")),
];
/// A lab of more links is scraped every five seconds instead of every second: its scrapes have megabytes.
const MANY_LINKS: usize = 100;
/// Time limit for Prometheus to start, on a busy machine.
const START: Duration = Duration::from_secs(30);
/// Data older or more than this are removed by Prometheus.
const RETENTION: [&str; 2] = ["--storage.tsdb.retention.time=1d", "--storage.tsdb.retention.size=512MB"];

/// A Prometheus beside an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    /// Where it serves its page and its API.
    pub address: SocketAddr,
    directory: PathBuf,
    agent: SocketAddr,
    interval: &'static str,
}

impl Prometheus {
    /// A Prometheus at `address` for the lab whose agent answers at `agent`.
    #[must_use]
    pub fn new(lab: &Lab, agent: SocketAddr, address: SocketAddr) -> Self {
        let directory = Path::new(FOLDER).join(lab.name.as_str()).join("prometheus");
        Self { address, directory, agent, interval: interval(lab.links.len()) }
    }

    /// Writes the configuration and the rules.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be created or written to.
    pub fn write(&self) -> io::Result<()> {
        make_private_directory(&self.directory)?;
        replace(&self.configuration_file(), self.configuration().as_bytes())?;
        RULES.iter().try_for_each(|(name, text)| replace(&self.directory.join(name), text.as_bytes()))
    }

    /// Removes what [`Self::write`] wrote and what Prometheus stored. Succeeds if there is nothing.
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // The lab's own folder and the one above it stay if they have anything else in them.
        for folder in self.directory.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    /// Returns the service that runs it.
    #[must_use]
    pub fn service(&self) -> Service {
        let file = |path: &Path| path.display().to_string();
        let mut words = vec![
            "prometheus".to_owned(),
            format!("--config.file={}", file(&self.configuration_file())),
            format!("--storage.tsdb.path={}", file(&self.directory.join("data"))),
            format!("--web.listen-address={}", self.address),
            "--log.level=warn".to_owned(),
        ];
        words.extend(RETENTION.map(str::to_owned));
        let ready = Traffic::Http(Url { address: self.address, path: "/-/ready".to_owned() });
        Service {
            name: "prometheus".to_owned(),
            namespace: NsName::root(),
            kind: ServiceKind::Command(words),
            ready: Some(Ready { check: ready, timeout: START }),
            execution: Execution::default(),
        }
    }

    fn configuration_file(&self) -> PathBuf {
        self.directory.join("prometheus.yml")
    }

    fn configuration(&self) -> String {
        let Self { agent, interval, .. } = self;
        let rules: String = RULES.iter().map(|(name, _)| format!("  - {name}\n")).collect();
        format!(
            "# Written by `netmon run --prometheus`.\n\
             global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n  evaluation_interval: 5s\n\
             rule_files:\n{rules}\
             scrape_configs:\n  - job_name: netmon\n    static_configs:\n      - targets: [\"{agent}\"]\n"
        )
    }
}

/// Returns how often a lab is scraped.
fn interval(links: usize) -> &'static str {
    if links > MANY_LINKS { "5s" } else { "1s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(directory: &Path) -> Prometheus {
        let [agent, address] = ["127.0.0.1:9477", "127.0.0.1:9090"].map(|address| address.parse().unwrap());
        Prometheus { address, directory: directory.to_owned(), agent, interval: interval(2) }
    }

    #[test]
    fn the_configuration_has_this_agent_and_the_rules() {
        let expected = "# Written by `netmon run --prometheus`.\n\
            global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 5s\n\
            rule_files:\n  - recording.yaml\n  - alerts.yaml\n\
            scrape_configs:\n  - job_name: netmon\n    static_configs:\n      - targets: [\"127.0.0.1:9477\"]\n";
        assert_eq!(beside(Path::new("/nowhere")).configuration(), expected);
    }

    #[test]
    fn a_lab_of_many_links_is_scraped_every_five_seconds() {
        assert_eq!([1, MANY_LINKS, MANY_LINKS + 1].map(interval), ["1s", "1s", "5s"]);
    }

    #[test]
    fn what_is_written_is_removed_with_the_folders_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let prometheus = beside(&folder.path().join("netmon/direct/prometheus"));
        prometheus.write().unwrap();
        assert!(prometheus.configuration_file().is_file());
        prometheus.remove().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        prometheus.remove().unwrap();
    }

    #[test]
    fn the_service_is_ready_when_prometheus_answers() {
        let service = beside(Path::new("/nowhere")).service();
        let check = service.ready.map(|ready| ready.check.to_string());
        assert_eq!(check.as_deref(), Some("http 127.0.0.1:9090/-/ready"));
        assert!(service.namespace.is_root());
    }
}
