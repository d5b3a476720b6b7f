//! `cargo xtask vm`: tests netmon on other kernels, in emulated virtual machines.
//!
//! A machine is a Debian kernel, a file system in memory with busybox, netmon, the tests and the programs that they
//! use, and a serial console. Nothing is installed on the host, and nothing needs root: kernels and qemu are
//! downloaded once and unpacked in the target folder's `vm`. `tests/vm` tests what the machines have and many hosts
//! lack: delay by netem, VLAN devices, no TCX.

mod initramfs;
mod kernel;
mod libraries;
mod machine;
mod modules;
mod outcome;
mod programs;
mod selection;
mod systemd;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use self::{initramfs::Tree, kernel::Kernel, kernel::Series, programs::Programs};
use crate::{
    build, cargo, process,
    provision::{self, Want},
    workspace,
};

/// A machine is killed after this time.
const LIMIT: Duration = Duration::from_secs(900);
/// The host's programs that the tests use.
const TOOLS: [&str; 7] = ["bash", "bpftool", "curl", "ethtool", "ip", "ping", "tc"];
/// The names under which busybox is installed. None is the name of a tool: a test would run the wrong one.
const APPLETS: [&str; 9] = ["cat", "env", "ls", "mkdir", "rm", "sed", "sh", "sleep", "true"];
/// Folders that are created empty.
const FOLDERS: [&str; 7] = ["dev", "etc", "proc", "root", "run", "sys", "tmp"];

/// Which machines run, and what runs in them.
#[derive(Args, Debug)]
pub(crate) struct Vm {
    /// Kernel series
    #[arg(long, value_enum, default_value_t = Which::All)]
    kernel: Which,
    /// Start a shell in the machine instead of the tests; `poweroff -f` ends it
    #[arg(long, conflicts_with = "filters")]
    shell: bool,
    /// Run only tests of tests/vm and tests/privileged whose names contain one of these
    filters: Vec<String>,
}

/// Kernels by series.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Of Debian 12, without TCX
    #[value(name = "6.1")]
    V6_1,
    /// Of Debian 13, with TCX
    #[value(name = "6.12")]
    V6_12,
    /// Both, one after the other
    All,
}

/// The binaries that every machine gets.
struct Built {
    netmon: PathBuf,
    tests: PathBuf,
    privileged: PathBuf,
}

/// Runs the tests in the selected machines.
pub(crate) fn run(vm: &Vm) -> Result<()> {
    // Steps that may be impossible come before steps that take long.
    let programs = Programs::provide()?;
    let series = vm.kernel.series();
    let kernels =
        series.iter().map(|series| Kernel::provide(*series, &programs)).collect::<Result<Vec<_>>>()?;
    provision::ensure(&[Want::Peers])?;
    let built = Built {
        netmon: build::netmon(false)?,
        tests: cargo::built("test", "vm", &["--test", "vm", "--no-run"])?,
        privileged: cargo::built("test", "privileged", &["--test", "privileged", "--no-run"])?,
    };
    for kernel in &kernels {
        on(kernel, vm, &programs, &built).with_context(|| format!("on Linux {}", kernel.release))?;
    }
    Ok(())
}

/// Runs all tests on all kernels.
pub(crate) fn run_all() -> Result<()> {
    run(&Vm { kernel: Which::All, shell: false, filters: Vec::new() })
}

fn on(kernel: &Kernel, vm: &Vm, programs: &Programs, built: &Built) -> Result<()> {
    let begun = Instant::now();
    let files = files(kernel, vm, programs, built)?;
    let mut qemu = machine::command(programs, kernel, &files);
    eprintln!(
        "xtask: starting Linux {}, emulated; its files took {} s",
        kernel.release,
        begun.elapsed().as_secs()
    );
    if vm.shell {
        return process::run(qemu.args(["-serial", "mon:stdio"]));
    }
    let console = machine::run(qemu, LIMIT)?;
    outcome::complaint(&console.lines)?;
    let with_systemd = systemd::are_wanted(kernel.series, &vm.filters);
    let runs = ["vm", "privileged", "systemd"];
    let passed = outcome::passed(&console.lines, if with_systemd { &runs } else { &runs[..2] })?;
    eprintln!("xtask: {passed} tests passed on Linux {} in {} s", kernel.release, console.took.as_secs());
    Ok(())
}

