//! The target `recording` of `netmon_tests::fuzz` for libFuzzer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netmon_tests::fuzz::target;

fuzz_target!(|bytes: &[u8]| {
    (target("recording").read)(bytes);
});
