//! Lives of servers, played through in virtual time.

mod demand;
mod histories;
mod recycle;
mod renewal;
mod restart;
mod size;

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A world of virtual workers around a policy.
struct World {
    policy: Policy,
    now: Instant,
    living: BTreeSet<WorkerId>,
    serving: BTreeSet<WorkerId>,
    busy: BTreeSet<WorkerId>,
    told: BTreeMap<WorkerId, Order>,
    /// Connections that are open, by worker.
    connections: BTreeMap<WorkerId, u32>,
    /// Requests that were served, by worker.
    served: BTreeMap<WorkerId, u64>,
    log: Vec<Action>,
}

fn rules(min_spare: usize, max_spare: usize, max_children: usize) -> Rules {
    Rules {
        pool: Pool::Dynamic,
        min_spare,
        max_spare,
        max_children,
        most: 20,
        idle_timeout: Duration::from_secs(60),
        max_lifetime: None,
        jitter: 0,
        stop_timeout: Duration::from_secs(10),
        start_timeout: None,
    }
}

impl World {
    fn new(rules: Rules) -> Self {
        let now = Instant::now();
        let mut world = Self {
            policy: Policy::new(rules, 1, now),
            now,
            living: BTreeSet::new(),
            serving: BTreeSet::new(),
            busy: BTreeSet::new(),
            told: BTreeMap::new(),
            connections: BTreeMap::new(),
            served: BTreeMap::new(),
            log: Vec::new(),
        };
        world.act();
        world
    }

    /// A server all of whose first workers serve.
    fn serving(rules: Rules) -> Self {
        let mut world = Self::new(rules);
        world.all_ready();
        world
    }

    fn act(&mut self) {
        while let Some(action) = self.policy.poll_action() {
            match action {
                Action::Spawn(id) => assert!(self.living.insert(id), "a name is used twice"),
                Action::Tell(id, order) => {
                    self.told.insert(id, order);
                }
                Action::Kill(id) | Action::Overdue(id) => {
                    self.told.insert(id, Order::Stop);
                }
                _ => {}
            }
            self.log.push(action);
        }
    }

    fn send(&mut self, event: Event) {
        self.policy.handle(event, self.now);
        self.act();
    }

    /// So many workers more, or fewer, as the operator wants it.
    fn scale_by(&mut self, step: isize) {
        self.send(Event::Scale(self.policy.scale_now().saturating_add_signed(step)));
    }

    fn look(&mut self) {
        let load = self.load();
        self.policy.look(load, self.now);
        self.act();
    }

    /// What the scoreboard shows of each worker.
    fn load(&self) -> impl Fn(WorkerId) -> Load + use<> {
        let (busy, connections, served) = (self.busy.clone(), self.connections.clone(), self.served.clone());
        move |id| Load {
            running: u32::from(busy.contains(&id)),
            threads: 1,
            served: served.get(&id).copied().unwrap_or_default(),
            connections: connections.get(&id).copied().unwrap_or_default(),
        }
    }

    /// Workers that serve, and were not told to leave.
    fn staying(&self) -> usize {
        self.serving.iter().filter(|id| !self.told.contains_key(id)).count()
    }

    fn is_settled(&self) -> bool {
        self.policy.is_settled(self.load())
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.look();
    }

    fn all_ready(&mut self) {
        while let Some(id) = self.living.difference(&self.serving).next().copied() {
            self.serving.insert(id);
            self.send(Event::Ready(id));
        }
    }

    fn end(&mut self, id: WorkerId) {
        self.living.remove(&id);
        self.serving.remove(&id);
        self.busy.remove(&id);
        self.told.remove(&id);
        self.connections.remove(&id);
        self.served.remove(&id);
        self.send(Event::Ended(id));
    }

    /// Those who were told to leave do so, unless they are busy.
    fn obey(&mut self) {
        for id in self.told.keys().copied().collect::<Vec<_>>() {
            if !self.busy.contains(&id) && self.living.contains(&id) {
                self.end(id);
            }
        }
    }

    fn finished(&self) -> Option<Verdict> {
        self.log.iter().find_map(|action| match action {
            Action::Finish(verdict) => Some(*verdict),
            _ => None,
        })
    }
}

#[test]
fn starts_one_worker_and_the_others_once_it_serves() {
    let mut world = World::new(rules(2, 5, 50));
    assert_eq!(world.living.len(), 1);
    world.all_ready();
    assert_eq!(world.living.len(), 5);
    assert_eq!(world.log.iter().filter(|action| **action == Action::Announce).count(), 1);
}

#[test]
fn an_application_that_cannot_be_imported_ends_the_start() {
    let mut world = World::new(rules(2, 5, 50));
    world.send(Event::Failed(WorkerId(0)));
    assert_eq!(world.finished(), Some(Verdict::NeverServed));
    let mut world = World::new(rules(2, 5, 50));
    world.end(WorkerId(0));
    assert_eq!(world.finished(), Some(Verdict::NeverServed));
    assert!(world.living.is_empty());
}

#[test]
fn grows_to_the_most_under_load_and_shrinks_back() {
    let mut world = World::serving(rules(2, 3, 8));
    assert_eq!(world.living.len(), 3);
    for _ in 0..6 {
        world.busy = world.living.clone();
        world.look();
        world.all_ready();
    }
    assert_eq!(world.living.len(), 8);
    assert_eq!(world.policy.wanted_idle(), 0, "nothing to wake the master for");
    world.busy.clear();
    for _ in 0..20 {
        world.pass(1);
        world.obey();
    }
    assert_eq!(world.living.len(), 3);
    assert_eq!(world.policy.wanted_idle(), 2);
}

