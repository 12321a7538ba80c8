//! Pools on demand.

use super::*;

fn on_demand(max_children: usize) -> Rules {
    Rules { pool: Pool::OnDemand, ..rules(0, 1, max_children) }
}

/// Connections that wait are told until there is nothing more to do about them at this time.
fn wait(world: &mut World, waiting: usize) {
    if world.policy.watches_queue(world.load()) {
        world.send(Event::Waiting);
    }
    let load = world.load();
    world.policy.answer_demand(waiting, load, world.now);
    world.act();
}

fn step(world: &mut World, waiting: usize) {
    world.now += Duration::from_millis(50);
    wait(world, waiting);
}

/// A server that has proven that it can serve, and at which nobody has asked for anything.
fn at_rest(max_children: usize) -> World {
    let mut world = World::serving(on_demand(max_children));
    world.pass(60);
    world.obey();
    assert!(world.living.is_empty());
    world.pass(1);
    assert!(world.is_settled());
    world.log.clear();
    world
}

#[test]
fn the_first_worker_proves_the_application_and_goes() {
    let mut world = World::new(on_demand(4));
    assert_eq!(world.living.len(), 1);
    world.all_ready();
    assert!(world.log.contains(&Action::Announce));
    assert_eq!(world.living.len(), 1);
    world.pass(59);
    assert!(world.told.is_empty());
    assert!(!world.is_settled(), "somebody has to look when it may go");
    world.pass(1);
    assert_eq!(world.policy.reason_of_end(WorkerId(0)), Reason::Idle);
    world.obey();
    world.pass(1);
    assert!(world.living.is_empty() && world.is_settled());
    assert_eq!(world.finished(), None);
    let mut broken = World::new(on_demand(4));
    broken.send(Event::Failed(WorkerId(0)));
    assert_eq!(broken.finished(), Some(Verdict::NeverServed));
}

#[test]
fn a_connection_brings_a_worker_at_once() {
    let mut world = at_rest(4);
    assert!(world.policy.watches_queue(world.load()));
    wait(&mut world, 1);
    assert_eq!(world.living.len(), 1);
    assert!(!world.policy.watches_queue(world.load()), "it will take it");
    step(&mut world, 1);
    world.all_ready();
    assert!(!world.policy.watches_queue(world.load()));
    world.busy = world.living.clone();
    assert!(world.policy.watches_queue(world.load()), "now nobody would");
}

#[test]
fn a_crowd_brings_more_with_every_step_and_no_more_than_allowed() {
    let mut world = at_rest(12);
    let counts: Vec<usize> = (0..6)
        .map(|number| {
            if number == 0 {
                wait(&mut world, 10);
            } else {
                step(&mut world, 10);
            }
            world.living.len()
        })
        .collect();
    assert_eq!(counts, [1, 3, 7, 10, 10, 10]);
    world.all_ready();
    world.busy = world.living.clone();
    step(&mut world, 90);
    for _ in 0..6 {
        step(&mut world, 90);
    }
    assert_eq!(world.living.len(), 12);
    world.all_ready();
    world.busy = world.living.clone();
    assert!(!world.policy.watches_queue(world.load()), "there could not be more");
    assert_eq!(world.policy.wanted_idle(), 0);
}

#[test]
fn short_requests_one_after_the_other_need_no_second_worker() {
    let mut world = at_rest(4);
    wait(&mut world, 1);
    world.all_ready();
    world.busy = world.living.clone();
    wait(&mut world, 1);
    assert_eq!(world.living.len(), 1, "perhaps it is done in a moment");
    // It was.
    world.busy.clear();
    step(&mut world, 0);
    assert_eq!((world.living.len(), world.policy.demand_at()), (1, None));
    world.busy = world.living.clone();
    wait(&mut world, 1);
    step(&mut world, 1);
    assert_eq!(world.living.len(), 2, "this time it was not");
}

