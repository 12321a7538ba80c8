//! How many workers there are to be, and what is done once for all of them: the configuration in the words of the supervisor.

use super::serve::Server;
use crate::config::{self, Method};
use crate::supervisor::policy::{Pool, Rules};

impl Server<'_> {
    /// On demand workers come again and again, the one of a threaded server as well.
    pub(super) fn nursery_stays(&self) -> bool {
        self.config.preload && (!self.is_one_process() || self.config.pool == config::Pool::OnDemand)
    }

    /// What is done once for many workers; it is of no use where there is only one.
    pub(super) fn nursery_prepares(&self) -> Option<impl Fn() -> bool> {
        let preloads = self.config.preload && !self.host.is_given();
        let warms = !self.is_one_process() && self.host.is_cold();
        (preloads || warms).then_some(move || {
            if preloads {
                // If it has failed, the first worker tells.
                let _ = self.host.preload();
            }
            preloads || self.host.warm_up()
        })
    }

    pub(super) fn rules(&self) -> Rules {
        let config = self.config;
        let (min_spare, max_spare, max_children) = match config.method {
            Some(Method::Threaded) => (0, 1, 1),
            _ => (config.min_spare, config.max_spare, config.max_children),
        };
        let pool = match config.pool {
            // Of a threaded server, it is the number of threads that does not change.
            config::Pool::Static if config.method != Some(Method::Threaded) => Pool::Static,
            config::Pool::Static | config::Pool::Dynamic => Pool::Dynamic,
            config::Pool::OnDemand => Pool::OnDemand,
        };
        Rules {
            pool,
            min_spare,
            max_spare,
            max_children,
            most: self.most_workers(),
            idle_timeout: config.limits.idle_timeout,
            max_lifetime: config.max_lifetime,
            jitter: config.jitter,
            stop_timeout: config.stop_timeout,
            start_timeout: config.start_timeout,
        }
    }

    /// How many workers there can ever be, when the operator says so later. A slot that is not used costs nothing.
    pub(super) fn most_workers(&self) -> usize {
        self.config.max_children * 2 + 32
    }
}
