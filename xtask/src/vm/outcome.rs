//! The outcome of the tests in a machine, from its output. Only a run that reports success has passed.

use anyhow::{Context as _, Result, bail, ensure};

use super::machine;

/// The prefix of the lines that the machine's init script prints itself.
pub(super) const SENTINEL: &str = "netmon-vm:";

/// Returns how many tests passed. Fails if a test failed, if a run of tests did not finish, and if no test ran.
pub(super) fn passed(lines: &[String], runs: &[&str]) -> Result<u64> {
    for run in runs {
        match code_of(lines, run) {
            Some("0") => {}
            Some(code) => {
                bail!("the tests `{run}` failed in the machine (exit code {code}): {}", failures(lines))
            }
            None => bail!(
                "the machine ended before the tests `{run}` finished; its last lines:\n{}",
                machine::last(lines)
            ),
        }
    }
    let passed = lines.iter().filter_map(|line| count(line)).sum();
    ensure!(passed > 0, "no test has a name like that");
    Ok(passed)
}

/// Returns the exit code of a run, from `netmon-vm: RUN ended with CODE`.
fn code_of<'a>(lines: &'a [String], run: &str) -> Option<&'a str> {
    let said = |line: &'a String| {
        let rest = line.strip_prefix(SENTINEL)?.trim_start().strip_prefix(run)?;
        rest.strip_prefix(" ended with ")
    };
    lines.iter().find_map(said)
}

/// Returns the number in `test result: ok. 3 passed; 0 failed; ...`.
fn count(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    rest.split_once(" passed")?.0.parse().ok()
}

/// Returns the names of the failed tests, which libtest lists below the last `failures:`.
fn failures(lines: &[String]) -> String {
    let end = lines.iter().rposition(|line| line == "failures:").map_or(lines.len(), |start| start + 1);
    let listed = lines.iter().skip(end).map_while(|line| line.strip_prefix("    "));
    let names: Vec<&str> = listed.collect();
    if names.is_empty() { "see above".to_owned() } else { names.join(", ") }
}

/// Fails with the error that the init script reported, if it did.
pub(super) fn complaint(lines: &[String]) -> Result<()> {
    let said =
        lines.iter().find_map(|line| line.strip_prefix(SENTINEL)?.trim_start().strip_prefix("error: "));
    said.map_or(Ok(()), |said| bail!("{said}")).context("the machine could not be set up")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_run_that_passed_is_counted() {
        let said = "test a ... ok\ntest result: ok. 3 passed; 0 failed; 0 ignored\nnetmon-vm: vm ended with 0\n\
                    test result: ok. 2 passed; 0 failed; 0 ignored\nnetmon-vm: privileged ended with 0";
        assert_eq!(passed(&lines(said), &["vm", "privileged"]).expect("all passed"), 5);
    }

    #[test]
    fn a_failed_test_is_named() {
        let said = "test a::b ... FAILED\ntest c ... ok\n\nfailures:\n\n---- a::b stdout ----\n    no\n\nfailures:\n\
                    \u{20}   a::b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\nnetmon-vm: vm ended with 101";
        let error = passed(&lines(said), &["vm"]).expect_err("one failed");
        assert!(error.to_string().ends_with("(exit code 101): a::b"), "{error}");
    }

    #[test]
    fn a_machine_that_ended_early_passed_nothing() {
        let said = "test a ... ok\n[   12.3] Kernel panic - not syncing: Oops";
        let error = passed(&lines(said), &["vm"]).expect_err("it did not come to the end");
        assert!(error.to_string().contains("Kernel panic"), "{error}");
    }

    #[test]
    fn a_run_without_tests_is_not_a_pass() {
        let said = "test result: ok. 0 passed; 0 failed; 0 ignored\nnetmon-vm: vm ended with 0";
        let error = passed(&lines(said), &["vm"]).expect_err("no test ran");
        assert!(error.to_string().contains("no test"), "{error}");
    }

    #[test]
    fn an_error_of_the_init_script_is_an_error() {
        let error = complaint(&lines("netmon-vm: error: cannot load veth.ko")).expect_err("it complained");
        assert!(format!("{error:#}").contains("veth.ko"), "{error:#}");
        assert!(complaint(&lines("netmon-vm: 6.1 is up")).is_ok());
    }
}
