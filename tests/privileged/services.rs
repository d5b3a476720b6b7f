//! Commands as services: logged, restarted, and ended down to the last worker, whichever process dies first.

use std::{
    fs,
    time::{Duration, Instant},
};

use netmon::services::{ServiceState, Supervisor};
use netmon_tests::{
    eventually::eventually,
    sandbox::{run, run_in, sandbox},
    services::{ForeignProcess, NAMESPACE, PATIENCE, ServiceLab, pids_in_namespace},
};
use rustix::{
    mount::{UnmountFlags, unmount},
    process::{Pid, Signal, kill_process},
};

/// An nginx that needs no file but its configuration, on 127.0.0.1:8080, with two workers.
const NGINX: &str = "worker_processes 2; error_log stderr; pid /run/nginx.pid; events {} \
    http { access_log off; server { listen 8080; location / { return 200 \"nginx\\n\"; } } }";

/// Ignores SIGTERM, and so do its children; one of them is in another session, with an empty environment and another
/// parent.
const STUBBORN: &str = "trap '' TERM; sleep 1001 & \
     (setsid env -i sleep 1002 &) ; echo stubborn; while :; do sleep 1; done";

fn nginx(lab: &mut ServiceLab, directives: &str) {
    fs::write("/run/nginx.conf", NGINX).unwrap();
    lab.command("nginx", &["nginx", "-c", "/run/nginx.conf", "-g", directives]);
}

fn curl(url: &str) -> String {
    run_in(NAMESPACE, "curl", &["-sS", "--retry", "5", "--retry-connrefused", url])
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_command_runs_in_its_namespace_with_its_files_and_is_logged() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-output");
        fs::create_dir_all(format!("/etc/netns/{NAMESPACE}")).unwrap();
        fs::write(format!("/etc/netns/{NAMESPACE}/resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
        run(
            "ip",
            &["-n", NAMESPACE, "link", "add", "only-here", "type", "veth", "peer", "name", "peer-here"],
        );
        let script = "cat /etc/resolv.conf; ls /sys/class/net; printf 'bad \\377 \\033[2J\\n' >&2; \
                      readlink /proc/self/ns/net /proc/self/fd/0; exec sleep 1000";
        lab.command("talker", &["sh", "-c", script]);
        lab.up().unwrap();
        let inside = run_in(NAMESPACE, "readlink", &["/proc/self/ns/net"]);
        for line in
            ["nameserver 192.0.2.53", "only-here", "bad \u{fffd} \\u{1b}[2J", inside.trim(), "/dev/null"]
        {
            lab.await_log(&format!("service::talker] {line}\n"));
        }
        assert_ne!(fs::read_to_string("/etc/resolv.conf").unwrap(), "nameserver 192.0.2.53\n");
        assert_eq!(lab.stop(), [""; 0]);
    });
}

#[test]
fn output_without_end_neither_fills_the_disk_nor_stops_other_services() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-flood");
        lab.command("flood", &["yes", "a line that is printed again and again"]);
        lab.http("web", "127.0.0.1:80");
        lab.up().unwrap();
        lab.await_log("lines left out: more than 1000 in a second");
        let url = "http://127.0.0.1/";
        let time = run_in(NAMESPACE, "curl", &["-sS", "-o", "/dev/null", "-w", "%{time_total}", url]);
        assert!(time.parse::<f64>().unwrap() < 1.0, "the web server took {time} s");
        assert!(lab.log().len() <= 1024 * 1024);
        assert_eq!(lab.stop(), [""; 0]);
    });
}

#[test]
fn an_exit_is_logged_with_the_last_output_and_the_command_restarted() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-restart");
        lab.command("short", &["sh", "-c", "echo about to fail; exit 3"]);
        lab.up().unwrap();
        let status =
            eventually("three restarts", PATIENCE, || lab.status().filter(|status| status.restarts >= 3));
        assert_eq!(status.last_exit.as_deref(), Some("exit status 3"));
        lab.await_log("service short exited after 0.0 s: exit status 3; its last output: about to fail");
        // The waits between restarts double, as the log shows.
        for wait in ["0.2 s", "0.4 s", "0.8 s"] {
            lab.await_log(&format!("service short restarts in {wait}"));
        }
        assert_eq!(lab.stop(), [""; 0]);
    });
}

#[test]
fn a_killed_command_is_restarted_after_its_children_have_been_ended() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-orphans");
        nginx(&mut lab, "daemon off;");
        lab.up().unwrap();
        assert_eq!(curl("http://127.0.0.1:8080/"), "nginx\n");
        let before = pids_in_namespace();
        assert_eq!(before.len(), 3, "a master and two workers");
        let Some(ServiceState::Running { pid: Some(master), .. }) = lab.status().map(|status| status.state)
        else {
            panic!("{:?}", lab.status());
        };
        // The workers survive the kill, and hold the port.
        kill(master, Signal::KILL);
        lab.await_log("signal 9 (SIGKILL)");
        eventually("a new nginx", PATIENCE, || {
            let now = pids_in_namespace();
            (now.len() == 3 && now.iter().all(|pid| !before.contains(pid))).then_some(())
        });
        assert_eq!(curl("http://127.0.0.1:8080/"), "nginx\n");
        assert_eq!(lab.status().unwrap().restarts, 1, "the first start found the port free");
    });
}

