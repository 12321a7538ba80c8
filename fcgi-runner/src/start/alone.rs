//! A server of one process: a web server has started it, or it answers a single request of plain CGI.

use std::sync::Arc;

use super::address::Address;
use super::cgi_fallback::Bridge;
use super::develop::{warn_of_no_master, watch};
use super::life::Plan;
use super::logs::Capture;
use super::serve::{Server, give_good_news};
use super::{Ended, Problem, system, tell};
use crate::app::{Application, probe};
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::daemon::Verdict;
use crate::os::signals;
use crate::supervisor::Failure;

impl Server<'_> {
    /// Serves without a master, until the end.
    pub(super) fn run_alone(&self, plan: &Plan<'_>, verdict: &mut Option<Verdict>) -> Result<Ended, Problem> {
        if self.config.reload {
            warn_of_no_master();
        }
        if Capture::is_wanted(self.config, &self.logs) {
            let code = Code::NOBODY_CAPTURES;
            tracing::warn!(%code, "what the application prints goes to standard error, and not to the log");
        }
        let bridge = match self.address {
            Address::Cgi => Some(Bridge::open().map_err(|error| system(&error))?),
            _ => None,
        };
        let loaded = self.host.load().map_err(Problem::from).and_then(|app| {
            self.try_out(&*app)?;
            Ok(app)
        });
        let app: Arc<dyn Application> = match loaded {
            Ok(app) => app,
            Err(problem) => {
                tell(&problem.to_string());
                self.host.substitute(None).ok_or(problem)?
            }
        };
        give_good_news(verdict, "");
        if let Some(manager) = &self.surroundings.manager {
            // A manager that is gone needs no news.
            let _ = manager.tell("READY=1");
        }
        let status = match bridge {
            None => plan.live_alone(app, None, watch(self.config.touch_reload.iter().chain(self.script()))),
            Some(bridge) => {
                let first = bridge.connection.try_clone().map_err(|error| system(&error))?;
                let status = plan.live_alone(app, Some(first), None);
                bridge.finish().map_err(|error| system(&error))?;
                status
            }
        };
        match status {
            0 if signals::hung_up() && self.host.is_given() => Ok(Ended::HungUp),
            0 => Ok(Ended::Stopped),
            _ => {
                let (cause, hint) = ("the server cannot go on", "see the messages above");
                Err(Problem::new(ExitStatus::Failure, Code::CANNOT_GO_ON, cause, hint))
            }
        }
    }

    /// Asks the application for the page of `probe`, if there is one.
    fn try_out(&self, app: &dyn Application) -> Result<(), Problem> {
        let Some(page) = self.config.probe.as_ref().filter(|_| self.address != Address::Cgi) else {
            return Ok(());
        };
        probe(app, page).map_err(|text| Failure::Import(Code::PROBE_FAILED.tag(&text)).into())
    }
}
