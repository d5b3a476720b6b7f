//! The lab of a recording, with the text of its file.
//!
//! The path comes from the agent. Its text is recorded only if it is a valid lab file of that lab: an agent cannot make the
//! recorder copy any other file of this host.

use std::{fs, path::Path};

use netmon_compare::recording::{Lab, TotalsLab};
use netmon_labfile::MAX_FILE_BYTES;

/// Returns the lab of an agent. Without text if the agent is not known to be on this host.
pub(super) fn recorded(lab: &TotalsLab, is_on_this_host: bool) -> Lab {
    let TotalsLab { name, file } = lab.clone();
    let text = is_on_this_host.then(|| text(Path::new(&file), &name)).flatten();
    Lab { name, file, text }
}

/// Returns the text of a lab file. Returns `None` if it cannot be read, or is not that of this lab.
fn text(path: &Path, lab: &netmon_model::names::LabName) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > MAX_FILE_BYTES {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let stem = path.file_stem()?.to_string_lossy();
    let parsed = netmon_labfile::parse(&text, &path.to_string_lossy(), &stem).ok()?;
    (parsed.name == *lab).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: &str = "[[namespace]]\nname = \"web\"\n[[link]]\n\
        a = { namespace = \"root\", interface = \"web0\", addresses = [\"10.9.0.1/30\"] }\n\
        b = { namespace = \"web\", interface = \"eth0\", addresses = [\"10.9.0.2/30\"] }\n";

    #[test]
    fn only_the_file_of_the_lab_is_recorded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("office.toml");
        fs::write(&path, OFFICE).unwrap();
        let lab = |name: &str, path: &Path| TotalsLab {
            name: name.parse().unwrap(),
            file: path.to_string_lossy().into_owned(),
        };
        assert_eq!(recorded(&lab("office", &path), true).text.as_deref(), Some(OFFICE));
        assert_eq!(recorded(&lab("office", &path), false).text, None, "the agent may be on another host");
        assert_eq!(recorded(&lab("home", &path), true).text, None, "it is another lab's");
        assert_eq!(recorded(&lab("passwd", Path::new("/etc/passwd")), true).text, None);
        assert_eq!(recorded(&lab("direct", Path::new("built-in")), true).text, None);
    }
}