#[test]
fn a_program_that_goes_to_the_background_is_reported() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-background");
        nginx(&mut lab, "daemon on;");
        lab.up().unwrap();
        lab.await_log("a service must stay in the foreground");
        assert_eq!(lab.stop(), [""; 0]);
        assert_eq!(pids_in_namespace(), [] as [u32; 0]);
    });
}

#[test]
fn stopping_leaves_no_process_and_no_trace_within_a_second() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-stop");
        nginx(&mut lab, "daemon off;");
        lab.command("stubborn", &["sh", "-c", STUBBORN]);
        lab.command("plain", &["sleep", "1000"]);
        lab.http("web", "127.0.0.1:80");
        let supervisor = lab.up().unwrap();
        lab.await_log("service::stubborn] stubborn");
        assert_eq!(curl("http://127.0.0.1:8080/"), "nginx\n");
        let mut foreign = ForeignProcess::start();
        let started = Instant::now();
        assert_eq!(lab.stop(), [""; 0]);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(pids_in_namespace(), [foreign.pid()], "{}", lab.log());
        assert!(foreign.runs());
        assert!(!fs::exists(format!("/proc/{supervisor}/ns/net")).unwrap(), "the supervisor is gone");
        assert!(!lab.state_dir.join("services").exists());
        assert!(!lab.cgroup().exists());
        assert_eq!(lab.stop(), [""; 0], "a second time there is nothing to do");
    });
}

#[test]
fn a_killed_supervisor_takes_an_ordinary_program_along() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-death");
        nginx(&mut lab, "daemon off;");
        lab.command("plain", &["sleep", "1000"]);
        let supervisor = lab.up().unwrap();
        assert_eq!(curl("http://127.0.0.1:8080/"), "nginx\n");
        kill(supervisor, Signal::KILL);
        eventually("an empty namespace", PATIENCE, || pids_in_namespace().is_empty().then_some(()));
    });
}

/// Without a cgroup all of /proc is read several times, which a busy host makes slow.
const WITHOUT_CGROUP: Duration = Duration::from_secs(4);

/// The processes that die in a crash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dies {
    Supervisor,
    /// Also the processes that would lead to the rest: what remains has no parent and a session of its own.
    SupervisorAndLeader,
}

/// After a SIGKILL of the supervisor, the next command ends the service's processes, and no other.
fn ended_after_a_crash(lab: &mut ServiceLab, dies: Dies, within: Duration) {
    lab.command("stubborn", &["sh", "-c", STUBBORN]);
    let supervisor = lab.up().unwrap();
    lab.await_log("service::stubborn] stubborn");
    eventually("all of its processes", PATIENCE, || (pids_in_namespace().len() == 4).then_some(()));
    let mut foreign = ForeignProcess::start();
    let leader = lab.first_pid();
    kill(supervisor, Signal::KILL);
    if dies == Dies::SupervisorAndLeader {
        kill(leader, Signal::KILL);
    }
    eventually("the supervisor's end", PATIENCE, || {
        netmon::services::detached_supervisor(&lab.state_dir).is_none().then_some(())
    });
    assert!(pids_in_namespace().len() > 1, "the program did not outlive its supervisor");
    let started = Instant::now();
    assert_eq!(lab.stop(), [""; 0]);
    let took = started.elapsed();
    assert!(took < within, "{took:?}");
    assert_eq!(pids_in_namespace(), [foreign.pid()]);
    assert!(foreign.runs());
    assert!(!lab.state_dir.join("services").exists());
}

#[test]
fn what_a_killed_supervisor_left_is_ended_by_its_cgroup() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-crash");
        ended_after_a_crash(&mut lab, Dies::Supervisor, Duration::from_secs(1));
        assert!(!lab.cgroup().exists());
    });
}

#[test]
fn what_a_killed_supervisor_left_is_ended_without_any_cgroup() {
    sandbox(|| {
        unmount("/sys/fs/cgroup/unified", UnmountFlags::DETACH).unwrap();
        let mut lab = ServiceLab::new("svc-crash-bare");
        ended_after_a_crash(&mut lab, Dies::Supervisor, WITHOUT_CGROUP);
    });
}

