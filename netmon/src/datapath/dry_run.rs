//! Programs of a watched endpoint that are attached to no hook. `BPF_PROG_TEST_RUN` runs them over made-up frames, which
//! they count like any other.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::programs::SchedClassifier;
use netmon_ebpf::abi::PROGRAMS;
use netmon_kernel::sys::insn::Instruction;
use netmon_model::names::{Direction, EndpointId};

use super::{Datapath, DatapathError, dispatcher, object::Object};

/// The kernel's figures for a loaded program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCost {
    /// Its name in the object.
    pub name: &'static str,
    /// Instructions that the verifier processed, on all paths. Its limit is a million. `None` before Linux 5.16.
    pub verified_instructions: Option<u32>,
    /// Bytes of machine code. `None` if the kernel does not compile programs.
    pub machine_code_bytes: Option<u32>,
}

impl Datapath {
    /// Loads another dispatcher for a hook of a watched endpoint. `before` runs ahead of it: it finds the packet in `r1`,
    /// and must leave it there.
    ///
    /// # Errors
    ///
    /// Fails if no such endpoint is watched, or the kernel refuses the program.
    pub fn dispatcher(
        &self,
        endpoint: EndpointId,
        direction: Direction,
        before: &[Instruction],
    ) -> Result<OwnedFd, DatapathError> {
        let watched = self.endpoints.get(&endpoint).ok_or(DatapathError::NotWatched(endpoint))?;
        dispatcher::load(
            (endpoint, watched.at.netns),
            watched.hook(direction),
            before,
            self.object.jump_table.as_fd(),
        )
        .map_err(|source| DatapathError::Dispatcher { endpoint, source })
    }

    /// Returns the cost of each program, in the order of the jump table.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to describe a program.
    pub fn program_costs(&self) -> Result<Vec<ProgramCost>, DatapathError> {
        PROGRAMS.into_iter().map(|name| self.object.cost(name)).collect()
    }
}

impl Object {
    fn cost(&self, name: &'static str) -> Result<ProgramCost, DatapathError> {
        let refused = |source| DatapathError::Program { name, source: Box::new(source) };
        let program: &SchedClassifier =
            self.ebpf.program(name).ok_or(DatapathError::Missing(name))?.try_into().map_err(refused)?;
        let info = program.info().map_err(refused)?;
        Ok(ProgramCost {
            name,
            verified_instructions: info.verified_instruction_count(),
            machine_code_bytes: Some(info.size_jitted()).filter(|&bytes| bytes > 0),
        })
    }
}
