//! Starting the server that takes the place of this one, with what it inherits.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::address::Address;
use super::serve::Server;
use super::{Problem, system};
use crate::os::daemon::{VerdictReader, verdict_pipe};
use crate::os::fork::ProcessId;
use crate::os::handoff::Handoff;
use crate::os::heritage::Bequest;
use crate::os::listener::HEIRLOOM;
use crate::os::pidfile::Pidfile;
use crate::os::signals::OriginalMask;
use crate::os::successor::{self, Successor};
use crate::supervisor::control::Control;

impl Server<'_> {
    /// Starts it: the same command in the same folder, with the sockets, the pidfile and the queue of connections of this server.
    ///
    /// # Errors
    /// Why there can be none, for the operator.
    pub(super) fn start_heir(
        &self,
        pidfile: &RefCell<Option<Pidfile>>,
        handoff: Option<&Handoff>,
        control: &Control,
        mask: OriginalMask,
    ) -> Result<(ProcessId, VerdictReader), String> {
        if let Some(reason) = self.must_stay() {
            return Err(reason.to_owned());
        }
        let Some(again) = &self.surroundings.again else {
            return Err("it is not known how this program was started".to_owned());
        };
        if self.address == Address::WebServer {
            let cannot = |error| format!("`{}` cannot be started: {error}", again.program.display());
            return successor::rehearse(again, mask).map_err(cannot);
        }
        let (reader, verdict) =
            verdict_pipe().map_err(|error| format!("the system refuses what an upgrade needs: {error}"))?;
        let mut bequest = Bequest::default();
        bequest.add("verdict", &[verdict.as_fd()], &[]);
        for listener in self.listeners.iter() {
            listener.bequeath(HEIRLOOM, &mut bequest);
        }
        self.doors.bequeath(&mut bequest);
        control.bequeath(&mut bequest);
        if let Some(handoff) = handoff {
            handoff.bequeath(&mut bequest);
        }
        let pidfile = pidfile.borrow();
        if let Some(pidfile) = &*pidfile {
            pidfile.bequeath(&mut bequest);
        }
        match again.start(&bequest, mask) {
            Ok(process) => Ok((process, reader)),
            Err(error) => Err(format!("`{}` cannot be started: {error}", again.program.display())),
        }
    }

    /// How this process goes on as its own successor, if it can.
    pub(super) fn successor(&self, handoff: Option<Arc<Handoff>>) -> Result<Option<Arc<Successor>>, Problem> {
        let (Some(again), Some(listener)) = (&self.surroundings.again, self.listeners.first()) else {
            return Ok(None);
        };
        let successor = Successor::new(again, listener.as_fd(), handoff).map_err(|error| system(&error))?;
        Ok(Some(Arc::new(successor)))
    }

    /// Why no other process can take the place of this one.
    fn must_stay(&self) -> Option<&'static str> {
        if self.config.http.is_some() {
            return Some("the preview (`http`) cannot be handed over");
        }
        let is_first = std::process::id() == 1;
        is_first.then_some(
            "a container ends with its first process, which this is: start a new container, or reload",
        )
    }
}
