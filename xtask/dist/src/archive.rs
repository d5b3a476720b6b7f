//! Archives whose bytes depend on nothing but their entries.

use std::{collections::BTreeSet, io::Write as _};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::{
    About,
    contents::{Contents, Entry},
};

/// Returns the archive for any system: everything below one folder, as it is below /usr.
pub(crate) fn tar_gz(contents: &Contents, about: &About) -> Result<Vec<u8>> {
    let entries = contents.entries().iter().map(|entry| {
        let path = entry.path.strip_prefix("usr/").unwrap_or(&entry.path);
        Entry { path: format!("{}/{path}", about.stem()), ..entry.clone() }
    });
    gzip(&tar(&entries.collect::<Vec<_>>(), about.epoch)?)
}

/// Returns a tar archive of the entries and the folders that they are in.
pub(crate) fn tar(entries: &[Entry], epoch: u32) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for folder in folders(entries) {
        let header = header(EntryType::Directory, 0, 0o755, epoch);
        append(&mut archive, header, &format!("{folder}/"), &[])?;
    }
    for entry in entries {
        let header = header(EntryType::Regular, entry.bytes.len() as u64, entry.mode, epoch);
        append(&mut archive, header, &entry.path, &entry.bytes)?;
    }
    archive.into_inner().context("cannot finish an archive")
}

/// Returns the folders that the entries are in, each before those inside it.
fn folders(entries: &[Entry]) -> BTreeSet<String> {
    let ends = |path: &str| path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
    entries
        .iter()
        .flat_map(|entry| ends(&entry.path).into_iter().map(|end| entry.path[..end].to_owned()))
        .collect()
}

fn header(kind: EntryType, size: u64, mode: u32, epoch: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(epoch.into());
    header.set_uid(0);
    header.set_gid(0);
    // Neither fails: the names are short.
    let _ = header.set_username("root");
    let _ = header.set_groupname("root");
    header
}

fn append(archive: &mut Builder<Vec<u8>>, mut header: Header, path: &str, bytes: &[u8]) -> Result<()> {
    archive.append_data(&mut header, path, bytes).with_context(|| format!("cannot pack {path}"))
}

/// Compresses without a name and a time.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    writer.write_all(bytes).context("cannot compress")?;
    writer.finish().context("cannot compress")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn entry(path: &str, mode: u32) -> Entry {
        Entry { path: path.to_owned(), mode, bytes: path.as_bytes().to_vec() }
    }

    #[test]
    fn an_archive_contains_folders_before_files_and_everything_belongs_to_root() {
        let bytes = tar(&[entry("usr/bin/netmon", 0o755), entry("usr/lib/x", 0o644)], 7).expect("packs");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().expect("readable") {
            let mut entry = entry.expect("readable");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            let header = entry.header();
            assert_eq!((header.uid().ok(), header.mtime().ok()), (Some(0), Some(7)));
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            seen.push((path, header.mode().expect("a mode"), text));
        }
        let found: Vec<_> = seen.iter().map(|(path, mode, _)| (path.as_str(), *mode)).collect();
        let folders = [("usr/", 0o755), ("usr/bin/", 0o755), ("usr/lib/", 0o755)];
        assert_eq!(found[..3], folders);
        assert_eq!(found[3..], [("usr/bin/netmon", 0o755), ("usr/lib/x", 0o644)]);
        assert_eq!(seen[3].2, "usr/bin/netmon");
    }

    #[test]
    fn compressing_twice_gives_the_same_bytes() {
        assert_eq!(gzip(b"netmon").expect("compresses"), gzip(b"netmon").expect("compresses"));
    }
}
