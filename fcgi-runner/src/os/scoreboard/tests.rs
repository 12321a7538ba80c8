use super::*;

fn board(count: usize) -> Arc<Scoreboard> {
    Scoreboard::new(NonZeroUsize::new(count).unwrap(), 2).unwrap()
}

fn rung(board: &Scoreboard) -> bool {
    board.bell.read().is_ok()
}

#[test]
fn a_slot_counts_and_tells_when_it_is_busy() {
    let board = board(3);
    board.open_slot(1, 2);
    let slot = board.slot(1);
    assert!(!slot.begin());
    assert!(slot.begin());
    assert!(!slot.load().is_idle());
    assert_eq!(slot.end(), 1);
    slot.set_connections(3);
    assert_eq!(slot.load(), Load { running: 1, threads: 2, served: 1, connections: 3 });
    assert!(slot.load().is_idle());
    assert_eq!(board.idle_besides(0, 9), 0, "it does not serve yet");
    slot.set_phase(Phase::Serving);
    assert_eq!(board.idle_besides(0, 9), 1);
    assert_eq!(board.idle_besides(1, 9), 0);
    assert_eq!(board.idle_besides(0, 0), 0);
    slot.end();
    assert_eq!((board.idle_besides(0, 9), board.idle_besides(0, 1)), (2, 1));
    assert!(board.has_others(0) && !board.has_others(1));
    slot.begin();
    slot.set_waiting(2);
    assert_eq!(board.idle_besides(0, 9), 0, "it has enough to do itself");
    assert!(!board.slot(0).load().is_idle(), "a free slot is nobody");
    slot.tally().record(204, 7, Duration::from_millis(5));
    board.close_slot(1);
    assert_eq!(slot.load(), Load::default());
    assert!(!slot.is_taken());
    board.open_slot(1, 1);
    slot.tally().record(0, 0, Duration::from_millis(1));
    let tally = slot.tally();
    assert_eq!((tally.statuses(), tally.sent()), ([1, 0, 1, 0, 0, 0], 7), "kept over its end");
    assert_eq!(tally.time(), Duration::from_millis(6));
}

#[test]
fn a_worker_shows_what_its_threads_work_on() {
    let board = board(2);
    board.open_slot(1, 2);
    let now = Instant::now();
    let first = board.take_desk(1, now, b"GET", b"/a").unwrap();
    let second = board.take_desk(1, now, b"GET", b"/b").unwrap();
    assert!(board.take_desk(1, now, b"GET", b"/c").is_none(), "all desks are taken");
    assert_eq!(board.desks(1).iter().filter_map(Desk::read).count(), 2);
    assert_eq!(board.desks(0).iter().filter_map(Desk::read).count(), 0);
    drop(first);
    let left: Vec<_> = board.desks(1).iter().filter_map(Desk::read).map(|sheet| sheet.path).collect();
    assert_eq!(left, [b"/b".to_vec()]);
    // As after a worker that was killed.
    std::mem::forget(second);
    board.close_slot(1);
    assert_eq!(board.desks(1).iter().filter_map(Desk::read).count(), 0);
}

#[test]
fn the_log_is_told_of_late_requests_once_in_a_while() {
    let board = board(2);
    let pause = Duration::from_secs(3600);
    assert_eq!(board.take_late(pause), None);
    board.note_late();
    assert_eq!(board.take_late(pause), Some(1));
    (0..5).for_each(|_| board.note_late());
    assert_eq!(board.take_late(pause), None);
    assert!(board.has_untold());
    assert_eq!(board.take_late(Duration::ZERO), Some(5));
    assert!(!board.has_untold());
}

#[test]
fn connections_are_counted_over_all_workers_that_ever_were() {
    let board = board(3);
    (0..3).for_each(|index| board.open_slot(index, 1));
    for (slot, queue) in [(0, 0), (1, 0), (1, 0), (2, 1), (0, 99)] {
        board.note_accepted(slot, queue);
    }
    board.close_slot(1);
    assert_eq!((board.accepted(0), board.accepted(1), board.accepted(99)), (3, 1, 0));
    assert_eq!(board.waits_since(0, None), None, "nobody has looked");
    assert_eq!(board.waits_since(99, None), None);
}

#[test]
fn the_bell_rings_once_when_too_few_are_idle() {
    let board = board(4);
    (0..3).for_each(|index| board.open_slot(index, 1));
    board.slot(0).begin();
    board.note_busy();
    assert!(!rung(&board), "not armed");
    board.arm(2);
    board.note_busy();
    assert!(!rung(&board), "two are idle");
    board.slot(1).begin();
    board.note_busy();
    board.note_busy();
    assert!(rung(&board));
    assert!(!rung(&board));
    board.arm(2);
    board.note_busy();
    assert!(rung(&board), "armed again");
}

#[test]
fn the_board_remembers_slow_requests_and_the_ends_of_workers() {
    let board = board(2);
    let reports = board.reports();
    assert!(reports.slow().is_empty() && reports.restarts().is_empty() && reports.reasons().is_empty());
    let slow = Slow {
        at: Duration::from_secs(5),
        took: Duration::from_millis(1500),
        status: 200,
        pid: 77,
        method: b"GET".to_vec(),
        path: b"/report?secret=1".to_vec(),
    };
    reports.note_slow(1, &slow);
    assert_eq!(reports.slow(), [Slow { path: b"/report".to_vec(), ..slow }]);
    let restart = |reason: &str, pid| Restart {
        at: Duration::from_secs(6),
        pid,
        age: Duration::from_secs(60),
        served: 9,
        reason: reason.as_bytes().to_vec(),
        detail: b"killed".to_vec(),
    };
    for (pid, reason) in (1..).zip(["died", "requests", "died"]) {
        reports.note_restart(&restart(reason, pid));
    }
    assert_eq!(reports.restarts(), [restart("died", 3), restart("requests", 2), restart("died", 1)]);
    assert_eq!(reports.reasons(), [("died".to_owned(), 2), ("requests".to_owned(), 1)]);
    (0..50).for_each(|number| reports.note_restart(&restart(&format!("reason {number}"), 1)));
    assert_eq!(reports.reasons().len(), 16, "no more words than there is room for");
    assert_eq!(reports.restarts().len(), 32);
}
