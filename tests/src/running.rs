//! A program that runs beside netmon and ends with the test.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

/// A running process. Its output goes to a file, which is printed if the test fails.
#[derive(Debug)]
pub struct Running {
    child: Child,
    name: &'static str,
    output: PathBuf,
}

impl Running {
    /// Starts a program, with its output in /run. Must be called in a sandbox.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
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

    /// Waits until it has exited.
    ///
    /// # Errors
    ///
    /// If it is not a child of this process.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Its output so far.
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
