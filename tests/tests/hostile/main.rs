//! Forty hostile or odd inputs, and some more, against the running binary, with one application thread and with many.
//!
//! A test is named after its row; a row with several sides has several tests. While it is attacked, the server holds a request
//! of a neighbour, which has to come out whole; afterwards it serves at once, no process has died, and the log has a line for
//! each attack at most, which names the peer and tells no secret (see [`harness`]). Source of the outcomes: FastCGI 1.0
//! sections 3 to 6, and where it says nothing, what libfcgi, PHP and the web servers do.
//!
//! | rows | what comes in | outcome | module |
//! |---|---|---|---|
//! | 1–5 | nothing, too little, too slowly, a part | closed in time, the application is not started | [`connections`] |
//! | 6, 7, 11, 12 | another version or protocol, BEGIN of another length or with id 0 | closed at once, one line in the log | [`framing`] |
//! | 8–10 | reserved bytes, the longest record, padding everywhere | served | [`framing`] |
//! | 13 | an unknown role | `UNKNOWN_ROLE` for that id alone | [`requests`] |
//! | 14 | BEGIN for an active id | closed at once | [`requests`] |
//! | 15, 16 | a second id, more ids than allowed | prefork: `CANT_MPX_CONN`; threaded: served, and above `maxactive` a 503 page | [`requests`] |
//! | 17–20 | records of nobody, stale bodies, streams that go on after their end, a body before its parameters | skipped or kept within limits | [`requests`] |
//! | 21–24 | types that have no business there | skipped; `UNKNOWN_TYPE` where the id is 0, not for ever | [`records`] |
//! | 25, 26 | `GET_VALUES` of any content, at any time | each known name once, between records; a broken pair closes | [`records`] |
//! | 27–32 | parameters cut anywhere, broken, huge, many, odd, no text | served, or a 400 or 431 page | [`params`] |
//! | 33–37 | bodies of no, another or no end of length | counted, cut, drained; a 400 or 408 page | [`bodies`] |
//! | 38, 39 | aborts, peers that go or do not read | ended, `close()` is called, the thread is free | [`endings`] |
//! | 40 | out of descriptors, many descriptors, a storm, SIGTERM | waits without turning in circles, stops in time | [`endings`] |
//!
//! What an application may do wrong is in `tests/python/wsgi`: headers with control characters, beyond Latin-1 or for a single
//! hop, in `test_headers.py`; a body before `start_response` in `test_start_response.py`; an iterable that raises after the head in
//! `test_failures.py`; a gibibyte in one string in `test_memory.py`; empty strings in `test_bodies.py`.
//!
//! [`busy`] has some of the rows again while the application is busy with the same connection; [`further`] has what no list has.

mod bodies;
mod busy;
mod connections;
mod endings;
mod framing;
mod further;
mod harness;
mod params;
mod records;
mod requests;
