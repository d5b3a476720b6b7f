//! A mark that another program wrote makes nothing netmon's: a namespace's own root may set any alias in it.

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    commands::{fails, succeeds},
    labs::valid,
    sandbox::{run, sandbox},
    unprivileged,
};

fn inside(name: &str) -> u64 {
    NetNs::open(&valid(name)).unwrap().identity().inode
}

#[test]
fn a_marked_namespace_of_a_container_keeps_its_name() {
    sandbox(|| {
        let _one = unprivileged::container("cni-1", "netmon:direct");
        let _two = unprivileged::container("cni-2", "netmon:ghost");
        let before = [inside("cni-1"), inside("cni-2")];
        let said = succeeds(&["clean"]);
        assert!(said.contains("Nothing is left over"), "{said}");
        let said = succeeds(&["plan"]);
        assert!(!said.contains("cni-"), "{said}");
        succeeds(&["up"]);
        succeeds(&["clean", "--yes"]);
        succeeds(&["down"]);
        assert_eq!([inside("cni-1"), inside("cni-2")], before);
    });
}

#[test]
fn a_lab_is_not_built_inside_a_container_that_has_its_name_and_its_mark() {
    sandbox(|| {
        let _container = unprivileged::container("direct_netns", "netmon:direct");
        let before = inside("direct_netns");
        let said = fails(4, &["up"]);
        assert!(
            said.contains("namespace direct_netns already exists and is not part of lab direct"),
            "{said}"
        );
        let links = run("ip", &["-n", "direct_netns", "-br", "link"]);
        assert_eq!(links.lines().count(), 1, "{links}");
        succeeds(&["down"]);
        assert_eq!(inside("direct_netns"), before);
    });
}

#[test]
fn a_mark_that_netmon_did_not_write_below_the_name_is_no_mark() {
    sandbox(|| {
        // Of the host's own user namespace, as containers with CAP_NET_ADMIN are in Kubernetes.
        for name in ["theirs", "ghosts"] {
            run("ip", &["netns", "add", name]);
        }
        run("ip", &["-n", "theirs", "link", "set", "lo", "alias", "netmon:direct"]);
        run("ip", &["-n", "ghosts", "link", "set", "lo", "alias", "netmon:ghost"]);
        let before = [inside("theirs"), inside("ghosts")];
        let plan = succeeds(&["plan"]);
        assert!(!plan.contains("theirs"), "{plan}");
        for arguments in [&["up"][..], &["clean", "--yes"], &["down"], &["clean", "--yes"]] {
            succeeds(arguments);
            assert_eq!([inside("theirs"), inside("ghosts")], before, "{arguments:?}");
        }
        // The same under a name of the lab's.
        run("ip", &["netns", "add", "direct_netns"]);
        run("ip", &["-n", "direct_netns", "link", "set", "lo", "alias", "netmon:direct"]);
        let said = fails(4, &["up"]);
        assert!(said.contains("namespace direct_netns already exists"), "{said}");
    });
}
