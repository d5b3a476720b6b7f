//! A process that ends with the test: a peer that netmon works with.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A running process. Its output goes to a file, and is shown when the test fails.
#[derive(Debug)]
pub struct Running {
    child: Child,
    name: &'static str,
    output: PathBuf,
}

impl Running {
    /// Starts a program. For the inside of a sandbox, whose /run takes the output.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(name: &'static str, program: impl AsRef<OsStr>, arguments: &[&str]) -> io::Result<Self> {
        let output = PathBuf::from(format!("/run/sandbox/{name}.log"));
        let log = File::create(&output)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self { child: command.spawn()?, name, output })
    }

    /// The process.
    #[must_use]
    pub const fn child(&self) -> &Child {
        &self.child
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("output of {}:\n{}", self.name, self.output());
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
