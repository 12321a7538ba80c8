//! How many workers there are, when somebody has said so.

use super::*;

#[test]
fn a_static_pool_has_always_as_many() {
    let pool = Rules { pool: Pool::Static, ..rules(0, 4, 4) };
    let mut world = World::new(pool);
    assert_eq!(world.living.len(), 1);
    world.all_ready();
    assert_eq!(world.living.len(), 4);
    for busy in [true, false] {
        world.busy = if busy { world.living.clone() } else { BTreeSet::new() };
        for _ in 0..5 {
            world.pass(1);
        }
        assert_eq!((world.living.len(), world.policy.wanted_idle()), (4, 0));
    }
    world.scale_by(1);
    world.all_ready();
    assert_eq!((world.living.len(), world.policy.cap()), (5, 5));
    world.busy = world.living.clone();
    world.busy.remove(&WorkerId(1));
    world.send(Event::Scale(3));
    world.look();
    assert_eq!(world.told.len(), 2, "busy ones as well, if there are not enough idle ones");
    assert!(world.told.contains_key(&WorkerId(1)));
    world.busy.clear();
    world.obey();
    world.pass(1);
    assert_eq!((world.living.len(), world.is_settled()), (3, true));
}

#[test]
fn a_number_set_by_the_operator_stays_within_what_the_board_holds() {
    let mut world = World::serving(rules(1, 2, 4));
    world.send(Event::Scale(1000));
    world.all_ready();
    assert_eq!(world.living.len(), 20);
    assert_eq!(world.policy.cap(), 20);
    world.send(Event::Scale(0));
    for _ in 0..10 {
        world.pass(1);
        world.obey();
    }
    assert_eq!((world.living.len(), world.policy.cap()), (1, 4), "the cap is the old one again");
    let mut alone = World::serving(rules(0, 1, 1));
    for count in [2, 7, 0] {
        alone.send(Event::Scale(count));
        assert_eq!((alone.living.len(), alone.policy.can_scale()), (1, false));
    }
}

#[test]
fn more_and_fewer_change_the_number_for_good() {
    let mut world = World::serving(rules(1, 2, 2));
    world.scale_by(1);
    world.all_ready();
    assert_eq!(world.living.len(), 3);
    world.scale_by(-1);
    for _ in 0..3 {
        world.pass(1);
        world.obey();
    }
    assert_eq!(world.living.len(), 2);
}
