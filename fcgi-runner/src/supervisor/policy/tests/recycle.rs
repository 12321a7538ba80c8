//! Workers that have done their part.

use super::*;

fn due(id: u32, reason: Reason) -> Event {
    Event::Due { id: WorkerId(id), reason, urgent: false }
}

fn urgent(id: u32) -> Event {
    Event::Due { id: WorkerId(id), reason: Reason::Memory, urgent: true }
}

/// The newest worker begins to serve.
fn newest_ready(world: &mut World) {
    let new = *world.living.last().unwrap();
    world.serving.insert(new);
    world.send(Event::Ready(new));
}

#[test]
fn a_worker_serves_until_its_successor_does() {
    let mut world = World::serving(rules(1, 2, 2));
    world.send(due(0, Reason::Requests));
    assert_eq!(world.living.len(), 3, "one more than `maxchildren` for that moment");
    assert!(world.told.is_empty());
    world.pass(5);
    assert_eq!(world.living.len(), 3);
    newest_ready(&mut world);
    assert_eq!(world.told, BTreeMap::from([(WorkerId(0), Order::Retire)]));
    assert_eq!(world.policy.reason_of_end(WorkerId(0)), Reason::Requests);
    world.send(Event::Leaving(WorkerId(0)));
    assert_eq!(world.policy.reason_of_end(WorkerId(0)), Reason::Requests);
    world.obey();
    world.pass(1);
    assert_eq!((world.living.len(), world.is_settled()), (2, true));
    assert!(!world.log.iter().any(|action| matches!(action, Action::BackOff(_))));
}

#[test]
fn workers_are_replaced_one_at_a_time() {
    let mut world = World::serving(rules(1, 4, 4));
    for id in [2, 0, 3, 1] {
        world.send(due(id, Reason::Requests));
        world.now += Duration::from_millis(1);
    }
    for old in [2, 0, 3, 1].map(WorkerId) {
        assert_eq!(world.living.len(), 5);
        newest_ready(&mut world);
        assert_eq!(
            world.told.keys().copied().collect::<Vec<_>>(),
            [old],
            "in the order in which they have asked"
        );
        assert_eq!(world.living.len(), 5, "nobody comes before that one has left");
        world.obey();
    }
    assert_eq!((world.living.len(), world.is_settled()), (4, true));
}

#[test]
fn one_that_does_not_leave_keeps_the_others_waiting_for_a_while_only() {
    let mut world = World::serving(rules(1, 2, 2));
    world.busy.insert(WorkerId(0));
    world.send(due(0, Reason::Requests));
    world.send(due(1, Reason::Requests));
    newest_ready(&mut world);
    let told_at = world.now;
    world.obey();
    assert_eq!(world.living.len(), 3, "it still works");
    let wake_at = world.policy.wake_at().unwrap();
    assert!(wake_at > told_at + Duration::from_secs(10));
    world.now = wake_at;
    world.look();
    assert_eq!(world.living.len(), 4, "the successor of the other one");
    assert_eq!(world.policy.wake_at(), None);
}

#[test]
fn a_successor_that_dies_leaves_the_old_one_serving() {
    let mut world = World::serving(rules(1, 2, 2));
    world.send(due(0, Reason::Lifetime));
    for _ in 0..30 {
        if world.living.len() == 3 {
            let new = *world.living.last().unwrap();
            world.send(Event::Failed(new));
            world.end(new);
        }
        world.pass(1);
        assert!(world.told.is_empty());
    }
    let tries = world.log.iter().filter(|action| matches!(action, Action::Spawn(_))).count() - 2;
    assert!((3..8).contains(&tries), "{tries}: tried again, ever more slowly");
    world.pass(31);
    newest_ready(&mut world);
    assert_eq!(world.told.len(), 1, "as soon as one can");
}

#[test]
fn one_that_dies_before_its_successor_serves_costs_no_second_one() {
    let mut world = World::serving(rules(1, 2, 2));
    world.pass(60);
    world.send(due(0, Reason::Requests));
    world.end(WorkerId(0));
    assert_eq!(world.living.len(), 2);
    newest_ready(&mut world);
    world.pass(1);
    assert_eq!((world.living.len(), world.told.len(), world.is_settled()), (2, 0, true));
}

#[test]
fn far_too_much_memory_waits_for_nobody_but_leaves_enough_to_serve() {
    let mut world = World::serving(rules(2, 4, 4));
    world.send(due(3, Reason::Requests));
    for id in [0, 1, 2] {
        world.send(urgent(id));
    }
    // The third exchange is already under way; of the others, as many leave as can be spared.
    assert_eq!(world.told.keys().copied().collect::<Vec<_>>(), [WorkerId(0), WorkerId(1)]);
    assert_eq!(world.staying(), 2);
    world.obey();
    world.all_ready();
    world.obey();
    world.all_ready();
    world.obey();
    assert!(world.living.is_disjoint(&(0..4).map(WorkerId).collect()), "{:?}", world.living);
    world.pass(1);
    assert_eq!((world.living.len(), world.is_settled()), (4, true));
}

#[test]
fn the_only_worker_is_urgent_for_nothing() {
    let mut world = World::serving(rules(0, 1, 1));
    world.send(due(0, Reason::Memory));
    world.send(urgent(0));
    assert!(world.told.is_empty());
    newest_ready(&mut world);
    assert_eq!(world.told.len(), 1);
}

#[test]
fn lives_end_after_their_time_and_not_all_at_once() {
    let hour = Duration::from_secs(3600);
    let mut world = World::serving(Rules { max_lifetime: Some(hour), jitter: 50, ..rules(1, 4, 4) });
    let (begun, old) = (world.now, world.living.clone());
    let mut ends = BTreeMap::new();
    while world.living.intersection(&old).count() > 0 {
        let wake_at = world.policy.wake_at().unwrap();
        assert!(wake_at > world.now, "the master is woken for something");
        world.now = wake_at;
        world.look();
        newest_ready(&mut world);
        for id in world.told.keys() {
            ends.entry(*id).or_insert(world.now - begun);
        }
        world.obey();
    }
    let first: Vec<Duration> = old.iter().map(|id| ends[id]).collect();
    assert!(first.iter().all(|age| (hour / 2..=hour).contains(age)), "{first:?}");
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 4, "{first:?}");
}

#[test]
fn a_reload_replaces_those_that_wait_to_be_replaced() {
    let mut world = World::serving(rules(1, 2, 2));
    world.send(due(0, Reason::Requests));
    world.send(due(1, Reason::Requests));
    world.send(Event::Reload);
    for _ in 0..6 {
        world.all_ready();
        world.obey();
    }
    world.pass(1);
    assert_eq!((world.living.len(), world.is_settled()), (2, true));
    assert!(world.log.contains(&Action::Reloaded));
}

#[test]
fn an_operator_may_replace_a_single_worker() {
    let mut world = World::serving(Rules { pool: Pool::Static, ..rules(0, 3, 3) });
    world.send(due(1, Reason::Operator));
    world.pass(1);
    assert_eq!((world.living.len(), world.told.len()), (4, 0));
    newest_ready(&mut world);
    world.obey();
    assert!(!world.living.contains(&WorkerId(1)));
    world.send(due(1, Reason::Operator));
    world.pass(1);
    assert_eq!((world.living.len(), world.is_settled()), (3, true), "who has left cannot be replaced");
}
