//! Processes that look like containers: each in a network namespace without a name, and in a cgroup as a runtime makes it.

use std::{fs, path::PathBuf, time::Duration};

use crate::{cgroup::unused, eventually::eventually, island::Island, running::Running};

const PATIENCE: Duration = Duration::from_secs(30);

/// A container's id, made of one digit.
#[must_use]
pub fn id(digit: char) -> String {
    std::iter::repeat_n(digit, 64).collect()
}

/// A process in a cgroup. Dropping it ends the process and removes the cgroup.
#[derive(Debug)]
pub struct Contained {
    process: Option<Running>,
    cgroup: PathBuf,
}

impl Contained {
    /// Starts a process in the namespace that /run/netns calls `netns`, and in cgroup `cgroup` below one of the test's own.
    /// If `then_unnamed`, the name is removed once the process is inside.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    #[must_use]
    pub fn start(island: &Island, name: &'static str, netns: &str, cgroup: &str, then_unnamed: bool) -> Self {
        let cgroup = unused(name).join(cgroup);
        fs::create_dir_all(&cgroup).expect("a cgroup");
        let procs = cgroup.join("cgroup.procs");
        let inside = match netns {
            "root" => String::new(),
            netns => format!("ip netns exec {netns} "),
        };
        let process =
            island.start(name, &format!("echo $$ > '{}'; exec {inside}sleep 1000", procs.display()));
        eventually("a process in its namespace", PATIENCE, || {
            let ready = format!(
                "[ \"$(cat /proc/$(cat /run/sandbox/{name}.pid)/comm)\" = sleep ] && echo yes || true"
            );
            (island.sh(&ready).trim() == "yes").then_some(())
        });
        if then_unnamed {
            island.sh(&format!("ip netns delete {netns}"));
        }
        Self { process: Some(process), cgroup }
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        for pid in fs::read_to_string(self.cgroup.join("cgroup.procs")).unwrap_or_default().lines() {
            let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
            // It may have ended.
            let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
        self.process = None;
        let own = format!("netmon-test-{}-", std::process::id());
        for directory in
            self.cgroup.ancestors().take_while(|directory| directory.to_string_lossy().contains(&own))
        {
            for _ in 0..1000 {
                match fs::remove_dir(directory) {
                    // A process that was killed leaves its cgroup a moment later.
                    Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                        crate::eventually::pause();
                    }
                    _ => break,
                }
            }
        }
    }
}
