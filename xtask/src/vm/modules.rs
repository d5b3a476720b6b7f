//! The kernel modules of a machine, in the order in which they are loaded.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::programs::Programs;
use crate::process;

/// Modules that netmon and its tests use, and that no Debian kernel has built in.
const WANTED: [&str; 19] = [
    "veth",
    "bridge",
    "8021q",
    "sch_ingress",
    "sch_netem",
    "sch_tbf",
    "sch_fq",
    "cls_bpf",
    "cls_u32",
    "overlay",
    "nf_tables",
    "dummy",
    "vxlan",
    "geneve",
    "ip_gre",
    "ip6_gre",
    "ipip",
    "sit",
    "ip6_tunnel",
];

/// Returns the files of the wanted modules and of their dependencies. A dependency comes before what needs it.
pub(super) fn wanted(modules: &Path) -> Result<Vec<PathBuf>> {
    let file = modules.join("modules.dep");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let files = closure(&parse(&text), &WANTED).with_context(|| file.display().to_string())?;
    Ok(files.iter().map(|path| modules.join(path)).collect())
}

/// Copies a module into a folder, uncompressed as the kernel needs it. Returns its name there.
pub(super) fn copy(module: &Path, folder: &Path, programs: &Programs) -> Result<String> {
    let name =
        module.file_name().with_context(|| format!("{} has no name", module.display()))?.to_string_lossy();
    let plain = name.trim_end_matches(".xz");
    let to = folder.join(plain);
    if plain == name {
        fs::copy(module, &to).with_context(|| format!("cannot copy {}", module.display()))?;
    } else {
        let to = fs::File::create(&to).with_context(|| format!("cannot make {}", to.display()))?;
        process::quietly(programs.busybox("xzcat").arg(module).stdout(to))?;
    }
    Ok(plain.to_owned())
}

/// Parses lines `FILE: DEPENDENCIES`, by the name of the module.
fn parse(text: &str) -> BTreeMap<String, (&str, Vec<&str>)> {
    let line = |line| {
        let (file, needs): (&str, &str) = str::split_once(line, ':')?;
        Some((name(file), (file, needs.split_whitespace().collect())))
    };
    text.lines().filter_map(line).collect()
}

/// Returns the name of a module: `stp` for `kernel/net/802/stp.ko.xz`. The kernel treats `-` and `_` alike.
fn name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split('.').next().unwrap_or(base).replace('-', "_")
}

/// Returns the files of modules and of their dependencies, in loading order.
fn closure<'a>(all: &BTreeMap<String, (&'a str, Vec<&'a str>)>, wanted: &[&str]) -> Result<Vec<&'a str>> {
    let mut order = Vec::new();
    for module in wanted {
        add(all, module, &mut order)?;
    }
    Ok(order)
}

fn add<'a>(
    all: &BTreeMap<String, (&'a str, Vec<&'a str>)>,
    module: &str,
    order: &mut Vec<&'a str>,
) -> Result<()> {
    let (file, needs) = all.get(module).with_context(|| format!("there is no module {module}"))?;
    if order.contains(file) {
        return Ok(());
    }
    for need in needs {
        add(all, &name(need), order)?;
    }
    order.push(file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "kernel/net/bridge/bridge.ko.xz: kernel/net/802/stp.ko.xz kernel/net/llc/llc.ko.xz\n\
                                kernel/net/802/stp.ko.xz: kernel/net/llc/llc.ko.xz\n\
                                kernel/net/llc/llc.ko.xz:\n\
                                kernel/drivers/net/veth.ko.xz:\n\
                                kernel/net/802/garp-x.ko.xz: kernel/net/802/stp.ko.xz kernel/net/llc/llc.ko.xz\n";

    #[test]
    fn a_module_is_loaded_once_and_after_its_dependencies() {
        let files =
            closure(&parse(DEPENDENCIES), &["bridge", "veth", "garp_x", "stp"]).expect("all are there");
        let names: Vec<String> = files.iter().map(|file| name(file)).collect();
        assert_eq!(names, ["llc", "stp", "bridge", "veth", "garp_x"]);
    }

    #[test]
    fn a_module_that_the_kernel_does_not_have_is_named() {
        let error = closure(&parse(DEPENDENCIES), &["veth", "sch_netem"]).expect_err("it is not in the list");
        assert!(error.to_string().contains("sch_netem"), "{error}");
    }
}
