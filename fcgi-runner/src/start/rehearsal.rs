//! A start that ends when it would serve: whether this program could take the place of the one that has started it.

use super::alone::load;
use super::rights::Standing;
use super::{Ended, Problem};
use crate::app::{Host, ProcessModel};
use crate::config::{Config, Method};
use crate::os::daemon::Verdict;
use crate::os::fork;

/// Imports the application and tries its page, as one that would serve. Where that went well the process ends here: what its
/// program does after serving is to be done once, by the one that has served.
pub(super) fn run(
    config: &Config,
    standing: &Standing,
    host: &dyn Host,
    verdict: &mut Option<Verdict>,
) -> Result<Ended, Problem> {
    let multithread = config.method == Some(Method::Threaded);
    host.set_process_model(ProcessModel { multithread, multiprocess: true, run_once: false });
    standing.assume(host).map_err(Problem::from)?;
    load(host, config.probe.as_deref())?;
    if let Some(verdict) = verdict.take() {
        verdict.give(0, "");
    }
    fork::exit_now(0)
}
