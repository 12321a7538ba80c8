//! Replacing all workers at once, as one wants it while developing.

use super::*;

#[test]
fn a_restart_lets_nobody_serve_old_code() {
    let mut world = World::serving(rules(2, 3, 8));
    let old = world.living.clone();
    world.send(Event::Restart);
    assert_eq!(world.told.keys().copied().collect::<BTreeSet<_>>(), old);
    assert!(world.told.values().all(|order| *order == Order::Retire));
    assert_eq!(world.living.len(), 4, "the new worker does not wait for the old ones");
    world.obey();
    for _ in 0..3 {
        world.all_ready();
        world.pass(1);
    }
    assert!(world.living.is_disjoint(&old));
    assert_eq!((world.living.len(), world.staying()), (3, 3));
    assert!(world.log.contains(&Action::Reloaded));
}

#[test]
fn a_restart_within_a_restart_begins_anew() {
    let mut world = World::serving(rules(0, 1, 1));
    world.send(Event::Restart);
    let first = *world.living.last().unwrap();
    world.send(Event::Restart);
    assert_eq!(world.told.get(&first), Some(&Order::Retire));
    let second = *world.living.last().unwrap();
    world.obey();
    world.all_ready();
    world.pass(1);
    assert_eq!(world.living, BTreeSet::from([second]));
}

#[test]
fn a_restart_whose_worker_dies_is_tried_again_and_at_once_after_the_next_change() {
    let mut world = World::serving(rules(0, 1, 1));
    world.send(Event::Restart);
    world.obey();
    for _ in 0..5 {
        let new = *world.living.last().unwrap();
        world.end(new);
        while world.living.is_empty() {
            world.pass(1);
        }
    }
    let dying = *world.living.last().unwrap();
    world.end(dying);
    assert!(world.living.is_empty(), "somebody waits before the next try");
    world.send(Event::Restart);
    assert_eq!(world.living.len(), 1);
    world.all_ready();
    assert_eq!((world.staying(), world.finished()), (1, None));
}

#[test]
fn a_restart_changes_nothing_before_the_start_and_after_the_end() {
    let mut world = World::new(rules(2, 3, 8));
    world.send(Event::Restart);
    assert_eq!((world.living.len(), world.told.len()), (1, 0));
    let mut world = World::serving(rules(2, 3, 8));
    world.send(Event::Stop);
    let living = world.living.clone();
    world.send(Event::Restart);
    assert_eq!(world.living, living);
}
