//! What the house decides: when the master of a site is executed, and how long to wait after it has failed.
//!
//! A pure state machine: events and the time come in, actions come out.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::os::signals::Signal;

/// What has happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// There is a site of this name to be served.
    Opened(String),
    /// The file has the site no more.
    Closed(String),
    /// The file says other things of the site than before.
    Changed(String),
    /// The site is to load its code anew.
    Again(String),
    /// Its master serves.
    Serves(String),
    /// Its master has ended, with this status.
    Ended(String, i32),
    /// All masters have been told to stop.
    Stop,
    /// Nothing but time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    Execute(String),
    Signal(String, Signal),
    /// The site is gone, its name is free.
    Forget(String),
    /// To be told: the site is started again after this time.
    BackOff(String, Duration),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Starting,
    Serving(Instant),
    /// To be executed at this time.
    Waiting(Instant),
    /// Ended as somebody has asked it to; nothing runs until a reload.
    Resting,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    Serve,
    /// Executed again when it has ended.
    Renew,
    /// Not served any more.
    Close,
}

#[derive(Debug)]
struct Site {
    phase: Phase,
    wish: Wish,
    failures: u32,
}

/// The decisions for all sites.
#[derive(Debug, Default)]
pub struct Policy {
    sites: BTreeMap<String, Site>,
    actions: VecDeque<Action>,
    stopping: bool,
    has_served: bool,
}

impl Policy {
    /// Takes note of something.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            // What the file says is of no use to a house that stops, and a second signal would end a site at once.
            Event::Opened(_) | Event::Closed(_) | Event::Changed(_) | Event::Again(_) if self.stopping => {}
            Event::Opened(name) => {
                self.actions.push_back(Action::Execute(name.clone()));
                self.sites.insert(name, Site { phase: Phase::Starting, wish: Wish::Serve, failures: 0 });
            }
            Event::Closed(name) => self.wish(name, Wish::Close),
            Event::Changed(name) => self.wish(name, Wish::Renew),
            Event::Again(name) => self.again(name),
            Event::Serves(name) => {
                self.has_served = true;
                if let Some(site) = self.sites.get_mut(&name) {
                    site.phase = Phase::Serving(now);
                }
            }
            Event::Ended(name, status) => self.ended(name, status, now),
            Event::Stop => {
                self.stopping = true;
                // What does not run now is not started any more.
                self.sites.retain(|_, site| site.runs());
            }
            Event::Tick => self.tick(now),
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When something is to be done although nothing happens.
    pub fn wake_at(&self) -> Option<Instant> {
        let waiting = self.sites.values().filter_map(|site| match site.phase {
            Phase::Waiting(at) => Some(at),
            _ => None,
        });
        waiting.min()
    }

    /// Whether all have been told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether all have ended, and none is to be started.
    pub fn is_over(&self) -> bool {
        self.stopping && self.sites.is_empty()
    }

    /// Whether any site has ever served.
    pub fn has_served(&self) -> bool {
        self.has_served
    }

    fn wish(&mut self, name: String, wish: Wish) {
        let Some(site) = self.sites.get_mut(&name) else { return };
        let was_told = std::mem::replace(&mut site.wish, wish) != Wish::Serve;
        site.failures = 0;
        if site.runs() {
            // A second signal would end it at once.
            if !was_told {
                self.actions.push_back(Action::Signal(name, Signal::SIGTERM));
            }
        } else {
            self.settle(name);
        }
    }

    fn again(&mut self, name: String) {
        let Some(site) = self.sites.get_mut(&name) else { return };
        // Asked for while it is on its way out: it is to be there.
        if site.wish == Wish::Close {
            site.wish = Wish::Renew;
        }
        site.failures = 0;
        match site.phase {
            Phase::Serving(_) if site.wish == Wish::Serve => {
                self.actions.push_back(Action::Signal(name, Signal::SIGHUP));
            }
            Phase::Waiting(_) | Phase::Resting => self.execute(name),
            Phase::Starting | Phase::Serving(_) => {}
        }
    }

    fn ended(&mut self, name: String, status: i32, now: Instant) {
        let Some(site) = self.sites.get_mut(&name) else { return };
        let served_for = match site.phase {
            Phase::Serving(since) => now.saturating_duration_since(since),
            _ => Duration::ZERO,
        };
        if served_for >= FORGIVEN {
            site.failures = 0;
        }
        if self.stopping {
            self.sites.remove(&name);
            return;
        }
        if site.wish != Wish::Serve {
            site.phase = Phase::Resting;
            return self.settle(name);
        }
        if status == 0 {
            site.phase = Phase::Resting;
            return;
        }
        let delay = FIRST_DELAY.saturating_mul(1 << site.failures.min(16)).min(LONGEST_DELAY);
        site.failures += 1;
        site.phase = Phase::Waiting(now + delay);
        self.actions.push_back(Action::BackOff(name, delay));
    }

    /// Does what is wished of a site that does not run.
    fn settle(&mut self, name: String) {
        match self.sites.get(&name).map(|site| site.wish) {
            Some(Wish::Close) => {
                self.sites.remove(&name);
                self.actions.push_back(Action::Forget(name));
            }
            Some(Wish::Renew) => self.execute(name),
            Some(Wish::Serve) | None => {}
        }
    }

