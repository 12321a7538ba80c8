//! Random lives of servers: whatever happens, what users rely on holds.

use proptest::prelude::*;

use super::*;

/// Something that happens to a server.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ready(usize),
    Fail(usize),
    Leave(usize),
    Die(usize),
    Busy(usize),
    Idle(usize),
    Connect(usize),
    Disconnect(usize),
    Due(usize, bool),
    Visitors(usize),
    Reload,
    Restart,
    More,
    Fewer,
    Scale(usize),
    Obey,
    Moment(u64),
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
        1 => (0..16usize).prop_map(Step::Connect),
        1 => (0..16usize).prop_map(Step::Disconnect),
        3 => (0..16usize, prop::bool::weighted(0.2)).prop_map(|(at, urgent)| Step::Due(at, urgent)),
        4 => (0..9usize).prop_map(Step::Visitors),
        1 => Just(Step::Reload),
        1 => Just(Step::Restart),
        1 => Just(Step::More),
        1 => Just(Step::Fewer),
        1 => (0..12usize).prop_map(Step::Scale),
        3 => Just(Step::Obey),
        3 => (1..200u64).prop_map(Step::Moment),
        4 => (0..40u64).prop_map(Step::Wait),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let pool = prop_oneof![Just(Pool::Static), Just(Pool::Dynamic), Just(Pool::OnDemand)];
    let lifetime = prop_oneof![2 => Just(None), 1 => (20..600u64).prop_map(|s| Some(Duration::from_secs(s)))];
    (pool, 0..4usize, 1..5usize, 1..9usize, lifetime, 0..=100u8).prop_map(
        |(pool, min_spare, max_spare, max_children, max_lifetime, jitter)| Rules {
            pool,
            max_lifetime,
            jitter,
            ..rules(min_spare.min(max_spare), max_spare, max_children)
        },
    )
}

impl World {
    /// What the master does after each event: it looks where it said that it would, and counts who waits.
    fn mind(&mut self, waiting: usize) {
        if waiting > 0 && self.policy.watches_queue(self.load()) {
            self.send(Event::Waiting);
        }
        if self.policy.demand_at().is_some_and(|at| self.now >= at) {
            let load = self.load();
            self.policy.answer_demand(waiting, load, self.now);
            self.act();
        }
        if self.policy.wake_at().is_some_and(|at| self.now >= at) {
            self.look();
            let wake_at = self.policy.wake_at();
            assert!(wake_at.is_none_or(|at| at > self.now), "the master would be woken for ever");
        }
    }

    fn play(&mut self, step: Step) {
        let pick = |set: &BTreeSet<WorkerId>, at: usize| set.iter().nth(at % set.len().max(1)).copied();
        let starting: BTreeSet<WorkerId> = self.living.difference(&self.serving).copied().collect();
        let announced = self.policy.is_announced();
        match step {
            Step::Ready(at) => {
                if let Some(id) = pick(&starting, at) {
                    self.serving.insert(id);
                    self.send(Event::Ready(id));
                }
            }
            Step::Fail(at) => {
                if let Some(id) = pick(&starting, at).filter(|_| announced) {
                    self.send(Event::Failed(id));
                    self.end(id);
                }
            }
            Step::Leave(at) => {
                if let Some(id) = pick(&self.serving, at) {
                    self.send(Event::Leaving(id));
                    self.told.insert(id, Order::Retire);
                }
            }
            Step::Die(at) => {
                if let Some(id) = pick(&self.living, at).filter(|_| announced) {
                    self.end(id);
                }
            }
            Step::Busy(at) => self.busy.extend(pick(&self.serving, at)),
            Step::Idle(at) => {
                if let Some(id) = pick(&self.busy, at) {
                    self.busy.remove(&id);
                    *self.served.entry(id).or_default() += 1;
                }
            }
            Step::Connect(at) => self.connections.extend(pick(&self.serving, at).map(|id| (id, 1))),
            Step::Disconnect(at) => {
                if let Some(id) = pick(&self.serving, at) {
                    self.connections.remove(&id);
                }
            }
            Step::Due(at, urgent) => {
                if let Some(id) = pick(&self.serving, at) {
                    self.send(Event::Due { id, reason: Reason::Memory, urgent });
                }
            }
            Step::Visitors(_) => {}
            Step::Reload => self.send(Event::Reload),
            Step::Restart => self.send(Event::Restart),
            Step::More => self.scale_by(1),
            Step::Fewer => self.scale_by(-1),
            Step::Scale(count) => self.send(Event::Scale(count)),
            Step::Obey => self.obey(),
            Step::Moment(millis) => self.now += Duration::from_millis(millis),
            Step::Wait(seconds) => self.pass(seconds),
        }
        self.mind(if let Step::Visitors(count) = step { count } else { 0 });
    }

