//! Requests that bring a file: FastCGI 1.0 section 6.4.

use fcgi_tests::client::abort;
use fcgi_tests::record::{DATA, STDIN, record};
use fcgi_tests::{Request, ask, until};

use super::{content, in_both, in_both_with, told, version};

/// Three whole records of DATA, more than `requestbuffer`.
const BEGINNING: usize = 3 * (8 + 65_535);

#[test]
fn a_filter_reads_body_and_data_as_files() {
    in_both(|_, server| {
        let lines = Request::filter("/lines", "one\ntwo\n", "first\nsecond\n\nlast");
        let expected = "[b'first\\n', b'second\\n', b'\\n', b'last'] b'one\\n'";
        assert_eq!(ask(&server.address, &lines).text(), expected);
        let empty = Request::filter("/tell", "", "");
        assert_eq!(ask(&server.address, &empty).text(), format!("{} {} 0 0 b''", told(0), told(0)));
    });
}

#[test]
fn a_filter_gets_no_more_than_was_announced_and_is_not_started_with_less() {
    in_both(|_, server| {
        let mut client = server.connect();
        let request =
            |body: usize, data: usize| Request::filter("/tell", content(body), content(data)).kept();
        let longer =
            client.ask(&request(100_000, 100_000).with("CONTENT_LENGTH", "3").with("FCGI_DATA_LENGTH", "3"));
        assert_eq!(longer.text(), format!("{} {} 3 3 b''", told(3), told(3)));
        for name in ["CONTENT_LENGTH", "FCGI_DATA_LENGTH"] {
            let short = client.ask(&request(3, 3).with(name, "4"));
            assert!(short.is_whole() && short.status() == 400, "{name}: {short:?}");
            assert!(short.text().contains("less than it announced"), "{short:?}");
        }
        // One that comes when the parameters are hardly there.
        let nothing = client.ask(&request(0, 0).with("FCGI_DATA_LENGTH", "1"));
        assert_eq!(nothing.status(), 400);
        assert_eq!(client.ask(&request(3, 3)).text(), format!("{} {} 3 3 b''", told(3), told(3)));
        // A responder is told by CONTENT_LENGTH, as in CGI.
        assert_eq!(
            client.ask(&Request::post("/read", "abc").with("CONTENT_LENGTH", "4").kept()).text(),
            "3 of 4"
        );
    });
}

#[test]
fn data_of_unknown_length_is_waited_for_and_counted() {
    in_both(|_, server| {
        let mut client = server.connect();
        let known = Request::filter("/tell", content(3), content(1_000_000)).kept();
        let unknown = ["", "-1", "five", "9223372036854775808"]
            .map(|text| known.clone().with("FCGI_DATA_LENGTH", text));
        for request in unknown.into_iter().chain([known.clone().without("FCGI_DATA_LENGTH")]) {
            let expected = format!("{} {} 3 1000000 b''", told(3), told(1_000_000));
            assert_eq!(client.ask(&request).text(), expected);
        }
        let empty = Request::filter("/tell", "", "").without("FCGI_DATA_LENGTH").kept();
        assert_eq!(client.ask(&empty).text(), format!("{} {} 0 0 b''", told(0), told(0)));
    });
}