#[test]
fn threads_are_counted() {
    let mut world = at_rest(4);
    world.send(Event::Waiting);
    let load = |_| Load { threads: 4, ..Load::default() };
    world.policy.answer_demand(9, load, world.now);
    world.act();
    assert_eq!(world.living.len(), 1);
    world.now += Duration::from_millis(50);
    world.policy.answer_demand(9, load, world.now);
    world.act();
    assert_eq!(world.living.len(), 3, "three with four threads each are enough for nine");
    world.now += Duration::from_millis(50);
    world.policy.answer_demand(9, load, world.now);
    world.act();
    assert_eq!(world.living.len(), 3);
}

#[test]
fn workers_go_when_they_had_nothing_to_do_and_the_last_one_without_connections() {
    let mut world = at_rest(4);
    wait(&mut world, 3);
    step(&mut world, 3);
    world.all_ready();
    let [a, b, c] = world.living.iter().copied().collect::<Vec<_>>()[..] else {
        panic!("{:?}", world.living)
    };
    world.connections = BTreeMap::from([(a, 1), (b, 1), (c, 1)]);
    for second in 1..200 {
        if second == 30 {
            // Served between two looks.
            world.served.insert(b, 1);
        }
        if second == 100 {
            assert_eq!(
                world.told.keys().copied().collect::<Vec<_>>(),
                [a, c],
                "b has connections to read from"
            );
            world.connections.remove(&b);
        }
        world.pass(1);
        if second == 60 {
            assert_eq!(world.told.keys().copied().collect::<Vec<_>>(), [a, c]);
        }
    }
    world.obey();
    assert!(world.living.is_empty());
}

#[test]
fn what_cannot_start_is_tried_ever_more_slowly() {
    let mut world = at_rest(4);
    for _ in 0..600 {
        wait(&mut world, 3);
        if let Some(id) = world.living.last().copied() {
            world.send(Event::Failed(id));
            world.end(id);
        }
        world.now += Duration::from_millis(100);
        world.look();
    }
    let tries = world.log.iter().filter(|action| matches!(action, Action::Spawn(_))).count();
    assert!((4..12).contains(&tries), "{tries}");
    world.pass(31);
    wait(&mut world, 3);
    world.all_ready();
    assert_eq!(world.serving.len(), 1, "and goes on when it can");
}

#[test]
fn a_worker_that_is_replaced_without_requests_goes_all_the_same() {
    let hour = Duration::from_secs(3600);
    let mut world =
        World::serving(Rules { idle_timeout: hour, max_lifetime: Some(hour / 8), ..on_demand(2) });
    let mut seconds = 0;
    while !world.living.is_empty() {
        world.pass(1);
        world.all_ready();
        world.obey();
        seconds += 1;
        assert!(seconds < 3700, "{:?}", world.living);
    }
    assert!(seconds > 3500, "{seconds}");
}

#[test]
fn a_reload_of_an_empty_house_tries_the_new_code() {
    let mut world = at_rest(4);
    world.send(Event::Reload);
    assert_eq!(world.living.len(), 1);
    world.all_ready();
    assert!(world.log.contains(&Action::Reloaded));
    assert_eq!(world.living.len(), 1);
    world.pass(61);
    world.obey();
    assert!(world.living.is_empty());
}

#[test]
fn a_reload_of_a_busy_house_keeps_its_capacity() {
    let mut world = at_rest(4);
    wait(&mut world, 4);
    step(&mut world, 4);
    step(&mut world, 4);
    world.all_ready();
    assert_eq!(world.serving.len(), 4);
    let old = world.living.clone();
    world.send(Event::Reload);
    for _ in 0..6 {
        if let Some(id) = world.living.difference(&world.serving).next().copied() {
            world.serving.insert(id);
            world.send(Event::Ready(id));
        }
        world.obey();
        assert!(world.serving.len() >= 4);
    }
    assert!(world.living.is_disjoint(&old));
}

#[test]
fn the_operator_sets_the_most() {
    let mut world = at_rest(4);
    world.send(Event::Scale(2));
    assert!(world.living.is_empty());
    for _ in 0..8 {
        step(&mut world, 9);
        world.all_ready();
        world.busy = world.living.clone();
    }
    assert_eq!(world.living.len(), 2);
}