/// Makes the machine's file system and packs it.
fn files(kernel: &Kernel, vm: &Vm, programs: &Programs, built: &Built) -> Result<PathBuf> {
    let name = format!("files-{}", kernel.series.as_str().replace('.', "_"));
    let tree = Tree::new(workspace::target()?.join("vm").join(name))?;
    for folder in FOLDERS {
        tree.folder(folder)?;
    }
    tree.text("/init", include_str!("init.sh"))?;
    tree.runnable("/init")?;
    tree.text("/netmon/what", &what(kernel.series, vm))?;
    if !vm.shell && systemd::are_wanted(kernel.series, &vm.filters) {
        systemd::add(&tree, &environment(kernel.series), &quoted(&vm.filters))?;
    }
    // busybox is linked statically: it needs no libraries.
    tree.copy(&programs.busybox_path(), Path::new("/bin/busybox"))?;
    for applet in APPLETS {
        tree.link("busybox", &format!("/bin/{applet}"))?;
    }
    for tool in TOOLS {
        let path = process::find(tool).with_context(|| format!("there is no {tool} on this host"))?;
        tree.program(&path, &format!("/usr/bin/{tool}"))?;
    }
    tree.own_program(&built.netmon, "/usr/bin/netmon")?;
    tree.own_program(&built.tests, "/netmon/vm")?;
    tree.own_program(&built.privileged, "/netmon/privileged")?;
    copy_labs(&tree)?;
    copy_modules(&tree, kernel, programs)?;
    tree.pack(programs)
}

/// Copies the example labs to the path that is compiled into the tests.
fn copy_labs(tree: &Tree) -> Result<()> {
    let root = workspace::root()?;
    tree.folder(root.join("tests"))?;
    tree.copy_all(&root.join("labs"), &root.join("labs"))
}

fn copy_modules(tree: &Tree, kernel: &Kernel, programs: &Programs) -> Result<()> {
    let folder = tree.folder("/modules")?;
    let mut order = Vec::new();
    for module in modules::wanted(&kernel.modules)? {
        order.push(modules::copy(&module, &folder, programs)?);
    }
    tree.text("/modules/order", &order.join("\n"))
}

/// Returns the shell commands that the machine runs.
fn what(series: Series, vm: &Vm) -> String {
    if vm.shell {
        return "busybox --install -s /bin\nsetsid cttyhack sh\n".to_owned();
    }
    let exact: Vec<String>;
    let (filters, privileged) = if vm.filters.is_empty() {
        exact = selection::privileged(series).iter().map(|name| (*name).to_owned()).collect();
        (&[][..], ("--exact ", &exact[..]))
    } else {
        (&vm.filters[..], ("", &vm.filters[..]))
    };
    let root = Path::new("/netmon");
    // Those need systemd as the first process, and run after the others.
    let not_yet = ["--skip".to_owned(), systemd::TESTS.to_owned()];
    format!(
        "{}\n\
         run vm {root}/vm --test-threads=1 {} {}\n\
         run privileged {root}/privileged --test-threads=1 {}{}\n",
        environment(series),
        quoted(&not_yet),
        quoted(filters),
        privileged.0,
        quoted(privileged.1),
        root = root.display(),
    )
}

/// Returns the shell command that tells the tests where they are.
fn environment(series: Series) -> String {
    let kernel = series.as_str();
    format!("export NETMON_BIN=/usr/bin/netmon NETMON_TEST_STRICT=1 NETMON_VM_KERNEL={kernel}")
}

/// Quotes words for a shell.
fn quoted(words: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

impl Which {
    fn series(self) -> &'static [Series] {
        match self {
            Self::V6_1 => &Series::ALL[..1],
            Self::V6_12 => &Series::ALL[1..],
            Self::All => &Series::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn vm(filters: &[&str]) -> Vm {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        Vm { kernel: Which::All, shell: false, filters }
    }

    #[test]
    fn without_a_filter_all_vm_tests_and_a_selection_of_the_privileged_ones_run() {
        let what = what(Series::V6_1, &vm(&[]));
        assert!(what.contains("NETMON_VM_KERNEL=6.1\n"), "{what}");
        assert!(what.contains("run vm /netmon/vm --test-threads=1 '--skip' 'systemd::' \n"), "{what}");
        assert!(what.contains("--exact 'agent_lifecycle::"), "{what}");
    }

    #[test]
    fn a_filter_applies_to_both_and_is_passed_on_unchanged() {
        let what = what(Series::V6_12, &vm(&["vlan", "it's"]));
        assert!(
            what.contains("/netmon/vm --test-threads=1 '--skip' 'systemd::' 'vlan' 'it'\\''s'\n"),
            "{what}"
        );
        assert!(what.contains("/netmon/privileged --test-threads=1 'vlan' 'it'\\''s'\n"), "{what}");
    }

    #[test]
    fn the_init_script_is_valid_shell() {
        let checked = Command::new("/bin/sh").args(["-n", "-c", include_str!("init.sh")]).status();
        assert!(checked.expect("a shell").success());
    }
}
