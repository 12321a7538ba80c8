use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{About, Snapshot, to_json};
use crate::os::listener::Listener;
use crate::os::scoreboard::{Phase, Restart, Scoreboard, Slow};

/// A house with a listener: one worker is idle, one has two requests, one is about to leave.
pub(super) struct House {
    pub(super) about: About,
    pub(super) board: Arc<Scoreboard>,
    folder: tempfile::TempDir,
}

impl House {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = Listener::unix(&folder.path().join("s"), None, Duration::ZERO).unwrap();
        let board = Scoreboard::new(NonZeroUsize::new(8).unwrap(), 2).unwrap();
        for slot in 0..3 {
            board.open_slot(slot, 2);
            board.slot(slot).set_pid(std::process::id());
            board.slot(slot).set_phase(if slot == 2 { Phase::Leaving } else { Phase::Serving });
        }
        let about = About {
            app: "web:application".to_owned(),
            pid: 4711,
            method: "prefork",
            on_demand: false,
            started: SystemTime::now(),
            listeners: [listener].into(),
        };
        Self { about, board, folder }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.about, &self.board)
    }
}

#[test]
fn a_snapshot_has_everything_there_is() {
    let house = House::new();
    let board = &house.board;
    let _waiting = UnixStream::connect(house.folder.path().join("s")).unwrap();
    let (begun, slot) = (Instant::now(), board.slot(1));
    slot.begin();
    slot.begin();
    let _seat = board.take_desk(1, begun, b"GET", b"/a\x1b?secret").unwrap();
    slot.tally().record(200, 1000, Duration::from_millis(10));
    board.slot(0).tally().record(503, 24, Duration::from_millis(10));
    board.slot(0).tally().note_late();
    board.reports().note_slow(
        0,
        &Slow {
            at: Duration::ZERO,
            took: Duration::from_secs(2),
            status: 200,
            pid: 9,
            method: b"POST".to_vec(),
            path: b"/slow".to_vec(),
        },
    );
    board.reports().note_restart(&Restart {
        at: Duration::ZERO,
        pid: 8,
        age: Duration::from_secs(7),
        served: 6,
        reason: b"died".to_vec(),
        detail: b"killed by SIGKILL".to_vec(),
    });
    // What a worker has done that is no more still counts.
    board.close_slot(0);
    let json = to_json(&house.snapshot());
    let at = |path: &str| json.pointer(path).unwrap_or_else(|| panic!("{path} in {json:#}")).clone();
    assert_eq!(at("/server/app"), "web:application");
    assert_eq!(at("/server/pid"), 4711);
    assert_eq!((at("/requests/total"), at("/requests/sent_bytes")), (2.into(), 1024.into()));
    assert_eq!((at("/requests/statuses/2xx"), at("/requests/statuses/5xx")), (1.into(), 1.into()));
    assert_eq!((at("/requests/late"), at("/requests/running")), (1.into(), 2.into()));
    assert_eq!(at("/requests/latency/all/count"), 2);
    assert!(at("/requests/latency/all/p99_seconds").as_f64().unwrap() >= 0.01);
    assert_eq!(at("/requests/rates/0/requests_per_second"), serde_json::Value::Null);
    assert_eq!(at("/queues/0/waiting"), 1);
    assert!(at("/queues/0/limit").as_u64().unwrap() > 0);
    assert_eq!(at("/workers").as_array().unwrap().len(), 2);
    assert_eq!((at("/workers/0/state"), at("/workers/1/state")), ("busy".into(), "leaving".into()));
    assert_eq!(at("/worker_states"), serde_json::json!({"starting": 0, "idle": 0, "busy": 1, "leaving": 1}));
    assert_eq!((at("/workers/0/running"), at("/workers/0/threads")), (2.into(), 2.into()));
    assert!(at("/workers/0/resident_bytes").as_u64().unwrap() > 1 << 20);
    assert_eq!(at("/workers/0/requests/0/path"), "/a\u{fffd}");
    assert_eq!(at("/slow_requests/0/took_seconds"), 2.0);
    assert_eq!((at("/slow_requests/0/method"), at("/slow_requests/0/path")), ("POST".into(), "/slow".into()));
    assert_eq!((at("/restarts/total"), at("/restarts/reasons/died")), (1.into(), 1.into()));
    assert_eq!(at("/restarts/recent/0/detail"), "killed by SIGKILL");
}

#[test]
fn a_page_without_a_worker_raises_no_alarm() {
    let mut house = House::new();
    let page = |house: &House| super::html::to_html(&house.snapshot());
    assert!(page(&house).contains("<div class=\"note\">3 workers, 1 leaving</div>"), "{}", page(&house));
    (1..3).for_each(|slot| house.board.close_slot(slot));
    assert!(page(&house).contains("<div class=\"note\">1 worker</div>"), "{}", page(&house));
    house.board.close_slot(0);
    let empty = page(&house);
    assert!(empty.contains("<div class=\"card tile\"><div class=\"name\">Busy</div>"), "{empty}");
    assert!(empty.contains(">There is no worker now.</p>"), "{empty}");
    house.about.on_demand = true;
    assert!(page(&house).contains(">There is no worker now. The next request starts one.</p>"));
}

#[test]
fn it_is_seen_which_of_several_queues_is_long() {
    let mut house = House::new();
    let path = house.folder.path().join("other");
    let other = Listener::unix(&path, None, Duration::ZERO).unwrap();
    let first = Listener::unix(&house.folder.path().join("one"), None, Duration::ZERO).unwrap();
    let first_name = first.name().to_owned();
    house.about.listeners = [first, other].into();
    let _waiting = [UnixStream::connect(&path).unwrap(), UnixStream::connect(&path).unwrap()];
    let page = super::html::to_html(&house.snapshot());
    assert!(page.contains(&format!(">{first_name}<br>{}: <b>2</b></div>", path.display())), "{page}");
}
