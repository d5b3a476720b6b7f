//! Failures in the middle: all that was done is undone, and nothing is left. A part that cannot be removed is no
//! reason to leave the others.

use std::{cell::Cell, fs, path::Path, process::Command, process::Stdio};

use netmon::{
    ownership::Claim,
    topology::{self, NoObserver},
};
use netmon_model::{lab::Lab, progress::Progress};
use netmon_tests::{
    binary::netmon,
    commands::{fails, netmon_says, succeeds},
    host::left_behind,
    labs::{self, star, valid},
    sandbox::{run, sandbox},
};

/// Calls `act` once `done` objects of a kind are made.
struct Meanwhile<F: Fn()> {
    what: &'static str,
    done: usize,
    act: F,
    acted: Cell<bool>,
}

impl<F: Fn()> Progress for Meanwhile<F> {
    fn at(&self, what: &str, done: usize, _total: usize) {
        if what == self.what && done >= self.done && !self.acted.replace(true) {
            (self.act)();
        }
    }
}

/// Builds `lab`; meanwhile `act` makes that fail. Afterwards the host is as it would be after `act` alone.
fn fails_without_a_trace(lab: &Lab, what: &'static str, done: usize, act: impl Fn(), words: &str) {
    let meanwhile = Meanwhile { what, done, act, acted: Cell::new(false) };
    let built = topology::up(lab, &Claim::take(&lab.name).unwrap(), &mut NoObserver, &meanwhile);
    let error = built.expect_err(words);
    assert!(meanwhile.acted.get(), "{what} {done}");
    let said = netmon_model::error::chain(&error);
    assert!(said.contains(words) && !said.contains("could not be undone"), "{said}");
}

#[test]
fn a_name_that_is_taken_during_up_is_left_alone_and_the_rest_is_undone() {
    sandbox(|| {
        run("mkdir", &["-p", "/run/netns", "/etc/netns"]);
        let mut lab = star(20);
        for namespace in &mut lab.namespaces {
            namespace.nameservers = Some(vec![valid("10.100.0.1")]);
        }
        let before = left_behind();
        let interface = || drop(run("ip", &["link", "add", "st19", "type", "bridge"]));
        fails_without_a_trace(&lab, "namespaces", 1, interface, "st19");
        run("ip", &["link", "delete", "st19"]);
        assert_eq!(left_behind(), before);

        // The last namespace, because progress is reported after the fact.
        let mut many = star(200);
        many.name = valid("many");
        let namespace = || drop(run("ip", &["netns", "add", "star199"]));
        fails_without_a_trace(&many, "namespaces", 1, namespace, "star199");
        run("ip", &["netns", "exec", "star199", "true"]);
        run("ip", &["netns", "delete", "star199"]);
        // The foreign name was in the folder that netmon had mounted.
        succeeds(&["clean", "--yes"]);
        assert_eq!(left_behind(), before);

        let theirs = "nameserver 9.9.9.9\n";
        let file = || {
            fs::create_dir_all("/etc/netns/star19").unwrap();
            fs::write("/etc/netns/star19/resolv.conf", theirs).unwrap();
        };
        fails_without_a_trace(&lab, "namespaces", 20, file, "star19/resolv.conf");
        assert_eq!(fs::read_to_string("/etc/netns/star19/resolv.conf").unwrap(), theirs);
        fs::remove_dir_all("/etc/netns/star19").unwrap();
        assert_eq!(left_behind(), before);
    });
}

/// Writes a lab with so many namespaces, each with a resolver file. Returns its path.
fn write_star(namespaces: usize) -> &'static str {
    const FILE: &str = "/run/sandbox/rolled.toml";
    let count = namespaces.to_string();
    let star = run(netmon().to_str().unwrap(), &["generate", "star", "-n", &count, "--http"]);
    fs::write(FILE, star.replace("routes = ", "nameservers = [\"10.0.0.1\"]\nroutes = ")).unwrap();
    FILE
}

