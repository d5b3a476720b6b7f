//! Files, folders, mounts and pins that netmon did not make stay as they are, and what others may change is not trusted.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
    process::Command,
};

use netmon::services::cgroup_hierarchy;
use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::{TakenDown, fails, succeeds},
    eventually::eventually,
    host::left_behind,
    running::Running,
    sandbox::{run, run_in, sandbox},
    services::{NAMESPACE, PATIENCE, ServiceLab, pids_in_namespace},
    terminal::on_a_terminal,
    unprivileged,
};
use rustix::process::Signal;

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{path}: {error}")).permissions().mode() & 0o7777
}

#[test]
fn what_others_put_under_run_netmon_is_kept_by_clean_and_by_down() {
    sandbox(|| {
        fs::create_dir_all("/run/netmon/backup/deep").unwrap();
        fs::write("/run/netmon/backup/deep/file", "precious").unwrap();
        let said = succeeds(&["clean", "--yes"]);
        assert!(said.contains("Nothing is left over"), "{said}");
        succeeds(&["up"]);
        let elsewhere = Path::new("/run/sandbox/elsewhere/services/0-x");
        fs::create_dir_all(elsewhere).unwrap();
        fs::write(elsewhere.join("record.json"), "precious").unwrap();
        fs::write("/run/netmon/direct/notes.txt", "precious").unwrap();
        fs::create_dir("/run/netmon/direct/view").unwrap();
        for (what, over) in [
            ("/run/sandbox/elsewhere", "/run/netmon/direct/view"),
            ("/run/sandbox/elsewhere/services", "/run/netmon/direct/services"),
        ] {
            run("mount", &["--bind", what, over]);
        }
        let said = succeeds(&["down"]);
        for kept in ["notes.txt", "view", "services"] {
            assert!(
                said.contains(&format!("kept /run/netmon/direct/{kept}, which is not netmon's")),
                "{said}"
            );
        }
        for (file, text) in
            [("/run/netmon/direct/notes.txt", "precious"), ("/run/netmon/backup/deep/file", "precious")]
        {
            assert_eq!(fs::read_to_string(file).unwrap(), text, "{file}");
        }
        assert_eq!(fs::read_to_string(elsewhere.join("record.json")).unwrap(), "precious");
        run("umount", &["/run/netmon/direct/view"]);
        run("umount", &["/run/netmon/direct/services"]);
        assert!(!Path::new("/run/netmon/direct/state.json").exists());
    });
}

#[test]
fn a_labs_folder_that_leads_elsewhere_is_refused() {
    sandbox(|| {
        fs::create_dir_all("/run/sandbox/elsewhere").unwrap();
        fs::create_dir_all("/run/netmon").unwrap();
        fs::write("/run/sandbox/elsewhere/state.json", "precious").unwrap();
        std::os::unix::fs::symlink("/run/sandbox/elsewhere", "/run/netmon/direct").unwrap();
        let said = fails(1, &["up"]);
        assert!(said.contains("/run/netmon/direct is a symbolic link"), "{said}");
        assert_eq!(fs::read_dir("/run/sandbox/elsewhere").unwrap().count(), 1);
        assert_eq!(fs::read_to_string("/run/sandbox/elsewhere/state.json").unwrap(), "precious");
    });
}

#[test]
fn a_users_link_or_pipe_in_a_folder_under_etc_netns_is_neither_followed_nor_awaited() {
    sandbox(|| {
        let folder = "/etc/netns/direct_netns";
        fs::create_dir_all(folder).unwrap();
        chown(folder, Some(unprivileged::UID), None).unwrap();
        fs::write("/run/sandbox/shadow", "root:secret").unwrap();
        let link = format!("{folder}/.resolv.conf.netmon:direct");
        assert!(unprivileged::runs(&["ln", "-s", "/run/sandbox/shadow", &link]).0);
        let refused = |command: &str| {
            let said = fails(4, &[command]);
            assert!(said.contains("/etc/netns/direct_netns belongs to user 65534"), "{said}");
            assert!(said.contains("nothing was changed"), "{said}");
        };
        refused("up");
        refused("plan");
        succeeds(&["down"]);
        assert_eq!(fs::read_to_string("/run/sandbox/shadow").unwrap(), "root:secret");
        assert!(unprivileged::runs(&["sh", "-c", &format!("rm {link}; mkfifo {folder}/resolv.conf")]).0);
        refused("up");
        assert!(succeeds(&["clean"]).contains("Nothing is left over"));
        chown(folder, Some(0), Some(0)).unwrap();
        let said = fails(4, &["up"]);
        assert!(said.contains("file /etc/netns/direct_netns/resolv.conf already exists"), "{said}");
        fs::remove_file(format!("{folder}/resolv.conf")).unwrap();
        succeeds(&["up"]);
        // A program that runs as root in the namespace would see the user's files in /etc.
        chown(folder, Some(unprivileged::UID), None).unwrap();
        let said = fails(1, &["exec", "direct_netns", "--", "true"]);
        assert!(said.contains("belongs to user 65534"), "{said}");
        chown(folder, Some(0), Some(0)).unwrap();
        succeeds(&["down"]);
        assert!(Path::new(folder).exists());
    });
}

