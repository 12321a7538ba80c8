//! A server of one process: a web server has started it, or it answers a single request of plain CGI.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::address::Address;
use super::cgi_fallback::Bridge;
use super::develop::{warn_of_no_master, watch};
use super::life::Plan;
use super::logs::Capture;
use super::serve::{Server, give_good_news};
use super::{Ended, Problem, system, tell};
use crate::app::{Application, Host, probe};
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::daemon::Verdict;
use crate::os::jitter::Jitter;
use crate::os::signals;
use crate::os::successor::Successor;
use crate::supervisor::Failure;
use crate::worker::renewal::{Renewal, Times};

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
        let probed = self.config.probe.as_deref().filter(|_| self.address != Address::Cgi);
        let app = match load(&*self.host, probed) {
            Ok(app) => app,
            Err(problem) => {
                tell(&problem.to_string());
                self.host.substitute(None).ok_or(problem)?
            }
        };
        let successor = if self.starts_anew() { self.successor(plan.handoff.clone())? } else { None };
        let renewal = self.renewal(successor.clone());
        let is_due = renewal.due();
        give_good_news(verdict, "");
        if let Some(manager) = &self.surroundings.manager {
            // A manager that is gone needs no news.
            let _ = manager.tell("READY=1");
        }
        let status = match bridge {
            None => plan.live_alone(app, None, renewal),
            Some(bridge) => {
                let first = bridge.connection.try_clone().map_err(|error| system(&error))?;
                let status = plan.live_alone(app, Some(first), Renewal::default());
                bridge.finish().map_err(|error| system(&error))?;
                status
            }
        };
        match status {
            0 if signals::hung_up() && self.host.is_given() => Ok(Ended::HungUp),
            0 if is_due.load(Ordering::Acquire) && !signals::told_to_end() => {
                Ok(successor.map_or(Ended::Stopped, Ended::Renewed))
            }
            0 => Ok(Ended::Stopped),
            _ => {
                let (cause, hint) = ("the server cannot go on", "see the messages above");
                Err(Problem::new(ExitStatus::Failure, Code::CANNOT_GO_ON, cause, hint))
            }
        }
    }

    /// Whether this process, which has no master, executes its program anew rather than end. Whoever has given up rights cannot start
    /// as it has started.
    pub(super) fn starts_anew(&self) -> bool {
        self.address == Address::WebServer && self.surroundings.again.is_some() && !self.standing.changes()
    }

    /// What follows this process when its program has changed, or has served enough.
    fn renewal(&self, successor: Option<Arc<Successor>>) -> Renewal {
        if self.address != Address::WebServer {
            return Renewal::default();
        }
        let files = watch(self.config.touch_reload.iter().chain(self.script()));
        let config = self.config;
        let life = config.max_lifetime.map(|life| {
            let most = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
            Duration::from_millis(Jitter::of_this_process().lower(most, config.jitter))
        });
        let times = Times { start: config.start_timeout, stop: config.stop_timeout, life };
        Renewal::new(files, successor, times)
    }
}

/// Imports the application, and asks it for the page that it is to be tried with, if there is one.
pub(super) fn load(host: &dyn Host, probed: Option<&str>) -> Result<Arc<dyn Application>, Problem> {
    let app = host.load()?;
    if let Some(page) = probed {
        probe(&*app, page).map_err(|text| Failure::Import(Code::PROBE_FAILED.tag(&text)))?;
    }
    Ok(app)
}
