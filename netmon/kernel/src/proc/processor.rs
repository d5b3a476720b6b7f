//! The model of the processors in `/proc/cpuinfo`.

use std::fs;

/// Returns the model of the first processor. Returns `None` if the kernel does not report it, as on some architectures.
#[must_use]
pub fn processor_model() -> Option<String> {
    model(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_behind_the_colon() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC: 7B13 \nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(model(text).as_deref(), Some("AMD EPYC: 7B13"));
        assert_eq!(model("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    }
}
