//! Workers that never come to serve, and a server that is replaced as a whole.

use super::*;

/// Workers have a minute until they serve.
fn impatient() -> Rules {
    Rules { start_timeout: Some(Duration::from_secs(60)), ..rules(2, 3, 8) }
}

#[test]
fn a_first_worker_that_hangs_ends_the_start() {
    let mut world = World::new(impatient());
    assert_eq!(world.policy.wake_at(), Some(world.now + Duration::from_secs(60)));
    world.pass(59);
    assert_eq!(world.finished(), None);
    world.pass(1);
    let end = [Action::Overdue(WorkerId(0)), Action::Kill(WorkerId(0)), Action::Finish(Verdict::NeverServed)];
    assert!(world.log.ends_with(&end), "{:?}", world.log);
}

#[test]
fn a_reload_whose_workers_hang_is_given_up() {
    let mut world = World::serving(impatient());
    let old = world.living.clone();
    world.pass(600);
    world.send(Event::Reload);
    let new = *world.living.last().unwrap();
    assert_eq!(world.policy.wake_at(), Some(world.now + Duration::from_secs(60)));
    world.pass(60);
    assert!(world.log.contains(&Action::Overdue(new)) && world.log.contains(&Action::ReloadFailed));
    world.end(new);
    assert_eq!((&world.living, world.policy.wake_at()), (&old, None));
    // And the next one is not given up for it.
    world.send(Event::Reload);
    world.pass(30);
    world.all_ready();
    world.obey();
    world.all_ready();
    world.obey();
    assert!(world.log.contains(&Action::Reloaded));
}

#[test]
fn those_who_take_long_to_leave_are_left_alone() {
    let mut world = World::serving(impatient());
    let old = world.living.clone();
    world.busy = old.clone();
    world.send(Event::Reload);
    for _ in 0..4 {
        world.all_ready();
        world.pass(61);
    }
    assert!(old.is_subset(&world.living));
    assert!(!world.log.iter().any(|action| matches!(action, Action::Overdue(_) | Action::Kill(_))));
}

#[test]
fn handed_over_it_has_all_the_time_it_needs() {
    let mut world = World::serving(impatient());
    world.busy.insert(WorkerId(1));
    world.send(Event::HandOver);
    assert!(world.told.values().all(|order| *order == Order::Retire) && world.told.len() == 3);
    world.obey();
    world.pass(3600);
    assert_eq!(world.living.len(), 1, "{:?}", world.log);
    assert_eq!((world.finished(), world.policy.wake_at()), (None, None));
    // Until it is told otherwise.
    world.send(Event::Stop);
    assert_eq!(world.told[&WorkerId(1)], Order::Stop);
    world.pass(10);
    assert!(world.log.contains(&Action::Kill(WorkerId(1))));
    world.end(WorkerId(1));
    assert_eq!(world.finished(), Some(Verdict::Stopped));
}

#[test]
fn a_worker_that_comes_to_serve_after_the_handing_over_leaves() {
    let mut world = World::serving(impatient());
    world.send(Event::Reload);
    let new = *world.living.last().unwrap();
    world.send(Event::HandOver);
    world.told.remove(&new);
    world.all_ready();
    assert_eq!(world.told.get(&new), Some(&Order::Retire));
    world.obey();
    assert_eq!((world.living.len(), world.finished()), (0, Some(Verdict::Stopped)));
}

#[test]
fn a_worker_that_never_comes_to_serve_holds_nothing_up_after_the_handing_over() {
    let mut world = World::serving(impatient());
    world.send(Event::Reload);
    let hanging = *world.living.last().unwrap();
    world.send(Event::HandOver);
    assert_eq!(world.told.remove(&hanging), Some(Order::Retire));
    world.obey();
    assert_eq!(world.living.iter().copied().collect::<Vec<_>>(), [hanging]);
    world.pass(120);
    assert!(world.log.contains(&Action::Kill(hanging)), "{:?}", world.log);
    world.end(hanging);
    assert_eq!(world.finished(), Some(Verdict::Stopped));
}
