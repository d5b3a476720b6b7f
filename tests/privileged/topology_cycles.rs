//! One process builds and removes labs a thousand times: nothing is left in the process or on the host.
//!
//! The process is separate (it runs this test's program again), because the other tests of this one open and close
//! descriptors and threads at the same time. Four labs take turns, because removing one is mostly waiting for the
//! kernel.

use std::{
    collections::BTreeSet,
    env, fs,
    process::{Command, id},
    thread,
    time::Duration,
};

use netmon::{
    datapath::Options,
    ownership::Claim,
    topology::{self, AttachObserver, BoxError, Endpoint, NoObserver},
    watch::Meter,
};
use netmon_kernel::sys::heap;
use netmon_model::{
    lab::{Bridge, Lab},
    progress::Silent,
};
use netmon_tests::{
    bpf_objects::{Object, exists, held_by},
    eventually::{eventually, eventually_equal},
    frugal::FRUGAL,
    host::left_behind,
    labs::{empty, end, link, namespace, route, valid},
    sandbox::{run, sandbox},
};
use rustix::process::getpid;

/// Set in the process that does the work.
const INSIDE: &str = "NETMON_TEST_CYCLES";
const LABS: usize = 4;
const CYCLES: usize = 1000;
/// After so many cycles, all that is allocated once is allocated, and each lab was watched.
const WARM: usize = 200;
/// One cycle of so many is watched: each hook waits for an RCU grace period, when it is attached and when it is
/// detached.
const WATCHED_EVERY: usize = 50;
/// What an allocator may retain after it has returned free memory.
const SLACK_KIB: u64 = 2048;
const PATIENCE: Duration = Duration::from_secs(15);
const QUIET_LOOKS: u32 = 20;

/// Two namespaces, one with a bridge; a file, a setting, both address families, routes.
fn lab(number: usize) -> Lab {
    let (near, far) = (format!("cycle{number}-near"), format!("cycle{number}-far"));
    let mut lab = empty(&format!("cycle{number}"));
    let mut inside = namespace(&near);
    inside.nameservers = Some(Vec::new());
    inside.routes = vec![route("0.0.0.0/0", &format!("10.34.{number}.1"))];
    inside.sysctls = [("net.ipv4.ip_forward".to_owned(), "1".to_owned())].into();
    lab.namespaces = vec![inside, namespace(&far)];
    lab.bridges.push(Bridge { name: valid("br0"), namespace: valid(&far), addresses: Vec::new() });
    let root = end(
        "root",
        &format!("cy{number}"),
        &[&format!("10.34.{number}.1/24"), &format!("fd34:{number}::1/64")],
    );
    let inner = end(&near, "eth0", &[&format!("10.34.{number}.2/24"), &format!("fd34:{number}::2/64")]);
    let mut port = end(&far, "eth0", &[]);
    port.bridge = Some(valid("br0"));
    lab.links.push(link(root, inner));
    lab.links.push(link(end(&near, "eth1", &["10.35.0.1/24"]), port));
    lab
}

struct Watching {
    meter: Meter,
    objects: BTreeSet<Object>,
}

impl AttachObserver for Watching {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        self.meter.attach(endpoints)?;
        self.objects = held_by(getpid());
        Ok(())
    }
}

/// Builds and removes `lab` so many times.
fn cycles(lab: &Lab, times: usize) {
    for number in 1..=times {
        let claim = Claim::take(&lab.name).expect("no other process holds it");
        if number % WATCHED_EVERY == 0 {
            watched_up(lab, &claim);
        } else {
            topology::up(lab, &claim, &mut NoObserver, &Silent).expect("nothing is in the way");
        }
        let report = topology::down(&claim, |_, _| Vec::new(), &Silent);
        assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report:?}");
    }
}

fn watched_up(lab: &Lab, claim: &Claim) {
    let meter = Meter::load(&Options { flow_entries: 0, ..Options::default() }).expect("it loads");
    let mut watching = Watching { meter, objects: BTreeSet::new() };
    topology::up(lab, claim, &mut watching, &Silent).expect("nothing is in the way");
    assert!(watching.objects.len() > 8, "{:?}", watching.objects);
    let errors = watching.meter.release();
    assert!(errors.is_empty(), "{errors:?}");
}

/// All labs take turns, `times` cycles in all.
fn in_turns(labs: &[Lab], times: usize) {
    thread::scope(|scope| {
        for lab in labs {
            scope.spawn(|| cycles(lab, times / labs.len()));
        }
    });
}

/// What grows when something leaks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    mounts: usize,
    on_the_host: String,
}

fn held() -> Held {
    let count = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
    Held {
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
        mounts: fs::read_to_string("/proc/thread-self/mountinfo").map_or(0, |mounts| mounts.lines().count()),
        on_the_host: left_behind(),
    }
}

/// Waits until the values stay the same for a while: a thread that has ended is listed a little longer.
fn settled() -> Held {
    let (mut last, mut same) = (held(), 0);
    eventually("a quiet process", PATIENCE, || {
        let now = held();
        same = if now == last { same + 1 } else { 0 };
        last = now.clone();
        (same == QUIET_LOOKS).then_some(now)
    })
}

/// The memory in use: loading the datapath takes ten MiB for a moment, in up to four threads at once.
fn resident_kib() -> u64 {
    heap::give_back();
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process with memory");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// The work of the separate process.
fn inside() {
    sandbox(|| {
        // A foreign namespace: with it, netmon neither creates nor removes /run/netns, which concurrent labs would do
        // while others use it.
        run("ip", &["netns", "add", "foreign"]);
        let labs: Vec<Lab> = (0..LABS).map(lab).collect();
        in_turns(&labs, WARM);
        let (warm, memory) = (settled(), resident_kib());
        in_turns(&labs, CYCLES - WARM);
        eventually_equal("as many as before", PATIENCE, || (held(), warm.clone()));
        let now = resident_kib();
        println!("{memory} KiB after {WARM} cycles, {now} KiB after {CYCLES}; {warm:?}");
        assert!(now <= memory + SLACK_KIB, "{memory} KiB after {WARM} cycles, {now} after {CYCLES}");
        let objects: Vec<Object> = held_by(getpid()).into_iter().filter(|object| exists(*object)).collect();
        assert!(objects.is_empty(), "process {} still has {objects:?}", id());
        assert!(warm.on_the_host.contains("foreign"));
    });
}

#[test]
fn a_thousand_labs_that_come_and_go_leave_nothing_in_the_process_or_on_the_host() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let name =
        "topology_cycles::a_thousand_labs_that_come_and_go_leave_nothing_in_the_process_or_on_the_host";
    let itself = env::current_exe().expect("this program");
    let mut again = Command::new(itself);
    let status = again
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .envs(FRUGAL)
        .status()
        .expect("it starts");
    assert!(status.success(), "{status}");
}
