//! Kernel settings of namespaces: the kernel's own defaults on each host, and those of the lab file.

use std::{fs, path::Path};

use netmon_tests::{
    commands::{fails, succeeds},
    sandbox::{run, run_in, sandbox},
};
use rustix::mount::{MountFlags, mount_bind, mount_remount};

const FILE: &str = "/run/sandbox/settings.toml";

fn write(sysctls: &str) {
    let text = format!(
        "name = \"settings\"\n[[namespace]]\nname = \"a\"\nsysctls = {{ {sysctls} }}\n[[namespace]]\nname = \"b\"\n[[link]]\n\
         a = {{ namespace = \"a\", interface = \"eth0\", addresses = [\"10.0.0.1/24\"] }}\n\
         b = {{ namespace = \"b\", interface = \"eth0\", addresses = [\"10.0.0.2/24\"] }}\n"
    );
    fs::write(FILE, text).expect("a tmpfs");
}

fn value(namespace: &str, key: &str) -> String {
    run_in(namespace, "cat", &[&format!("/proc/sys/net/ipv4/conf/{key}")]).trim().to_owned()
}

#[test]
fn a_new_namespace_has_the_kernels_own_ipv4_settings() {
    sandbox(|| {
        write("\"net.ipv4.conf.eth0.rp_filter\" = \"2\"");
        succeeds(&["up", FILE]);
        let kernels = [
            ("forwarding", "0"),
            ("rp_filter", "0"),
            ("send_redirects", "1"),
            ("promote_secondaries", "0"),
            ("route_localnet", "0"),
            ("arp_ignore", "0"),
            ("igmpv2_unsolicited_report_interval", "10000"),
        ];
        for part in ["all", "default", "lo", "eth0"] {
            for (key, expected) in kernels {
                assert_eq!(value("b", &format!("{part}/{key}")), expected, "{part}/{key}");
            }
        }
        assert_eq!(value("b", "default/accept_source_route"), "1");
        assert_eq!(value("b", "lo/disable_policy"), "1", "the kernel exempts lo");
        assert_eq!(value("a", "eth0/rp_filter"), "2", "the file's own settings come last");
        succeeds(&["down", FILE]);
    });
}

#[test]
fn a_setting_that_is_right_already_is_not_written() {
    sandbox(|| {
        mount_bind("/proc/sys", "/proc/sys").expect("a mount of its own");
        mount_remount("/proc/sys", MountFlags::BIND | MountFlags::RDONLY, c"").expect("read-only");
        write("\"net.ipv4.ip_forward\" = \"0\", \"net.ipv4.conf.eth0.rp_filter\" = \"0\"");
        succeeds(&["up", FILE]);
        assert!(Path::new("/run/netns/a").exists());
        succeeds(&["down", FILE]);
        write("\"net.ipv4.ip_default_ttl\" = \"65\"");
        let said = fails(2, &["plan", FILE]);
        assert!(said.contains("/proc/sys is read-only, and the setting has another value"), "{said}");
    });
}

#[test]
fn settings_that_the_kernel_will_refuse_are_found_by_plan() {
    sandbox(|| {
        let wrong = [
            (
                "\"net.ipv4.no_such_setting\" = \"1\"",
                3,
                "this kernel has no such setting, or only one for the whole host",
            ),
            ("\"net.ipv4.ip_default_ttl\" = \"300\"", 2, "the kernel refuses this value"),
            ("\"net.ipv4.ip_default_ttl\" = \"abc\"", 2, "the kernel refuses this value"),
            ("\"net.ipv4.conf.eth9.rp_filter\" = \"1\"", 2, "it has no interface eth9"),
            ("\"net.ipv4.conf.eth0.no_such_setting\" = \"1\"", 3, "this kernel has no such setting"),
        ];
        for (sysctls, code, words) in wrong {
            write(sysctls);
            for command in ["plan", "up"] {
                let said = fails(code, &[command, FILE]);
                assert!(said.contains(words) && said.contains("in namespace a"), "{sysctls}: {said}");
                assert!(said.contains("nothing was changed"), "{said}");
            }
        }
        write("\"net.ipv4.conf.eth0.rp_filter\" = \"1\", \"net.ipv4.conf.lo.rp_filter\" = \"1\"");
        succeeds(&["up", FILE]);
        succeeds(&["down", FILE]);
        assert!(!run("ip", &["netns", "list"]).contains('a'));
    });
}

#[test]
fn a_network_that_the_host_has_already_is_warned_about() {
    sandbox(|| {
        run("ip", &["link", "add", "dd", "type", "bridge"]);
        run("ip", &["address", "add", "10.0.0.2/24", "dev", "dd"]);
        let text = "name = \"settings\"\n[[namespace]]\nname = \"a\"\n[[link]]\n\
                    a = { namespace = \"root\", interface = \"st0\", addresses = [\"10.0.0.2/24\"] }\n\
                    b = { namespace = \"a\", interface = \"eth0\", addresses = [\"10.0.0.1/24\"] }\n";
        fs::write(FILE, text).expect("a tmpfs");
        let words =
            "interface dd of this host has the same address as st0 of the lab (10.0.0.2/24 and 10.0.0.2/24)";
        for command in ["plan", "up"] {
            let said = succeeds(&[command, FILE]);
            assert!(said.contains(words), "{command}: {said}");
        }
        succeeds(&["down", FILE]);
    });
}
