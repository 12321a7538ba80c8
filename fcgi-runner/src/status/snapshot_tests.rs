//! What is read off the numbers of the board.

use super::*;

#[test]
fn what_came_with_a_request_moves_no_cursor() {
    assert_eq!(shown(b"/a\x1b[2J\n\xff\xc3\xa9"), "/a\u{fffd}[2J\u{fffd}\u{fffd}é");
    assert_eq!(shown("/\u{202e}gpj.exe".as_bytes()), "/\u{fffd}gpj.exe", "nor turns the others round");
}

#[test]
fn a_path_that_was_cut_off_says_so() {
    assert_eq!(path(b"GET", b"/a"), "/a");
    let room = Desk::ROOM - 3;
    assert_eq!(path(b"GET", &vec![b'x'; room - 1]), "x".repeat(room - 1));
    assert_eq!(path(b"GET", &vec![b'x'; room]), "x".repeat(room) + "…");
}

#[test]
fn rates_are_taken_from_the_notes_there_are() {
    let sample = |second, requests| Sample {
        at: Duration::from_secs(second),
        requests,
        failed: requests / 10,
        ..Sample::default()
    };
    let totals = Totals { requests: 1000, statuses: [0, 0, 900, 0, 0, 100], ..Totals::default() };
    let now = Duration::from_secs(100);
    let history = [sample(30, 100), sample(90, 500), sample(99, 990)];
    let of = |window| rate(window, now, &totals, &history).requests.unwrap();
    assert!((of(1) - 10.0).abs() < 1e-9);
    assert!((of(10) - 50.0).abs() < 1e-9);
    assert!((of(60) - 900.0 / 70.0).abs() < 1e-9);
    assert!((rate(10, now, &totals, &history).failed.unwrap() - 5.0).abs() < 1e-9);
    assert_eq!(rate(10, now, &totals, &[]).requests, None);
}
