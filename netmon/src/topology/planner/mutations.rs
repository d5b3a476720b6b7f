//! Damaged lab files: cut, doubled, swapped, overwritten. Each one is either a lab that can be planned, or has errors with
//! places and help texts.

use std::{env, fs, path::Path, time::Instant};

use fastrand::Rng;

use crate::topology::{actual::Actual, planner};

/// How many files are generated.
const FILES: u64 = 3000;
/// Time that one may take in a debug build on a busy machine; they take a few milliseconds.
const LONGEST_SECONDS: f64 = 5.0;

/// What is inserted: parts of the format, and text that it has no place for.
const PIECES: &[&str] = &[
    "[[namespace]]\n",
    "[[link]]\n",
    "[[bridge]]\n",
    "[[service]]\n",
    "[[expect]]\n",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r\n",
    "\r",
    "\0",
    "\u{feff}",
    "\u{1b}[2J",
    "é",
    "\u{10ffff}",
    "#",
    ",",
    ".",
    "\\u0000",
    "\\",
    "-1",
    "99999999999999999999",
    "1e400",
    "nan",
    "true",
    "2021-01-01",
    "10.0.0.1/24",
    "fd00::1/64",
    "0.0.0.0/0",
    "::/128",
    "name = \"root\"",
    "namespace = \"web\"",
    "interface = \"eth0\"",
    "bridge = \"br0\"",
    "mtu = 68\n",
    "addresses = []",
    "routes = [{}]\n",
    "sysctls = {}\n",
    "../../etc",
    "$(id)",
    "a = ",
    "b = {",
    "\"10.0.0.1:80\"",
    "[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// The example labs, and all that are wrong already.
fn originals() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders =
        ["labs", "netmon/labfile/tests/wrong"].map(|folder| fs::read_dir(top.join(folder)).unwrap());
    let mut paths: Vec<_> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn damage(random: &mut Rng, text: &mut Vec<char>, others: &[String]) {
    let (at, length) = (random.usize(..=text.len()), random.usize(..40));
    let end = (at + length).min(text.len());
    let put = match random.usize(..7) {
        0 => return drop(text.drain(at..end)),
        1 => return text.truncate(at),
        2 => text[at..end].iter().collect(),
        3 => others[random.usize(..others.len())].clone(),
        4 => char::from_u32(random.u32(..0x250)).unwrap_or(' ').to_string(),
        _ => PIECES[random.usize(..PIECES.len())].to_owned(),
    };
    // Inserted, or written over other text.
    let replaced = if random.bool() { at..at } else { at..end };
    text.splice(replaced, put.chars());
}

#[test]
fn a_damaged_file_is_a_lab_or_has_errors_and_a_lab_has_a_plan() {
    let seed: u64 = env::var("NETMON_TEST_SEED").map_or(0x6e65_746d_6f6e, |seed| seed.parse().unwrap());
    println!("NETMON_TEST_SEED={seed}");
    let originals = originals();
    let (mut labs, mut wrong) = (0, 0);
    for number in 0..FILES {
        let mut random = Rng::with_seed(seed.wrapping_add(number));
        let mut text: Vec<char> = originals[random.usize(..originals.len())].chars().collect();
        for _ in 0..=random.usize(..4) {
            damage(&mut random, &mut text, &originals);
        }
        let text: String = text.into_iter().collect();
        let begun = Instant::now();
        match netmon_labfile::parse(&text, "f.toml", "f") {
            Ok(lab) => {
                labs += 1;
                let plan = planner::plan(&lab, &Actual::default());
                assert!(plan.is_ok(), "file {number}: {plan:?}\n{text}");
            }
            Err(errors) => {
                wrong += 1;
                assert!(!errors.is_empty(), "file {number}: {text}");
                let lines = text.lines().count() + 1;
                for error in errors {
                    let has_place = (1..=lines).contains(&error.line) && error.column >= 1;
                    let has_words = !error.message.is_empty() && !error.help.is_empty();
                    assert!(has_place && has_words, "file {number}: {error}\n{text}");
                }
            }
        }
        let took = begun.elapsed().as_secs_f64();
        assert!(took < LONGEST_SECONDS, "file {number} took {took} s: {text}");
    }
    println!("{labs} labs, {wrong} wrong files");
    assert!(labs > FILES / 50 && wrong > FILES / 2, "{labs} labs, {wrong} wrong files: too much alike");
}