#[test]
fn orphans_in_a_session_of_their_own_are_found_without_any_cgroup() {
    sandbox(|| {
        unmount("/sys/fs/cgroup/unified", UnmountFlags::DETACH).unwrap();
        let mut lab = ServiceLab::new("svc-orphan-bare");
        ended_after_a_crash(&mut lab, Dies::SupervisorAndLeader, WITHOUT_CGROUP);
    });
}

#[test]
fn the_next_supervisor_ends_what_the_last_one_left() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-next");
        lab.command("stubborn", &["sh", "-c", STUBBORN]);
        let first = lab.up().unwrap();
        lab.await_log("service::stubborn] stubborn");
        let before = eventually("all of its processes", PATIENCE, || {
            Some(pids_in_namespace()).filter(|p| p.len() == 4)
        });
        kill(first, Signal::KILL);
        eventually("the supervisor's end", PATIENCE, || {
            netmon::services::detached_supervisor(&lab.state_dir).is_none().then_some(())
        });
        lab.up().unwrap();
        let now = eventually("all of its processes", PATIENCE, || {
            Some(pids_in_namespace()).filter(|p| p.len() == 4)
        });
        assert!(now.iter().all(|pid| !before.contains(pid)), "{before:?} {now:?}");
        assert_eq!(lab.stop(), [""; 0]);
    });
}

#[test]
fn two_supervisors_do_not_run_the_same_lab() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-two");
        lab.command("plain", &["sleep", "1000"]);
        let first = lab.up().unwrap();
        let error = lab.up().unwrap_err();
        assert!(error.contains(&format!("supervisor with process id {first}")), "{error}");
        assert_eq!(pids_in_namespace().len(), 1);
        // The first supervisor is unaffected: it can still be found and ended.
        assert_eq!(netmon::services::detached_supervisor(&lab.state_dir), Some(first));
        assert_eq!(lab.stop(), [""; 0]);
        assert_eq!(pids_in_namespace(), [] as [u32; 0]);
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error_at_once_and_nothing_is_left() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-missing");
        lab.command("plain", &["sleep", "1000"]);
        lab.command("nginx", &["nginx-is-not-here", "-g", "daemon off;"]);
        assert_eq!(
            lab.up().unwrap_err(),
            "service nginx: cannot start \"nginx-is-not-here\" in svc_netns: not found on PATH; install it or \
             remove the service from the lab file"
        );
        assert_eq!(pids_in_namespace(), [] as [u32; 0]);
        assert!(!lab.state_dir.join("services").exists());
        assert!(!lab.cgroup().exists());
    });
}

#[test]
fn a_script_without_its_interpreter_is_an_error_at_once() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-noexec");
        fs::write("/run/script", "#!/no/such/interpreter\n").unwrap();
        run("chmod", &["+x", "/run/script"]);
        lab.lab.directory = Some("/run".into());
        lab.command("odd", &["./script"]);
        let error = lab.up().unwrap_err();
        let expected = "service odd: cannot start \"./script\" in svc_netns: the interpreter that the file names does not exist";
        assert!(error.starts_with(expected), "{error}");
    });
}

#[test]
fn a_namespace_that_is_not_there_is_named() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-nowhere");
        lab.command("plain", &["sleep", "1000"]);
        run("ip", &["netns", "del", NAMESPACE]);
        let error = lab.up().unwrap_err();
        assert!(error.contains("/run/netns/svc_netns") && error.contains("No such file"), "{error}");
        run("ip", &["netns", "add", NAMESPACE]);
    });
}

#[test]
fn a_supervisor_inside_a_process_reports_its_services_and_ends_them() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-inside");
        lab.command("plain", &["sleep", "1000"]);
        lab.http("web", "127.0.0.1:80");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let supervisor = Supervisor::start(&lab.lab, &lab.state_dir).await.unwrap();
            let status = supervisor.status();
            assert!(matches!(status[0].state, ServiceState::Running { pid: Some(pid), .. } if pids_in_namespace() == [pid]));
            assert!(matches!(status[1].state, ServiceState::Running { pid: None, .. }));
            assert_eq!(status[1].what, "http://127.0.0.1:80/");
            assert_eq!(netmon::services::recorded_status(&lab.state_dir).unwrap(), status);
            assert!(supervisor.stop().await.is_empty());
        });
        assert_eq!(pids_in_namespace(), [] as [u32; 0]);
        assert!(!lab.state_dir.join("services").exists());
    });
}

#[test]
fn a_supervisor_that_is_dropped_asks_its_services_to_end() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-dropped");
        lab.command("plain", &["sleep", "1000"]);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let supervisor = runtime.block_on(Supervisor::start(&lab.lab, &lab.state_dir)).unwrap();
        assert_eq!(pids_in_namespace().len(), 1);
        drop(supervisor);
        eventually("an empty namespace", PATIENCE, || pids_in_namespace().is_empty().then_some(()));
        assert_eq!(lab.stop(), [""; 0], "only its record is left");
        assert!(!lab.state_dir.join("services").exists());
    });
}