#[test]
fn whatever_the_umask_others_can_read_what_is_for_them() {
    sandbox(|| {
        run("chmod", &["755", "/run"]);
        for umask in ["0", "077"] {
            let _taken_down = TakenDown::direct();
            run("sh", &["-c", &format!("umask {umask}; exec {} up", netmon().display())]);
            for folder in ["/run/netns", "/run/netmon", "/run/netmon/direct", "/etc/netns/direct_netns"] {
                assert_eq!(mode(folder), 0o755, "{folder}, umask {umask}");
            }
            for file in ["/run/netmon/direct/state.json", "/etc/netns/direct_netns/resolv.conf"] {
                assert_eq!(mode(file), 0o644, "{file}, umask {umask}");
            }
            let private =
                run("find", &["/run/netmon/direct/services", "/run/netmon/direct/lock", "-perm", "/077"]);
            assert_eq!(private, "", "umask {umask}");
            succeeds(&["down"]);
        }
    });
}

#[test]
fn the_command_of_a_service_is_not_readable_for_all() {
    const FILE: &str = "/run/sandbox/secret.toml";
    sandbox(|| {
        let lab = "[[namespace]]\nname = \"s1\"\n[[service]]\nnamespace = \"s1\"\n\
                   command = [\"sh\", \"-c\", \"exec sleep 1000\", \"--password=hunter2\"]\n";
        fs::write(FILE, lab).unwrap();
        run("chmod", &["755", "/run"]);
        let _taken_down = TakenDown::of(FILE);
        succeeds(&["up", FILE]);
        assert!(run("grep", &["-rl", "hunter2", "/run/netmon"]).contains("/services/"), "as root");
        let (found, said) = unprivileged::runs(&["grep", "-r", "hunter2", "/run/netmon"]);
        assert!(!found && !said.contains("hunter2"), "{said}");
        assert!(
            unprivileged::runs(&["cat", "/run/netmon/secret/state.json"]).0,
            "the state itself is for all"
        );
    });
}

#[test]
fn a_user_who_takes_the_place_for_pins_stops_only_persist() {
    sandbox(|| {
        run("mount", &["-t", "bpf", "-o", "mode=1777", "bpf", "/sys/fs/bpf"]);
        let _taken_down = TakenDown::direct();
        assert!(unprivileged::runs(&["mkdir", "/sys/fs/bpf/netmon"]).0);
        let said = fails(4, &["up", "--persist"]);
        assert!(said.contains("/sys/fs/bpf/netmon belongs to user 65534"), "{said}");
        assert_eq!(fs::read_dir("/sys/fs/bpf/netmon").unwrap().count(), 0);
        succeeds(&["up"]);
        let (status, _) = Agent::start([""; 0]).end(Signal::TERM);
        assert!(status.success());
        let said = succeeds(&["down"]);
        assert!(said.contains("nothing there is used"), "{said}");
        assert_eq!(fs::metadata("/sys/fs/bpf/netmon").unwrap().uid(), unprivileged::UID);
    });
}

#[test]
fn a_bpf_file_system_that_netmon_mounts_is_roots_alone() {
    sandbox(|| {
        run("sh", &["-c", "umount /sys/fs/bpf || true"]);
        let _taken_down = TakenDown::direct();
        let holder = unprivileged::locks("/sys/fs/bpf");
        let said = succeeds(&["up", "--persist"]);
        assert!(said.contains("has held the lock on /sys/fs/bpf"), "{said}");
        drop(holder);
        assert_eq!(mode("/sys/fs/bpf") & 0o777, 0o700);
        assert!(!unprivileged::runs(&["mkdir", "/sys/fs/bpf/theirs"]).0);
        succeeds(&["down"]);
        run("umount", &["/sys/fs/bpf"]);
    });
}