    fn execute(&mut self, name: String) {
        if let Some(site) = self.sites.get_mut(&name) {
            site.phase = Phase::Starting;
            site.wish = Wish::Serve;
            self.actions.push_back(Action::Execute(name));
        }
    }

    fn tick(&mut self, now: Instant) {
        let due: Vec<String> = self
            .sites
            .iter()
            .filter(|(_, site)| matches!(site.phase, Phase::Waiting(at) if at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.execute(name);
        }
    }
}

impl Site {
    fn runs(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Serving(_))
    }
}

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// A site that has served for so long begins anew with the shortest delay.
const FORGIVEN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> String {
        "blog".to_owned()
    }

    fn actions(policy: &mut Policy) -> Vec<Action> {
        std::iter::from_fn(|| policy.poll_action()).collect()
    }

    #[test]
    fn a_site_that_fails_is_tried_again_later_and_later() {
        let (mut policy, mut now) = (Policy::default(), Instant::now());
        policy.handle(Event::Opened(name()), now);
        assert_eq!(actions(&mut policy), [Action::Execute(name())]);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            policy.handle(Event::Ended(name(), 3), now);
            let delay = Duration::from_secs(seconds);
            assert_eq!(actions(&mut policy), [Action::BackOff(name(), delay)]);
            assert_eq!(policy.wake_at(), Some(now + delay));
            now += delay;
            policy.handle(Event::Tick, now);
            assert_eq!(actions(&mut policy), [Action::Execute(name())]);
        }
        policy.handle(Event::Serves(name()), now);
        now += FORGIVEN;
        policy.handle(Event::Ended(name(), 1), now);
        assert_eq!(actions(&mut policy), [Action::BackOff(name(), FIRST_DELAY)]);
    }

    #[test]
    fn a_site_that_was_stopped_by_itself_rests_until_a_reload() {
        let (mut policy, now) = (Policy::default(), Instant::now());
        policy.handle(Event::Opened(name()), now);
        policy.handle(Event::Serves(name()), now);
        policy.handle(Event::Ended(name(), 0), now);
        policy.handle(Event::Tick, now + LONGEST_DELAY);
        assert_eq!(actions(&mut policy), [Action::Execute(name())]);
        policy.handle(Event::Again(name()), now);
        assert_eq!(actions(&mut policy), [Action::Execute(name())]);
    }

    #[test]
    fn a_changed_site_ends_and_is_started_anew_and_one_that_is_gone_is_forgotten() {
        let (mut policy, now) = (Policy::default(), Instant::now());
        policy.handle(Event::Opened(name()), now);
        policy.handle(Event::Serves(name()), now);
        policy.handle(Event::Changed(name()), now);
        policy.handle(Event::Ended(name(), 0), now);
        policy.handle(Event::Serves(name()), now);
        policy.handle(Event::Closed(name()), now);
        policy.handle(Event::Ended(name(), 0), now);
        let stop = || Action::Signal(name(), Signal::SIGTERM);
        let execute = || Action::Execute(name());
        assert_eq!(actions(&mut policy), [execute(), stop(), execute(), stop(), Action::Forget(name())]);
        policy.handle(Event::Stop, now);
        assert!(policy.is_over());
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let name = prop_oneof![Just("a".to_owned()), Just("b".to_owned())];
        (0..8, name, 0..3).prop_map(|(kind, name, status)| match kind {
            0 => Event::Opened(name),
            1 => Event::Closed(name),
            2 => Event::Changed(name),
            3 => Event::Again(name),
            4 => Event::Serves(name),
            5 => Event::Stop,
            6 => Event::Tick,
            _ => Event::Ended(name, status),
        })
    }

    proptest! {
        /// Whatever happens in whatever order: no site is executed twice at once, nothing is executed after a stop, and a stop ends.
        #[test]
        fn every_history_ends(events in prop::collection::vec((any_event(), 0_u64..90), 0..60)) {
            let (mut policy, mut now) = (Policy::default(), Instant::now());
            let mut running = std::collections::BTreeSet::new();
            let mut known = std::collections::BTreeSet::new();
            let mut stopped = false;
            for (event, seconds) in events {
                now += Duration::from_secs(seconds);
                // What cannot happen does not.
                let possible = match &event {
                    Event::Opened(name) => !known.contains(name),
                    Event::Serves(name) | Event::Ended(name, _) => running.contains(name),
                    Event::Closed(_) | Event::Changed(_) | Event::Again(_) | Event::Stop | Event::Tick => true,
                };
                if !possible {
                    continue;
                }
                match &event {
                    Event::Opened(name) => drop(known.insert(name.clone())),
                    Event::Ended(name, _) => drop(running.remove(name)),
                    Event::Stop => stopped = true,
                    _ => {}
                }
                policy.handle(event, now);
                while let Some(action) = policy.poll_action() {
                    match action {
                        Action::Execute(name) => {
                            prop_assert!(!stopped);
                            prop_assert!(running.insert(name), "twice at once");
                        }
                        Action::Signal(name, _) => {
                            prop_assert!(!stopped, "a second signal");
                            prop_assert!(running.contains(&name));
                        }
                        Action::Forget(name) => {
                            prop_assert!(!running.contains(&name));
                            prop_assert!(known.remove(&name));
                        }
                        Action::BackOff(..) => {}
                    }
                }
            }
            policy.handle(Event::Stop, now);
            for name in running {
                policy.handle(Event::Ended(name, 1), now);
            }
            prop_assert!(policy.is_over());
        }
    }
}
