//! Wrong lab files, each with the full text of its errors beside it.
//!
//! `wrong/NAME.toml` is the file and `wrong/NAME.snap` the text. After a change that is meant,
//! `INSTA_UPDATE=always cargo test -p netmon-labfile --test wrong` writes the texts anew; read the difference.
//! `tests/privileged/wrong_lab_files.rs` gives the same files to the commands.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// How many files there are at least.
const FILES: usize = 112;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

/// The files that end so, without that end.
fn names(extension: &str) -> BTreeSet<String> {
    let paths = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = paths.filter(|path| path.extension().is_some_and(|is| is == extension));
    of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_wrong_file_has_its_errors() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let differs = |name: &String| {
        let path = folder().join(format!("{name}.toml"));
        let error = netmon_labfile::load(&path).expect_err(name).to_string();
        let error = error.replace(&*path.to_string_lossy(), &format!("{name}.toml"));
        let check = || settings.bind(|| insta::assert_snapshot!(name.as_str(), error));
        catch_unwind(AssertUnwindSafe(check)).is_err()
    };
    let files = names("toml");
    assert!(files.len() >= FILES, "{} files", files.len());
    let differing: Vec<_> = files.iter().filter(|name| differs(name)).collect();
    assert!(differing.is_empty(), "other errors than expected in {differing:?}");
}

#[test]
fn every_expected_text_has_its_file() {
    assert_eq!(names("snap"), names("toml"));
}
