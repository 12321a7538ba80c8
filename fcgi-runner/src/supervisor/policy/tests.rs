use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const IDLE: Load = Load { running: 0, threads: 1, served: 0 };
const BUSY: Load = Load { running: 1, threads: 1, served: 0 };

/// A world of virtual workers around a policy.
pub(super) struct World {
    pub(super) policy: Policy,
    pub(super) now: Instant,
    pub(super) living: BTreeSet<WorkerId>,
    pub(super) serving: BTreeSet<WorkerId>,
    pub(super) busy: BTreeSet<WorkerId>,
    pub(super) told: BTreeMap<WorkerId, Order>,
    pub(super) log: Vec<Action>,
}

pub(super) fn rules(min_spare: usize, max_spare: usize, max_children: usize) -> Rules {
    let stop_timeout = Duration::from_secs(10);
    Rules { min_spare, max_spare, max_children, stop_timeout, start_timeout: None }
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        let now = Instant::now();
        let mut world = Self {
            policy: Policy::new(rules, now),
            now,
            living: BTreeSet::new(),
            serving: BTreeSet::new(),
            busy: BTreeSet::new(),
            told: BTreeMap::new(),
            log: Vec::new(),
        };
        world.act();
        world
    }

    /// A server all of whose first workers serve.
    pub(super) fn serving(rules: Rules) -> Self {
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

    pub(super) fn send(&mut self, event: Event) {
        self.policy.handle(event, self.now);
        self.act();
    }

    pub(super) fn look(&mut self) {
        let busy = self.busy.clone();
        self.policy.look(|id| if busy.contains(&id) { BUSY } else { IDLE }, self.now);
        self.act();
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.look();
    }

    pub(super) fn all_ready(&mut self) {
        while let Some(id) = self.living.difference(&self.serving).next().copied() {
            self.serving.insert(id);
            self.send(Event::Ready(id));
        }
    }

    pub(super) fn end(&mut self, id: WorkerId) {
        self.living.remove(&id);
        self.serving.remove(&id);
        self.busy.remove(&id);
        self.told.remove(&id);
        self.send(Event::Ended(id));
    }

    /// Those who were told to leave do so, unless they are busy.
    pub(super) fn obey(&mut self) {
        for id in self.told.keys().copied().collect::<Vec<_>>() {
            if !self.busy.contains(&id) && self.living.contains(&id) {
                self.end(id);
            }
        }
    }

    pub(super) fn finished(&self) -> Option<Verdict> {
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
    world.send(Event::More);
    world.all_ready();
    assert_eq!(world.living.len(), 3);
    world.log.clear();
    world.pass(1);
    world.end(*world.living.last().unwrap());
    assert!(!world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
    assert_eq!(world.living.len(), 3, "it is replaced at once");
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
fn more_and_fewer_change_the_number_for_good() {
    let mut world = World::serving(rules(1, 2, 2));
    world.send(Event::More);
    world.all_ready();
    assert_eq!(world.living.len(), 3);
    world.send(Event::Fewer);
    for _ in 0..3 {
        world.pass(1);
        world.obey();
    }
    assert_eq!(world.living.len(), 2);
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

/// Something that happens to a server.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ready(usize),
    Fail(usize),
    Leave(usize),
    Die(usize),
    Busy(usize),
    Idle(usize),
    Reload,
    More,
    Fewer,
    Obey,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..16usize).prop_map(Step::Ready),
        1 => (0..16usize).prop_map(Step::Fail),
        1 => (0..16usize).prop_map(Step::Leave),
        2 => (0..16usize).prop_map(Step::Die),
        4 => (0..16usize).prop_map(Step::Busy),
        4 => (0..16usize).prop_map(Step::Idle),
        1 => Just(Step::Reload),
        1 => Just(Step::More),
        1 => Just(Step::Fewer),
        3 => Just(Step::Obey),
        4 => (0..40u64).prop_map(Step::Wait),
    ]
}

fn apply(world: &mut World, step: Step) {
    let pick = |set: &BTreeSet<WorkerId>, at: usize| set.iter().nth(at % set.len().max(1)).copied();
    let starting: BTreeSet<WorkerId> = world.living.difference(&world.serving).copied().collect();
    match step {
        Step::Ready(at) => {
            if let Some(id) = pick(&starting, at) {
                world.serving.insert(id);
                world.send(Event::Ready(id));
            }
        }
        Step::Fail(at) => {
            if let Some(id) = pick(&starting, at).filter(|_| world.policy.is_announced()) {
                world.send(Event::Failed(id));
                world.end(id);
            }
        }
        Step::Leave(at) => {
            if let Some(id) = pick(&world.serving, at) {
                world.send(Event::Leaving(id));
                world.told.insert(id, Order::Retire);
            }
        }
        Step::Die(at) => {
            if let Some(id) = pick(&world.living, at).filter(|_| world.policy.is_announced()) {
                world.end(id);
            }
        }
        Step::Busy(at) => {
            if let Some(id) = pick(&world.serving, at) {
                world.busy.insert(id);
            }
        }
        Step::Idle(at) => {
            if let Some(id) = pick(&world.busy, at) {
                world.busy.remove(&id);
            }
        }
        Step::Reload => world.send(Event::Reload),
        Step::More => world.send(Event::More),
        Step::Fewer => world.send(Event::Fewer),
        Step::Obey => world.obey(),
        Step::Wait(seconds) => world.pass(seconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_recovers_and_it_ends(
        min in 0..4usize, spare in 1..5usize, children in 1..9usize,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(rules(min.min(spare), spare, children));
        let cap = |world: &World| world.policy.cap();
        for step in steps {
            apply(&mut world, step);
            prop_assert!(world.finished().is_none());
            let staying = world.policy.alive();
            prop_assert!(staying <= cap(&world), "{staying} workers");
        }
        // When workers can start and nothing else happens, there are enough of them again.
        world.busy.clear();
        for _ in 0..60 {
            world.all_ready();
            world.obey();
            world.pass(31);
        }
        prop_assert_eq!(world.living.len(), world.policy.floor());
        prop_assert!(world.policy.is_settled(|_| IDLE));
        // And it always ends.
        world.busy = world.living.clone();
        world.send(Event::Stop);
        world.pass(11);
        for id in world.living.clone() {
            prop_assert!(world.log.contains(&Action::Kill(id)));
            world.end(id);
        }
        prop_assert_eq!(world.finished(), Some(Verdict::Stopped));
    }
}
