//! As whom, where and with what a service's command runs: what the kernel says of the process, in /proc/PID.

use std::{collections::BTreeMap, fs, path::PathBuf};

use netmon_model::lab::{Execution, ServiceLimits};
use netmon_tests::{
    eventually::eventually,
    sandbox::sandbox,
    services::{PATIENCE, ServiceLab},
};

/// What the kernel says of a process.
struct About {
    status: String,
    environment: Vec<String>,
    directory: PathBuf,
    descriptors: usize,
}

impl About {
    fn field(&self, name: &str) -> Vec<&str> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.status)).split_whitespace().collect()
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find_map(|one| one.strip_prefix(&format!("{name}=")))
    }
}

/// A lab with one command. Must be called in a sandbox.
fn lab(execution: Execution) -> ServiceLab {
    let mut lab = ServiceLab::new("execution");
    lab.command("one", &["sleep", "1000"]);
    lab.execution(execution);
    lab
}

/// Runs one command, and returns what the kernel says of it.
fn runs(execution: Execution) -> About {
    sandbox(|| {
        let lab = lab(execution);
        lab.up().expect("the service starts");
        let process = PathBuf::from(format!("/proc/{}", lab.first_pid()));
        let about = eventually("the program", PATIENCE, || {
            let read = |file: &str| fs::read(process.join(file)).ok();
            let status = String::from_utf8(read("status")?).ok()?;
            let environment = String::from_utf8(read("environ")?).ok()?;
            let directory = fs::read_link(process.join("cwd")).ok()?;
            let descriptors = fs::read_dir(process.join("fd")).ok()?.count();
            status.starts_with("Name:\tsleep").then(|| About {
                status,
                environment: environment.split_terminator('\0').map(ToOwned::to_owned).collect(),
                directory,
                descriptors,
            })
        });
        assert!(lab.stop().is_empty());
        about
    })
}

#[test]
fn a_command_is_root_without_ambient_capabilities_and_with_a_short_environment() {
    let about = runs(Execution::default());
    assert_eq!(about.field("Uid"), ["0"; 4]);
    assert_eq!(about.field("CapAmb"), ["0000000000000000"]);
    assert_ne!(about.field("CapEff"), ["0000000000000000"]);
    assert_eq!(about.field("NoNewPrivs"), ["0"]);
    assert_eq!(about.descriptors, 3, "nothing that netmon inherited");
    assert_eq!((about.variable("HOME"), about.variable("USER")), (Some("/root"), Some("root")));
    assert!(about.variable("NETMON_BIN").is_none() && about.variable("CARGO_MANIFEST_DIR").is_none());
}

#[test]
fn a_command_of_another_user_has_its_groups_and_no_privileges() {
    let user = Some("daemon".to_owned());
    let about = runs(Execution { user, ..Execution::default() });
    assert_eq!((about.field("Uid"), about.field("Gid")), (vec!["1"; 4], vec!["1"; 4]));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(about.field(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(about.field("NoNewPrivs"), ["1"]);
    assert!(about.field("Groups").is_empty(), "{}", about.status);
    assert_eq!(about.variable("LOGNAME"), Some("daemon"));
}

#[test]
fn named_capabilities_are_all_that_a_command_has() {
    let capabilities = Some(vec!["CAP_NET_BIND_SERVICE".to_owned(), "CAP_NET_RAW".to_owned()]);
    for user in [None, Some("4711".to_owned())] {
        let about = runs(Execution {
            user: user.clone(),
            capabilities: capabilities.clone(),
            ..Execution::default()
        });
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(about.field(set), ["0000000000002400"], "{set} of {user:?}");
        }
        assert_eq!(about.field("NoNewPrivs"), ["1"]);
        assert_eq!(about.field("Uid"), [user.as_deref().unwrap_or("0"); 4]);
    }
}

#[test]
fn the_directory_and_the_environment_are_those_of_the_lab_file() {
    let env = BTreeMap::from([("PGDATA".to_owned(), "/srv/db".to_owned())]);
    let directory = Some("/usr/share".into());
    let about = runs(Execution { env, directory, inherits_env: true, ..Execution::default() });
    assert_eq!(about.directory, PathBuf::from("/usr/share"));
    assert_eq!(about.variable("PGDATA"), Some("/srv/db"));
    assert!(about.variable("NETMON_BIN").is_some(), "inherited: {:?}", about.environment);
}

#[test]
fn an_unknown_user_and_a_missing_directory_are_errors_that_name_them() {
    for (execution, expected) in [
        (
            Execution { user: Some("no-such-user".to_owned()), ..Execution::default() },
            "there is no user \"no-such-user\" in /etc/passwd; create it, or write its number",
        ),
        (
            Execution { directory: Some("/no/such".into()), ..Execution::default() },
            "the directory in which it starts, /no/such, does not exist",
        ),
    ] {
        let error = sandbox(|| lab(execution).up().expect_err("no start"));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn limits_are_set_where_the_host_has_controllers_and_warned_about_elsewhere() {
    sandbox(|| {
        let limits = ServiceLimits { memory_bytes: Some(64 << 20), processes: Some(32) };
        let lab = lab(Execution { limits, ..Execution::default() });
        lab.up().expect("the service starts");
        let of_lab = lab.cgroup();
        let root = of_lab.ancestors().nth(2).expect("the hierarchy");
        let group = fs::read_dir(&of_lab).ok().and_then(|groups| {
            groups.filter_map(Result::ok).map(|group| group.path()).find(|group| group.is_dir())
        });
        let enabled = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
        for (controller, file, amount, what) in [
            ("memory", "memory.max", "67108864", "memory is not limited"),
            ("pids", "pids.max", "32", "the number of processes is not limited"),
        ] {
            if enabled.split_whitespace().any(|one| one == controller) {
                let file = group.as_ref().expect("a group of the service").join(file);
                assert_eq!(fs::read_to_string(file).unwrap().trim(), amount);
            } else {
                lab.await_log(what);
            }
        }
        assert!(lab.stop().is_empty());
    });
}
