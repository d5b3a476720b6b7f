//! `netmon down` and `clean` of a lab whose file is lost, broken or renamed.

use std::fs;

use netmon_tests::{
    commands::{fails, netmon_says, succeeds},
    host::left_behind,
    lab_files::spoke,
    sandbox::sandbox,
};

const FOLDER: &str = "/run/sandbox";

/// Builds a lab from a file of this name. The file sets no name, so the lab is called like it.
fn build(name: &str) -> String {
    let file = format!("{FOLDER}/{name}.toml");
    fs::write(&file, spoke(&format!("{name}-ns"), &format!("{name}0"), "10.44.0")).expect("a tmpfs");
    succeeds(&["up", &file]);
    file
}

#[test]
fn a_lab_is_removed_by_its_name_when_its_file_is_lost() {
    sandbox(|| {
        let before = left_behind();
        fs::remove_file(build("lost")).expect("it was written");
        let said = succeeds(&["down", "lost"]);
        assert!(said.contains("lab lost is down"), "{said}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_lab_is_removed_by_its_file_when_that_is_broken_lost_or_names_another_lab() {
    sandbox(|| {
        let before = left_behind();
        let changes: [fn(&str); 3] = [
            |file| fs::write(file, "garbage").expect("a tmpfs"),
            |file| fs::remove_file(file).expect("it was written"),
            |file| fs::write(file, "name = \"renamed\"\n[[namespace]]\nname = \"x\"\n").expect("a tmpfs"),
        ];
        for change in changes {
            let file = build("broken");
            change(&file);
            let said = succeeds(&["down", &file]);
            assert!(said.contains("lab broken is down"), "{said}");
            assert_eq!(left_behind(), before, "{said}");
        }
    });
}

#[test]
fn a_lab_that_is_not_up_is_told_together_with_those_that_are() {
    sandbox(|| {
        let first = build("n1");
        let moved = format!("{FOLDER}/n2.toml");
        fs::rename(&first, &moved).expect("a tmpfs");
        let said = succeeds(&["down", &moved]);
        assert!(said.contains(&format!("lab n2 was not up; these labs are: n1 ({first})")), "{said}");
        let said = fails(2, &["down", "/run/sandbox/absent.toml"]);
        assert!(said.contains("`netmon down LAB` removes a lab by its name: n1"), "{said}");
        succeeds(&["down", "n1"]);
    });
}

#[test]
fn the_hint_of_clean_names_the_lab_and_works() {
    sandbox(|| {
        let before = left_behind();
        build("kept");
        let (code, said) = netmon_says(&["clean", "kept"]);
        assert!(
            said.contains("`netmon clean kept --yes` removes it") && !said.contains("Nothing is left"),
            "{said}"
        );
        assert_eq!(code, 1, "{said}");
        succeeds(&["clean", "kept", "--yes"]);
        assert_eq!(left_behind(), before);
    });
}