fn limited(limit: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("prlimit")
        .arg(limit)
        .arg(netmon())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn at_the_limit_of_descriptors_what_was_made_is_undone() {
    sandbox(|| {
        let file = write_star(40);
        let before = left_behind();
        for (limit, command) in
            [("--nofile=60:60", "up"), ("--nofile=30:30", "run"), ("--nofile=90:90", "run")]
        {
            let (code, said) = limited(limit, &[command, file]);
            assert_eq!(code, Some(1), "{limit} {command}: {said}");
            assert!(said.contains("Too many open files"), "{limit} {command}: {said}");
            assert_eq!(left_behind(), before, "{limit} {command}: {said}");
        }
    });
}

#[test]
fn without_space_for_the_state_nothing_is_built_and_nothing_is_left() {
    sandbox(|| {
        let file = write_star(40);
        fs::create_dir("/run/netmon").unwrap();
        for (kilobytes, command) in [(4, "up"), (8, "up"), (16, "up"), (24, "run"), (24, "up")] {
            let size = format!("mode=755,size={kilobytes}k");
            run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", "/run/netmon"]);
            let before = left_behind();
            let (code, said) = netmon_says(&[command, file]);
            assert_eq!(code, 1, "{size} {command}: {said}");
            assert!(said.contains("No space left on device"), "{size} {command}: {said}");
            assert_eq!(left_behind(), before, "{size} {command}: {said}");
            run("umount", &["/run/netmon"]);
        }
    });
}

#[test]
fn without_space_for_a_change_the_lab_stays_as_it_was_and_can_be_removed() {
    sandbox(|| {
        fs::create_dir("/run/netmon").unwrap();
        run("mount", &["-t", "tmpfs", "-o", "mode=755,size=64k", "tmpfs", "/run/netmon"]);
        let file = write_star(3);
        succeeds(&["up", file]);
        let before = left_behind();
        let small = fs::read(file).unwrap();
        let filler = "/run/netmon/star/filler";
        // Fails for lack of space, as intended.
        let fill = format!("cat /dev/zero > {filler} 2>/dev/null || true");
        run("sh", &["-c", &fill]);
        write_star(40);
        let said = fails(1, &["up", file]);
        assert!(said.contains("No space left") && !said.contains("could not be undone"), "{said}");
        assert_eq!(left_behind(), before);
        fs::write(file, small).unwrap();
        assert_eq!(succeeds(&["plan", file]), "lab star: nothing to do\n");
        succeeds(&["down", file]);
        run("umount", &["/run/netmon"]);
    });
}

#[test]
fn with_a_read_only_etc_up_leaves_nothing_and_down_removes_all_else() {
    sandbox(|| {
        let file = write_star(3);
        let before = left_behind();
        let remount = |how: &str| drop(run("mount", &["-o", &format!("remount,{how}"), "/etc"]));
        remount("ro");
        let said = fails(1, &["up", file]);
        assert!(said.contains("Read-only file system"), "{said}");
        assert_eq!(left_behind(), before);

        remount("rw");
        succeeds(&["up", file]);
        remount("ro");
        let said = fails(1, &["down", file]);
        for number in 1..=3 {
            let what = format!("cannot remove /etc/netns/star-{number}/resolv.conf");
            assert!(said.contains(&what), "each is reported: {said}");
            assert!(!Path::new(&format!("/run/netns/star-{number}")).exists(), "{said}");
        }
        let listed = fails(1, &["clean"]);
        assert!(listed.contains("/etc/netns/star-1/resolv.conf"), "{listed}");
        remount("rw");
        succeeds(&["down", file]);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_change_that_fails_in_the_middle_leaves_the_lab_as_it_was() {
    sandbox(|| {
        let lab = labs::direct();
        let claim = Claim::take(&lab.name).unwrap();
        topology::up(&lab, &claim, &mut NoObserver, &netmon_model::progress::Silent).unwrap();
        let state = fs::read("/run/netmon/direct/state.json").unwrap();
        let before = left_behind();
        let mut more = labs::direct();
        more.namespaces.push(labs::namespace("second"));
        more.links.push(labs::link(
            labs::end("root", "second0", &["10.201.0.1/24"]),
            labs::end("second", "eth0", &["10.201.0.2/24"]),
        ));
        more.links[0].b.addresses = vec![valid("10.200.0.9/24")];
        more.namespaces[0].sysctls.insert("net.ipv4.ip_forward".to_owned(), "0".to_owned());
        drop(claim);
        let taken = || drop(run("ip", &["link", "add", "second0", "type", "bridge"]));
        fails_without_a_trace(&more, "namespaces", 1, taken, "second0");
        run("ip", &["link", "delete", "second0"]);
        assert_eq!(left_behind(), before);
        assert_eq!(fs::read("/run/netmon/direct/state.json").unwrap(), state);
        let plan = topology::plan(&lab).unwrap();
        assert!(plan.is_empty(), "{plan}");
        run("ping", &["-q", "-c", "1", "-W", "2", "10.200.0.3"]);
        let claim = Claim::take(&lab.name).unwrap();
        let report = topology::down(&claim, |_, _| Vec::new(), &netmon_model::progress::Silent);
        assert_eq!(report.errors, [""; 0]);
    });
}
