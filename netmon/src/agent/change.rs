//! Changing a lab while it is watched. The file is read, checked and planned first; a fault in it changes nothing.
//!
//! Services are treated as one: if one of them differs, all are stopped and started. If no service differs, all keep
//! running. If the new ones do not start, the lab and its services are restored.

use std::{path::Path, time::Instant};

use log::{info, warn};
use netmon_model::{
    error::chain,
    impairment::Change,
    lab::{Lab, Source},
    names::{LinkName, Side},
    progress::Silent,
};
use tokio::task::block_in_place;

use super::{Running, running::with_further};
use crate::{
    control::{Refusal, RefusalKind, Reply},
    services::lacking_capabilities,
    topology::{self, Prepared},
};

impl Running {
    /// Reads the agent's lab file again, on SIGHUP.
    pub(super) async fn reload(&mut self) {
        let Source::File(file) = self.lab.source.clone() else {
            info!("SIGHUP: this agent has no lab file to read again");
            return;
        };
        info!("SIGHUP: reading {}", file.display());
        // Refusals are logged.
        let _ = self.change_to(Some(&file)).await;
    }

    /// Changes the lab to the one in `file`; without a file, to the built-in lab. Logs and returns the outcome.
    pub(super) async fn change_to(&mut self, file: Option<&Path>) -> Reply {
        let reply = self.read_and_change(file).await;
        for error in reply.as_ref().err().iter().flat_map(|refusal| &refusal.messages) {
            warn!("lab {} stays as it was: {error}", self.lab.name);
        }
        reply
    }

    async fn read_and_change(&mut self, file: Option<&Path>) -> Reply {
        let lab =
            netmon_labfile::open(file).map_err(|error| Refusal::new(RefusalKind::Invalid, chain(&error)))?;
        let lab = with_further(lab, &self.further_services);
        if lab.name != self.lab.name {
            let other =
                format!("{} is lab {}, and this agent runs lab {}", lab.source, lab.name, self.lab.name);
            return Err(Refusal::new(RefusalKind::Invalid, other));
        }
        lacking_capabilities(&lab.services).map_err(|error| {
            let advice = "an agent keeps what its lab file named when it started; end it, and start it again";
            Refusal::new(RefusalKind::Unsupported, format!("{error}: {advice}"))
        })?;
        if !lab.containers.is_empty() && self.lab.containers.is_empty() {
            let refused = format!(
                "lab {} leads into containers now: end the agent and start it again, which loads what measures them",
                lab.name
            );
            return Err(Refusal::new(RefusalKind::Failed, refused));
        }
        let differ = lab.services != self.lab.services || lab.directory != self.lab.directory;
        let start = differ || !self.services.run(&self.lab);
        let mut errors = Vec::new();
        match self.apply(&lab, differ).await? {
            Ok(()) => {
                let before = std::mem::replace(&mut self.lab, lab);
                if start && let Err(error) = self.services.start(&self.lab).await {
                    errors.push(error);
                    errors.extend(self.restore(before).await);
                }
            }
            Err(error) => {
                errors.push(error);
                if start {
                    errors.extend(self.services.start(&self.lab).await.err());
                }
            }
        }
        self.start_probes();
        Refusal::unless_empty(errors)
    }

    /// Plans a change to `lab` and works through the plan, after the services have stopped if they are to. The outer
    /// error is a refusal before anything was changed; the inner one is a failure, after which the lab is as it was.
    async fn apply(&mut self, lab: &Lab, stop_services: bool) -> Result<Result<(), String>, Refusal> {
        let began = Instant::now();
        let prepared = block_in_place(|| topology::prepare(lab, &self.claim, &Silent));
        let prepared: Prepared<'_> = prepared.map_err(|error| Refusal::from(&error))?;
        let planned = began.elapsed();
        if stop_services {
            self.services.stop(&self.lab).await;
        }
        // The socket of a waiting probe keeps its namespace alive.
        self.watch.probes().stop().await;
        let changed = block_in_place(|| self.watch.change(prepared, (&self.lab, lab), &self.claim));
        Ok(changed.map_err(|error| chain(&error)).map(|times| {
            let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
            info!(
                "lab {} now matches {}: planned in {:.2} ms, applied in {:.2} ms, watched in {:.2} ms",
                lab.name,
                lab.source,
                ms(planned),
                ms(times.apply),
                ms(times.watch)
            );
        }))
    }

    /// Restores a lab whose new services did not start, with the services that ran. Returns what failed.
    async fn restore(&mut self, before: Lab) -> Vec<String> {
        let restored = match self.apply(&before, false).await {
            Ok(done) => done,
            Err(refusal) => Err(refusal.messages.join("; ")),
        };
        let restored = restored.err().map(|error| format!("the lab is not as it was: {error}"));
        if restored.is_none() {
            self.lab = before;
        }
        let started = self.services.start(&self.lab).await.err();
        let started = started.map(|error| format!("the previous services are no longer running: {error}"));
        restored.into_iter().chain(started).collect()
    }

    /// Changes the impairment of a link, and nothing else.
    pub(super) fn impair(&mut self, link: &LinkName, sides: &[Side], change: Change) -> Reply {
        let changed = block_in_place(|| topology::impair::impair(&self.claim, link, sides, change));
        let now = changed.map_err(|error| {
            let refusal = Refusal::from(&error);
            warn!("link {link} stays as it was: {refusal}");
            refusal
        })?;
        for (side, impairment) in now {
            // From now on this is the lab that a failed change restores.
            if let Some(there) = self.lab.links.iter_mut().find(|there| there.name == *link) {
                let end = match side {
                    Side::A => &mut there.a,
                    Side::B => &mut there.b,
                };
                end.impairment = impairment;
                let (namespace, interface) = (&end.namespace, &end.interface);
                info!("link {link}: packets from {namespace}:{interface} are impaired: {impairment}");
            }
        }
        block_in_place(|| self.watch.declare_impairments(&self.lab));
        Ok(())
    }
}
