//! Pins: to whom they belong, and what happens to them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use netmon_kernel::sys::{
    bpf_info::max_entries,
    bpf_pins::{make_array, pin, pinned},
};
use netmon_tests::{
    agent::{Agent, scrape},
    commands::{fails, printed, succeeds},
    lab_files::spoke,
    persisted::{pins_of, with_pins},
    sandbox::run,
};
use rustix::{
    mount::{MountFlags, mount},
    process::Signal,
};

/// Pins an array, as another program might.
fn pin_array(path: &Path, name: &str, entries: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    pin(make_array(name, entries).unwrap(), path).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn hooks(folder: &Path) -> usize {
    names(folder).iter().filter(|name| name.ends_with("gress")).count()
}

/// Creates a foreign pin beside netmon's, and one in netmon's folder.
fn place_foreign_pins() -> [PathBuf; 2] {
    let foreign = [PathBuf::from("/sys/fs/bpf/theirs"), PathBuf::from("/sys/fs/bpf/netmon/theirs@1/map_x")];
    for path in &foreign {
        pin_array(path, "theirs", 7);
    }
    foreign
}

#[test]
fn down_removes_the_pins_of_its_lab_and_nothing_else() {
    with_pins(|| {
        let foreign = place_foreign_pins();
        succeeds(&["up", "--persist"]);
        let folder = pins_of("direct");
        assert_eq!(hooks(&folder), 4);
        succeeds(&["down"]);
        assert!(!folder.exists());
        for path in foreign {
            assert_eq!(max_entries(pinned(&path).unwrap()).unwrap(), 7, "{}", path.display());
        }
    });
}

#[test]
fn a_foreign_pin_in_a_labs_folder_stays_and_is_reported() {
    with_pins(|| {
        succeeds(&["up", "--persist"]);
        let theirs = pins_of("direct").join("theirs");
        pin_array(&theirs, "theirs", 7);
        let said = fails(1, &["down"]);
        assert!(said.contains("theirs is not netmon's"), "{said}");
        assert_eq!(names(&pins_of("direct")), ["map_NETMON_ABI", "theirs"]);
        fs::remove_file(&theirs).unwrap();
        succeeds(&["down"]);
        assert!(!pins_of("direct").exists());
    });
}

#[test]
fn a_folder_without_netmons_mark_is_a_conflict_and_stays() {
    with_pins(|| {
        let theirs = pins_of("direct").join("map_COUNTERS");
        pin_array(&theirs, "theirs", 7);
        let said = fails(4, &["up", "--persist"]);
        assert!(said.contains("is not netmon's"), "{said}");
        assert!(theirs.exists());
        assert!(!Path::new("/run/netns/direct_netns").exists());
    });
}

#[test]
fn maps_of_another_abi_version_are_replaced_with_a_warning() {
    with_pins(|| {
        let mark = pins_of("direct").join("map_NETMON_ABI");
        pin_array(&mark, "NETMON_ABI", 99);
        pin_array(&pins_of("direct").join("map_COUNTERS"), "COUNTERS", 3);
        let said = succeeds(&["up", "--persist"]);
        let version = max_entries(pinned(&mark).unwrap()).unwrap();
        assert_ne!(version, 99);
        let expected = format!("ABI version 99, and this netmon uses {version}; counters restart from zero");
        assert!(said.contains(&expected), "{said}");
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.200.0.3"]);
        let _agent = Agent::start([""; 0]);
        let labels = [("protocol", "icmp"), ("direction", "egress"), ("netns", "root")];
        assert_eq!(scrape().sum("netmon_packets_total", &labels), 3.0);
    });
}

#[test]
fn an_incomplete_set_of_pins_is_replaced_entirely() {
    with_pins(|| {
        let folder = pins_of("direct");
        for missing in ["map_SETTINGS", "map_COUNTERS", "map_JUMP_TABLE", "map_ENDS"] {
            succeeds(&["up", "--persist"]);
            fs::remove_file(folder.join(missing)).unwrap();
            let said = succeeds(&["up"]);
            assert!(said.contains("counters restart from zero"), "without {missing}: {said}");
            assert!(folder.join(missing).exists());
            assert_eq!(hooks(&folder), 4);
        }
        // An endpoint that lacks a link is not taken over either.
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.200.0.3"]);
        fs::remove_file(folder.join("link_0_egress")).unwrap();
        let said = succeeds(&["up"]);
        assert!(said.contains("counters restart from zero"), "{said}");
        assert_eq!(hooks(&folder), 4);
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.200.0.3"]);
        let _agent = Agent::start([""; 0]);
        let labels = [("protocol", "icmp"), ("direction", "egress")];
        assert_eq!(scrape().sum("netmon_packets_total", &labels), 4.0);
    });
}

#[test]
fn clean_and_doctor_show_the_pins_of_a_dead_lab_and_clean_removes_them() {
    with_pins(|| {
        Agent::start(["--persist"]).end(Signal::KILL);
        let folder = pins_of("direct");
        let shown = folder.to_str().unwrap();
        assert!(succeeds(&["doctor"]).contains(shown));
        assert!(fails(1, &["clean"]).contains(shown));
        succeeds(&["clean", "--yes"]);
        assert!(!folder.exists());
        // The same when only the pins are left. Without services: nothing would know of them any more.
        let lab = "/run/sandbox/bare.toml";
        fs::write(lab, spoke("bare", "vbare", "10.77.0")).unwrap();
        succeeds(&["up", lab, "--persist"]);
        let folder = pins_of("bare");
        fs::remove_dir_all("/run/netmon/bare").unwrap();
        run("ip", &["netns", "del", "bare"]);
        assert!(fails(1, &["clean"]).contains(folder.to_str().unwrap()));
        succeeds(&["clean", "--yes"]);
        assert!(!folder.exists());
    });
}

#[test]
fn a_read_only_bpf_file_system_is_exit_code_3_and_changes_nothing() {
    with_pins(|| {
        mount("bpf", "/sys/fs/bpf", "bpf", MountFlags::RDONLY, None).unwrap();
        let said = fails(3, &["up", "--persist"]);
        assert!(said.contains("counting cannot persist"), "{said}");
        let said = fails(3, &["run", "--persist"]);
        assert!(said.contains("counting cannot persist"), "{said}");
        assert!(!Path::new("/run/netns/direct_netns").exists());
    });
}

#[test]
fn a_change_of_a_persisted_lab_adds_and_removes_the_pins_of_its_links() {
    const LAB: &str = "/run/sandbox/changing.toml";
    let lab = |links: &[(&str, u8)]| {
        let link = |(name, net): &(&str, u8)| spoke(name, &format!("v{name}"), &format!("10.77.{net}"));
        fs::write(LAB, links.iter().map(link).collect::<String>()).unwrap();
    };
    with_pins(|| {
        lab(&[("one", 1), ("two", 2)]);
        let agent = Agent::start([LAB, "--persist"]);
        let folder = pins_of("changing");
        assert_eq!(hooks(&folder), 8);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.77.1.2"]);
        lab(&[("one", 1), ("three", 3), ("four", 4)]);
        succeeds(&["reload", LAB]);
        assert_eq!(hooks(&folder), 12);
        agent.end(Signal::KILL);
        // The same without an agent.
        lab(&[("one", 1), ("three", 3)]);
        succeeds(&["up", LAB]);
        assert_eq!(hooks(&folder), 8);
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.77.1.2"]);
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.77.3.2"]);
        let _agent = Agent::start([LAB]);
        let metrics = scrape();
        for (interface, pings) in [("vone", 5.0), ("vthree", 2.0)] {
            let labels = [("interface", interface), ("protocol", "icmp"), ("direction", "egress")];
            assert_eq!(metrics.sum("netmon_packets_total", &labels), pings, "{interface}");
        }
        assert_eq!(metrics.count("netmon_segments_total", &[("direction", "egress")]), 4);
    });
}

#[test]
fn a_large_lab_counts_on_in_filters_which_the_next_agent_takes_over() {
    const LAB: &str = "/run/sandbox/large.toml";
    with_pins(|| {
        fs::write(LAB, printed(&["generate", "star", "-n", "51"])).unwrap();
        let addresses: Vec<String> = {
            let lab = netmon_labfile::open(Some(Path::new(LAB))).unwrap();
            lab.links.iter().map(|link| link.b.addresses[0].addr().to_string()).collect()
        };
        let agent = Agent::start([LAB, "--persist"]);
        assert_eq!(hooks(&pins_of("star")), 0);
        run("ping", &["-q", "-c", "3", "-i", "0.01", &addresses[0]]);
        agent.end(Signal::KILL);
        run("ping", &["-q", "-c", "4", "-i", "0.01", &addresses[50]]);
        let agent = Agent::start([LAB]);
        let metrics = scrape();
        assert_eq!(metrics.sum("netmon_program_attached", &[("mode", "clsact")]), 204.0);
        let icmp = [("protocol", "icmp"), ("direction", "egress"), ("netns", "root")];
        assert_eq!(metrics.sum("netmon_packets_total", &icmp), 7.0);
        drop(agent);
        succeeds(&["down", LAB]);
    });
}