    /// Workers can start, and nothing else happens.
    fn rest(&mut self) {
        self.busy.clear();
        self.connections.clear();
        for _ in 0..60 {
            for _ in 0..20 {
                let before = self.log.len();
                self.all_ready();
                self.obey();
                self.mind(0);
                if self.log.len() == before {
                    break;
                }
            }
            self.pass(31);
        }
        self.all_ready();
        self.obey();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_recovers_and_it_ends(rules in any_rules(), steps in prop::collection::vec(step(), 0..150)) {
        let mut world = World::new(rules);
        // A number that was lowered later does not end requests that run.
        let mut most = world.policy.cap();
        for step in steps {
            let before = world.policy.alive();
            world.play(step);
            prop_assert!(world.finished().is_none());
            let (staying, cap) = (world.policy.alive(), world.policy.cap());
            most = if staying > before { cap } else { most.max(cap) };
            // One is there for another that is about to leave.
            prop_assert!(staying <= most + 1, "{staying} workers after {step:?}, {cap} allowed");
            let known = world.policy.workers.keys().copied().collect::<BTreeSet<_>>();
            prop_assert_eq!(&known, &world.living, "a worker is lost");
        }
        world.rest();
        let expected = world.policy.floor();
        if rules.max_lifetime.is_none() {
            prop_assert_eq!(world.living.len(), expected);
            prop_assert!(world.policy.is_settled(world.load()));
        } else {
            prop_assert!((expected..=expected + 1).contains(&world.living.len()));
        }
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

    /// While nobody dies, those that start come to serve, and nobody develops, capacity never falls below what the rules promise.
    #[test]
    fn enough_serve_all_the_time(rules in any_rules(), steps in prop::collection::vec(step(), 0..150)) {
        let mut world = World::serving(rules);
        for step in steps {
            if matches!(step, Step::Fail(_) | Step::Die(_) | Step::Leave(_) | Step::Restart) {
                continue;
            }
            let before = world.staying();
            world.play(step);
            let promised = world.policy.min_spare().max(usize::from(rules.pool != Pool::OnDemand));
            prop_assert!(
                world.staying() >= promised.min(before),
                "{} serve after {step:?}, {promised} are promised", world.staying()
            );
        }
    }

    /// Of those that ask, all are replaced, and never two at once.
    #[test]
    fn all_are_replaced_one_at_a_time(size in 1..6usize, order in prop::collection::vec(0..6u32, 1..12), slow in any::<bool>()) {
        let mut world = World::serving(Rules { pool: Pool::Static, ..rules(0, size, size) });
        let asked: BTreeSet<WorkerId> = order.iter().map(|id| WorkerId(id % u32::try_from(size).unwrap())).collect();
        for id in &asked {
            world.send(Event::Due { id: *id, reason: Reason::Requests, urgent: false });
        }
        for _ in 0..40 {
            world.all_ready();
            prop_assert!(world.told.len() <= 1, "{:?}", world.told);
            prop_assert!(world.staying() >= size, "the old one leaves when the new one serves");
            if slow {
                world.pass(1);
            }
            world.obey();
        }
        prop_assert!(world.living.is_disjoint(&asked));
        prop_assert_eq!(world.living.len(), size);
    }
}
