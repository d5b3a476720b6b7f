//! `/proc/PID/mountinfo`, as far as netmon needs it: the mount point, the type and the source of each mount.
//!
//! A line that cannot be read is skipped and a path need not be UTF-8: one odd mount must not hide the others.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

/// The mounts of a process.
#[derive(Clone, Debug)]
pub struct Mounts(Vec<u8>);

/// A mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The mount point as the kernel writes it, with escapes.
    point: &'a [u8],
    /// The type of the file system, such as `cgroup2`.
    pub file_system: &'a [u8],
    /// The source: a device, or a name that the mounting program chose.
    pub source: &'a [u8],
    /// How mounts below it spread.
    pub propagation: Propagation,
}

/// How mounts below a mount point spread to other mount namespaces (`mount_namespaces(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Propagation {
    /// They are seen in the other members of its peer group, and those of the others here.
    pub is_shared: bool,
    /// Those of a peer group elsewhere are seen here.
    pub is_slave: bool,
}

impl Mounts {
    /// Takes the text of a mountinfo file.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Self {
        Self(text)
    }

    /// Returns each mount, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = Mount<'_>> {
        self.0.split(|byte| *byte == b'\n').filter_map(Mount::parse)
    }
}

impl<'a> Mount<'a> {
    /// Field 5 is the mount point. After a field `-` come the type and the source (`proc_pid_mountinfo(5)`).
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let point = fields.nth(4)?;
        // Field 6 has the options. The optional fields follow.
        let optional = fields.by_ref().skip(1).take_while(|field| *field != b"-");
        let mut propagation = Propagation::default();
        for field in optional {
            propagation.is_shared |= field.starts_with(b"shared:");
            propagation.is_slave |= field.starts_with(b"master:");
        }
        Some(Self { point, file_system: fields.next()?, source: fields.next()?, propagation })
    }

    /// Returns where it is mounted. `None` if the kernel's escapes cannot be read.
    #[must_use]
    pub fn point(self) -> Option<PathBuf> {
        let mut bytes = Vec::with_capacity(self.point.len());
        let mut rest = self.point;
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            // Blanks and backslashes are written as three octal digits.
            bytes.push(if first == b'\\' {
                let (digits, after) = after.split_at_checked(3)?;
                rest = after;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?
            } else {
                first
            });
        }
        Some(PathBuf::from(OsString::from_vec(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_source_and_mount_point_are_found_whatever_optional_fields_there_are() {
        let text = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            41 31 0:31 / /sys/fs/cgroup/unified rw,relatime shared:5 master:7 - cgroup2 cgroup2 rw\n\
            an odd line\n\
            42 31 0:31 / /mnt/a\\040b\\134\xff rw - cgroup2 none rw\n\
            43 31 0:32 / /run/mark ro - tmpfs netmon:1 rw\n";
        let mounts = Mounts::new(text.to_vec());
        let found = |kind: &[u8]| -> Vec<PathBuf> {
            mounts.iter().filter(|mount| mount.file_system == kind).filter_map(Mount::point).collect()
        };
        let odd = PathBuf::from(OsString::from_vec(b"/mnt/a b\\\xff".to_vec()));
        assert_eq!(found(b"cgroup2"), [PathBuf::from("/sys/fs/cgroup/unified"), odd]);
        assert_eq!(found(b"tmpfs"), [PathBuf::from("/sys/fs/cgroup"), PathBuf::from("/run/mark")]);
        assert!(mounts.iter().any(|mount| mount.source == b"netmon:1"));
        let unified = mounts.iter().find(|mount| mount.propagation != Propagation::default());
        let both = Propagation { is_shared: true, is_slave: true };
        assert_eq!(
            unified.map(|mount| (mount.file_system, mount.propagation)),
            Some((&b"cgroup2"[..], both))
        );
    }

    #[test]
    fn an_escape_that_is_cut_off_is_no_path() {
        let mounts = Mounts::new(b"1 2 0:1 / /a\\04 rw - tmpfs x rw".to_vec());
        assert_eq!(mounts.iter().next().and_then(Mount::point), None);
    }
}
