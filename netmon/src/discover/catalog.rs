//! Gathers what is known of the containers that a census met: from their bundles, from podman's storage, and from daemons.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use netmon_model::survey::Runtime;

use super::{
    census::Census,
    daemon::Daemons,
    naming::{Catalog, bundle, cgroup::Owner, storage},
};

/// Where containerd keeps bundles, each in the directory of a namespace of containerd's own.
const CONTAINERD: [&str; 2] =
    ["/run/containerd/io.containerd.runtime.v2.task", "/run/k3s/containerd/io.containerd.runtime.v2.task"];
/// Where CRI-O and podman keep bundles: `ID/userdata` in it.
const CONTAINERS_STORAGE: [&str; 2] =
    ["/run/containers/storage/overlay-containers", "/var/lib/containers/storage/overlay-containers"];
/// podman's lists of containers, one for each storage driver.
const LISTS: [&str; 2] = [
    "/var/lib/containers/storage/overlay-containers/containers.json",
    "/var/lib/containers/storage/vfs-containers/containers.json",
];
/// Maximum size of a file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// Gathers it. Returns remarks on what could not be read, too.
pub(super) fn gather(census: &Census, daemons: &mut Daemons) -> (Catalog, Vec<String>) {
    let met = met(census);
    let mut catalog = Catalog::default();
    for (_, id) in &met {
        if let Some(facts) = bundle_of(id) {
            catalog.containers.insert((*id).to_owned(), facts);
        }
    }
    if met.iter().any(|(runtime, _)| *runtime == Runtime::Podman) {
        add_storage(&mut catalog);
    }
    let has_daemon = |(runtime, _): &(Runtime, &str)| matches!(runtime, Runtime::Docker | Runtime::Podman);
    let remarks = if met.iter().any(has_daemon) { daemons.ask(&mut catalog) } else { Vec::new() };
    (catalog, remarks)
}

/// Returns the containers whose processes are in a namespace.
fn met(census: &Census) -> BTreeSet<(Runtime, &str)> {
    let owners = census.keepers.values().flat_map(|keeper| &keeper.evidence.owners);
    owners
        .filter_map(|owner| match owner {
            Owner::Container { runtime, id } => Some((*runtime, id.as_str())),
            Owner::Machine { .. } | Owner::Unit(_) => None,
        })
        .collect()
}

fn bundle_of(id: &str) -> Option<super::naming::Facts> {
    let of_containerd = CONTAINERD.into_iter().flat_map(|directory| {
        let namespaces = fs::read_dir(directory).into_iter().flatten().flatten();
        namespaces.map(|namespace| namespace.path().join(id)).collect::<Vec<PathBuf>>()
    });
    let of_storage =
        CONTAINERS_STORAGE.into_iter().map(|directory| Path::new(directory).join(id).join("userdata"));
    of_containerd.chain(of_storage).find_map(|bundle| bundle::parse(&read(&bundle.join("config.json"))?))
}

fn add_storage(catalog: &mut Catalog) {
    for (id, facts) in
        LISTS.into_iter().filter_map(|list| read(Path::new(list))).flat_map(|text| storage::parse(&text))
    {
        catalog.containers.entry(id).or_default().complete(facts);
    }
}

/// Reads a file of bounded size. Returns `None` if it cannot be read.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}