#[test]
fn large_data_is_read_while_it_arrives() {
    in_both(|sandbox, server| {
        let mut client = server.connect();
        let request = Request::filter("/hold/a", content(100_000), content(3_000_000)).kept();
        let file = request.file();
        client.send(&[request.head(), request.stdin(), file[..BEGINNING].to_vec()].concat());
        sandbox.wait_for_held("a", 1);
        sandbox.release("a");
        client.send(&file[BEGINNING..]);
        let expected = format!("{} {} 100000 3000000 b''", told(100_000), told(3_000_000));
        assert_eq!(client.answer(1).text(), expected);
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn data_arrives_although_nobody_reads_the_body() {
    in_both(|_, server| {
        let mut client = server.connect();
        // More body than is kept in memory: it must neither stop the data nor be lost.
        let request = Request::filter("/backwards", content(1_000_000), content(3_000_000)).kept();
        let file = request.file();
        client.send(&[request.head(), request.stdin(), file[..BEGINNING].to_vec()].concat());
        for piece in file[BEGINNING..].chunks(50_000) {
            client.send(piece);
        }
        assert_eq!(client.answer(1).text(), format!("{} {}", told(3_000_000), told(1_000_000)));
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn a_filter_is_told_that_what_it_reads_is_not_all() {
    in_both(|sandbox, server| {
        let mut client = server.connect();
        let request = Request::filter("/hold/a", "", content(3_000_000)).kept();
        client.send(&[request.head(), request.stdin(), request.file()[..BEGINNING].to_vec()].concat());
        sandbox.wait_for_held("a", 1);
        client.send(&record(DATA, 1, &[]));
        sandbox.release("a");
        assert_eq!(client.answer(1).text(), "OSError: the web server has sent less than it announced");
        sandbox.forget("a");
        // So it is with the body, which is still on its way where there is no data.
        let request = Request::filter("/hold/a", content(3_000_000), "").kept();
        client.send(&[request.head(), request.stdin()[..BEGINNING].to_vec(), record(DATA, 1, &[])].concat());
        sandbox.wait_for_held("a", 1);
        client.send(&record(STDIN, 1, &[]));
        sandbox.release("a");
        assert_eq!(client.answer(1).text(), "OSError: the web server has sent less than it announced");
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn a_filter_that_leaves_its_data_unread_harms_nobody() {
    in_both(|_, server| {
        let mut client = server.connect();
        for _ in 0..3 {
            let request = Request::filter("/leave", content(100_000), content(3_000_000)).kept();
            assert_eq!(client.ask(&request).text(), "left");
            assert_eq!(version(&mut client), "one");
        }
        let last = Request::filter("/leave", content(3), content(3_000_000));
        assert_eq!(client.ask(&last).text(), "left");
        client.finish_sending();
        assert!(client.is_closed_by_peer());
    });
}

#[test]
fn the_limit_of_bodies_holds_for_data() {
    in_both_with(&["maxbody=50k"], |_, server| {
        let mut client = server.connect();
        let fits = Request::filter("/tell", content(3), content(3)).kept();
        for request in [
            Request::filter("/tell", "", content(100_000)),
            Request::filter("/tell", "", content(100_000)).without("FCGI_DATA_LENGTH"),
            Request::filter("/tell", content(100_000), ""),
        ] {
            let refused = client.ask(&request.kept());
            assert!(refused.is_whole() && refused.status() == 413, "{refused:?}");
            assert_eq!(client.ask(&fits).status(), 200);
        }
    });
}

#[test]
fn a_filter_whose_web_server_goes_away_ends() {
    in_both(|sandbox, server| {
        let request = Request::filter("/hold/a", "", content(1_000_000)).kept();
        let unfinished = [request.head(), request.stdin(), request.file()[..BEGINNING].to_vec()].concat();
        // Its data breaks off while it reads, by an abort and by the end of the connection; and before it runs.
        let mut client = server.connect();
        client.send(&unfinished);
        sandbox.wait_for_held("a", 1);
        client.send(&abort(1));
        sandbox.release("a");
        assert!(client.answer(1).end.is_some());
        sandbox.forget("a");
        client.send(&unfinished);
        sandbox.wait_for_held("a", 1);
        drop(client);
        sandbox.release("a");
        until("it has ended", || sandbox.held("a").is_empty());
        let mut client = server.connect();
        client.send(&[request.head(), request.stdin()].concat());
        client.send(&abort(1));
        assert_eq!(client.answer(1).status(), 400);
        assert_eq!(version(&mut client), "one");
    });
}
