use super::*;

const RULES: Rules = Rules {
    request: Some(Duration::from_secs(30)),
    grace: Duration::from_secs(10),
    slow: Some(Duration::from_secs(5)),
    deadlock: None,
};

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A word for each act.
fn words(acts: &[Act<u32>]) -> Vec<String> {
    let word = |act: &Act<u32>| match act {
        Act::Note(ticket) => format!("note {}", ticket.request),
        Act::Limit(ticket) => format!("limit {}", ticket.request),
        Act::GiveUp { ticket, reached } => format!("give up {} {reached}", ticket.request),
        Act::Probe => "probe".to_owned(),
        Act::Deadlock { .. } => "deadlock".to_owned(),
        Act::AnswerWithout => "answer".to_owned(),
        Act::Exit => "exit".to_owned(),
    };
    acts.iter().map(word).collect()
}

fn due(table: &mut Table<u32>, now: Instant) -> Vec<String> {
    words(&table.due(now))
}

#[test]
fn a_request_is_noted_limited_and_given_up_each_once() {
    let start = Instant::now();
    let mut table = Table::new(RULES, start);
    let (key, sooner) = table.begin(7, start, 1, 2);
    assert!(sooner);
    assert_eq!(table.plan(), Some(start + secs(5)));
    assert!(due(&mut table, start + secs(4)).is_empty());
    assert_eq!(due(&mut table, start + secs(5)), ["note 7"]);
    assert_eq!(table.plan(), Some(start + secs(30)));
    assert_eq!(due(&mut table, start + secs(31)), ["limit 7"]);
    // The grace counts from when the limit was noticed.
    assert_eq!(table.plan(), Some(start + secs(41)));
    assert!(due(&mut table, start + secs(40)).is_empty());
    assert_eq!(due(&mut table, start + secs(41)), ["give up 7 false"]);
    assert_eq!((table.stuck(), table.plan()), (1, None));
    assert!(due(&mut table, start + secs(1000)).is_empty());
    table.exit_at(start + secs(1001));
    assert_eq!(table.plan(), Some(start + secs(1001)));
    assert_eq!(table.end(key), Some(1));
    assert_eq!((table.stuck(), table.plan()), (0, None), "it has come back: the worker leaves as usual");
}

#[test]
fn what_ends_in_time_leaves_nothing_to_do() {
    let start = Instant::now();
    let mut table = Table::new(RULES, start);
    let (key, _) = table.begin(7, start, 1, 2);
    assert_eq!(table.end(key), None);
    assert_eq!(table.plan(), None);
    assert!(due(&mut table, start + secs(100)).is_empty());
}

#[test]
fn the_watch_is_woken_only_for_what_is_due_earlier() {
    let earlier = Instant::now();
    let start = earlier + secs(1);
    let mut table = Table::new(RULES, start);
    assert!(table.begin(1, start, 1, 1).1);
    assert!(!table.begin(2, start + secs(1), 1, 1).1);
    // It has waited for its turn.
    assert!(table.begin(3, earlier, 1, 1).1);
    assert_eq!(table.wakes_at, Some(start + secs(4)));
    assert_eq!(due(&mut table, start + secs(5)), ["note 1", "note 3"]);
}

#[test]
fn an_interrupted_request_that_goes_on_was_reached() {
    let start = Instant::now();
    let mut table = Table::new(Rules { slow: None, ..RULES }, start);
    let (key, _) = table.begin(7, start, 1, 2);
    let acts = table.due(start + secs(30));
    let [Act::Limit(ticket)] = &acts[..] else { panic!("{acts:?}") };
    assert!(table.is_there(ticket));
    table.note_reached(ticket);
    assert_eq!(due(&mut table, start + secs(40)), ["give up 7 true"]);
    table.end(key);
    assert!(!table.is_there(ticket));
    // Another one at its place is not taken for it.
    table.begin(8, start, 1, 2);
    assert!(!table.is_there(ticket));
}

#[test]
fn an_interpreter_that_nobody_gets_is_found() {
    let start = Instant::now();
    let mut table = Table::new(Rules { deadlock: Some(secs(300)), ..Rules::default() }, start);
    assert_eq!(table.plan(), Some(start + secs(150)));
    assert_eq!(due(&mut table, start + secs(150)), ["probe"]);
    table.set_waiting(Some(start + secs(150)));
    table.set_waiting(None);
    assert_eq!(due(&mut table, start + secs(300)), ["probe"]);
    table.set_waiting(Some(start + secs(300)));
    assert_eq!(table.plan(), Some(start + secs(450)));
    assert!(due(&mut table, start + secs(450)).is_empty(), "it has another moment");
    assert_eq!(table.plan(), Some(start + secs(451)));
    assert_eq!(due(&mut table, start + secs(451)), ["deadlock"]);
    assert_eq!(table.plan(), None);
}

#[test]
fn a_process_that_was_stopped_has_a_moment_to_get_the_interpreter() {
    let start = Instant::now();
    let mut table = Table::new(Rules { deadlock: Some(secs(300)), ..Rules::default() }, start);
    assert_eq!(due(&mut table, start + secs(150)), ["probe"]);
    table.set_waiting(Some(start + secs(150)));
    assert!(due(&mut table, start + secs(5000)).is_empty());
    table.set_waiting(None);
    assert!(due(&mut table, start + secs(5001)).is_empty());
    assert_eq!(due(&mut table, start + secs(5150)), ["probe"]);
}

#[test]
fn a_question_is_answered_by_whoever_is_first() {
    let start = Instant::now();
    let mut table: Table<u32> = Table::new(Rules::default(), start);
    table.ask(start);
    table.ask(start + secs(1));
    assert_eq!(table.plan(), Some(start + secs(2)));
    assert_eq!(due(&mut table, start + secs(2)), ["answer"]);
    assert!(!table.take_question());
    table.ask(start + secs(3));
    assert!(table.take_question());
    assert!(due(&mut table, start + secs(9)).is_empty());
}