#[test]
fn a_process_that_left_its_cgroup_ends_with_its_service() {
    sandbox(|| {
        let Some(hierarchy) = cgroup_hierarchy() else {
            return netmon_tests::skip::skip("no cgroup v2 hierarchy");
        };
        let before = left_behind();
        let mut lab = ServiceLab::new("svc-wander");
        let script = format!(
            "sleep 1003 & echo $! > {}/cgroup.procs; echo moved; exec sleep 1004",
            hierarchy.display()
        );
        lab.command("wanderer", &["sh", "-c", &script]);
        lab.up().unwrap();
        lab.await_log("moved");
        eventually("both", PATIENCE, || (pids_in_namespace().len() == 2).then_some(()));
        assert_eq!(lab.stop(), [""; 0]);
        assert!(pids_in_namespace().is_empty());
        run("ip", &["netns", "delete", NAMESPACE]);
        drop(lab);
        assert_eq!(left_behind().lines().last().is_some(), before.lines().last().is_some());
    });
}

#[test]
fn a_forged_record_ends_no_foreign_cgroup() {
    sandbox(|| {
        let Some(hierarchy) = cgroup_hierarchy() else {
            return netmon_tests::skip::skip("no cgroup v2 hierarchy");
        };
        let group = hierarchy.join(format!("foreign-{}", std::process::id()));
        fs::create_dir(&group).unwrap();
        let bystander = Running::start("bystander", "sleep", &["1005"]).unwrap();
        fs::write(group.join("cgroup.procs"), bystander.child().id().to_string()).unwrap();
        fs::create_dir_all("/run/netmon/direct/services/0-x").unwrap();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let record = serde_json::json!({
            "service": "x", "boot_id": boot.trim(), "mark": "netmon:1", "cgroup": group,
        });
        fs::write("/run/netmon/direct/services/0-x/record.json", record.to_string()).unwrap();
        let said = succeeds(&["down"]);
        assert!(said.contains("it is not one of lab direct's"), "{said}");
        assert!(
            fs::read_to_string(group.join("cgroup.procs"))
                .unwrap()
                .contains(&bystander.child().id().to_string())
        );
        assert!(!Path::new("/run/netmon").exists());
        drop(bystander);
        eventually("an empty group", PATIENCE, || fs::remove_dir(&group).ok());
    });
}

#[test]
fn a_process_in_the_lab_cannot_control_the_terminal_by_its_name() {
    sandbox(|| {
        succeeds(&["up"]);
        let program = "/run/sandbox/\u{1b}[2J";
        fs::copy("/bin/sleep", program).unwrap();
        let named = ["netns", "exec", "direct_netns", program, "1000"];
        let _process = Running::start("named", "ip", &named).unwrap();
        eventually("the process", PATIENCE, || {
            run("sh", &["-c", "cat /proc/[0-9]*/comm 2>/dev/null || true"])
                .contains("\u{1b}[2J")
                .then_some(())
        });
        let (code, shown) = on_a_terminal("down", "");
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains("\\u{1b}[2J") && !shown.contains("\u{1b}[2J"), "{shown:?}");
    });
}

#[test]
fn a_lab_that_stays_keeps_its_services_after_the_program_was_replaced() {
    sandbox(|| {
        let [old, new] = ["/run/sandbox/nm", "/run/sandbox/nm.new"];
        for program in [old, new] {
            fs::copy(netmon(), program).unwrap();
        }
        let _taken_down = TakenDown::direct();
        let agent = Running::start("agent", old, &["run", "--keep"]).unwrap();
        let code =
            || run("sh", &["-c", "curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:9477/readyz || true"]);
        eventually("a ready agent", PATIENCE, || (code() == "200").then_some(()));
        fs::rename(new, old).unwrap();
        let pid = rustix::process::Pid::from_child(agent.child());
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
        eventually("the end", PATIENCE, || agent.output().contains("stays").then_some(()));
        eventually("a web server", PATIENCE, || {
            run_in("root", "sh", &["-c", "curl -s -o /dev/null -w '%{http_code}' http://10.200.0.3/ || true"])
                .contains("200")
                .then_some(())
        });
    });
}

#[test]
fn a_service_on_a_low_port_without_the_capability_is_refused_before_anything_is_made() {
    sandbox(|| {
        let before = left_behind();
        for command in ["up", "run", "selftest"] {
            let mut without = Command::new("setpriv");
            without.args(["--bounding-set", "-net_bind_service"]).arg(netmon()).arg(command);
            let output = without.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(3), "{command}: {said}");
            assert!(said.contains("needs CAP_NET_BIND_SERVICE"), "{command}: {said}");
            assert_eq!(left_behind(), before, "{command}");
        }
    });
}