#[test]
fn a_killed_worker_is_replaced_at_once_and_one_that_keeps_dying_is_not() {
    let mut world = World::serving(rules(1, 2, 4));
    world.pass(60);
    world.end(WorkerId(1));
    assert_eq!(world.living.len(), 2);
    world.all_ready();
    let mut spawned = 0;
    for _ in 0..100 {
        if let Some(id) = world.living.last().copied() {
            spawned += 1;
            world.end(id);
        }
        world.now += Duration::from_millis(100);
        world.look();
    }
    assert!(spawned < 20, "{spawned} workers started in ten seconds");
    assert!(world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
    for _ in 0..100 {
        world.pass(1);
        world.all_ready();
    }
    assert_eq!(world.living.len(), 2, "it comes back when workers live again");
}

#[test]
fn young_deaths_of_long_ago_are_forgotten() {
    let mut world = World::serving(rules(0, 2, 4));
    for _ in 0..6 {
        world.end(*world.living.last().unwrap());
        world.pass(31);
        world.all_ready();
    }
    world.pass(600);
    world.all_ready();
    world.scale_by(1);
    world.all_ready();
    assert_eq!(world.living.len(), 3);
    world.log.clear();
    world.pass(1);
    world.end(*world.living.last().unwrap());
    assert!(!world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
    assert_eq!(world.living.len(), 3, "it is replaced at once");
}

#[test]
fn young_deaths_are_forgiven_when_a_later_worker_has_grown_old() {
    let mut world = World::serving(rules(0, 2, 4));
    for _ in 0..6 {
        world.end(*world.living.last().unwrap());
        world.pass(31);
        world.all_ready();
    }
    // Not the one that was there all the time: it says nothing about the new ones.
    world.pass(5);
    world.log.clear();
    world.end(*world.living.last().unwrap());
    assert!(world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
    world.pass(31);
    world.all_ready();
    world.pass(10);
    world.log.clear();
    world.send(Event::Scale(5));
    assert_eq!(world.living.len(), 5, "several at once again");
    world.all_ready();
    world.end(*world.living.last().unwrap());
    assert!(!world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
    assert_eq!(world.living.len(), 5, "it is replaced at once");
}

#[test]
fn every_end_has_its_reason() {
    let mut world = World::serving(rules(2, 3, 8));
    assert_eq!(world.policy.reason_of_end(WorkerId(0)), Reason::Died);
    world.send(Event::Leaving(WorkerId(0)));
    assert_eq!(world.policy.reason_of_end(WorkerId(0)), Reason::Operator);
    let new = *world.living.last().unwrap();
    assert_eq!(world.policy.reason_of_end(new), Reason::Failed);
    world.all_ready();
    world.send(Event::Scale(2));
    world.pass(1);
    let shrunk = *world.told.keys().next().unwrap();
    assert_eq!(world.policy.reason_of_end(shrunk), Reason::Shrunk);
    world.send(Event::Reload);
    for _ in 0..2 {
        world.all_ready();
    }
    assert_eq!(world.policy.reason_of_end(WorkerId(1)), Reason::Reload);
    world.send(Event::Stop);
    assert_eq!(world.policy.reason_of_end(*world.living.last().unwrap()), Reason::Stop);
}

#[test]
fn reload_keeps_the_capacity_and_replaces_all() {
    let mut world = World::serving(rules(2, 3, 8));
    let old = world.living.clone();
    world.send(Event::Reload);
    assert_eq!(world.living.len(), 4, "one new worker has to show itself");
    assert!(world.told.is_empty());
    for _ in 0..6 {
        if let Some(id) = world.living.difference(&world.serving).next().copied() {
            world.serving.insert(id);
            world.send(Event::Ready(id));
        }
        world.obey();
        assert!(world.serving.len() >= 3);
    }
    assert!(world.living.is_disjoint(&old));
    assert_eq!(world.living.len(), 3);
    assert!(world.log.contains(&Action::Reloaded));
}

#[test]
fn a_reload_that_fails_leaves_the_old_serving() {
    let mut world = World::serving(rules(2, 3, 8));
    let old = world.living.clone();
    world.send(Event::Reload);
    let new = *world.living.last().unwrap();
    world.send(Event::Failed(new));
    world.end(new);
    world.pass(5);
    assert!(world.log.contains(&Action::ReloadFailed));
    assert_eq!(world.living, old);
    assert!(world.told.is_empty());
}

#[test]
fn a_stop_waits_for_the_busy_and_then_kills() {
    let mut world = World::serving(rules(2, 3, 8));
    world.busy.insert(WorkerId(0));
    world.send(Event::Stop);
    world.obey();
    assert_eq!(world.finished(), None);
    assert_eq!(world.policy.wake_at(), Some(world.now + Duration::from_secs(10)));
    world.pass(10);
    assert!(world.log.contains(&Action::Kill(WorkerId(0))));
    world.end(WorkerId(0));
    assert_eq!(world.finished(), Some(Verdict::Stopped));
}

#[test]
fn a_second_stop_kills_at_once() {
    let mut world = World::serving(rules(2, 3, 8));
    world.busy = world.living.clone();
    world.send(Event::Stop);
    assert!(!world.log.iter().any(|action| matches!(action, Action::Kill(_))));
    world.send(Event::Stop);
    assert_eq!(world.log.iter().filter(|action| matches!(action, Action::Kill(_))).count(), 3);
}

#[test]
fn a_worker_that_has_served_enough_is_replaced_without_delay() {
    let mut world = World::serving(rules(1, 2, 4));
    for round in 0..10 {
        let id = *world.living.first().unwrap();
        world.send(Event::Leaving(id));
        assert_eq!(world.living.len(), 3, "round {round}: the next one is there before it has left");
        world.end(id);
        world.all_ready();
    }
    assert!(!world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
}
