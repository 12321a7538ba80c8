//! The three roles of FastCGI 1.0 section 6, with one application thread and with many. Web servers that speak them are in
//! `tests/python/webservers`; none sends DATA.

use fcgi_tests::client::abort;
use fcgi_tests::record::{AUTHORIZER, DATA, STDIN, begin, record, stream};
use fcgi_tests::{Answer, Client, Request, Sandbox, Server, ask, until};

const ALL: [&str; 2] = ["authorizer=roles:authorizer", "filter=roles:filter"];

/// Three whole records of DATA, more than `requestbuffer`.
const BEGINNING: usize = 3 * (8 + 65_535);

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("roles.py", include_str!("../src/roles.py"));
    sandbox
}

/// Runs a test with one application thread in one worker, and with several; with these words and those of the other roles.
fn in_both_with(words: &[&str], test: impl Fn(&Sandbox, &Server<'_>)) {
    for model in [["maxspare=1", "maxchildren=1"], ["method=threaded", "maxspare=2"]] {
        let sandbox = sandbox();
        let server = sandbox.serve(&[&model[..], &ALL[..], words].concat());
        test(&sandbox, &server);
        let err = server.stop();
        assert!(!err.contains("panicked") && !err.contains("unexpectedly"), "{model:?}: {err}");
    }
}

fn in_both(test: impl Fn(&Sandbox, &Server<'_>)) {
    in_both_with(&[], test);
}

/// Starts a server by these words alone, one worker with one thread.
fn serve_only<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    let all = [&["socket=s.sock", "daemonize=false", "maxspare=1", "maxchildren=1"], words].concat();
    sandbox.serve_at(&mut sandbox.command(&all), sandbox.unix("s.sock"))
}

fn version(client: &mut Client) -> String {
    client.ask(&Request::get("/version").kept()).text()
}

/// The lines of a head behind `Status`.
fn headers(answer: &Answer) -> Vec<String> {
    let head = String::from_utf8(answer.stdout.clone()).unwrap();
    head.split_once("\r\n\r\n").unwrap().0.split("\r\n").skip(1).map(str::to_owned).collect()
}

/// Bytes that are not all the same.
fn content(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// What the filter says of such bytes: their number, and the beginning of their SHA-256 (by `sha256sum`).
fn told(length: usize) -> &'static str {
    match length {
        0 => "0:e3b0c442",
        3 => "3:ae4b3280",
        100_000 => "100000:cd2df694",
        1_000_000 => "1000000:2c030d49",
        3_000_000 => "3000000:4d3870d4",
        other => panic!("{other}"),
    }
}

#[test]
fn each_role_is_served_by_its_own_application() {
    in_both(|_, server| {
        let mut client = server.connect();
        for id in [1, 7, 1] {
            assert_eq!(version(&mut client), "one");
            let allowed = client.ask(&Request::authorize("/allow").id(id).kept());
            assert!(allowed.is_whole() && allowed.status() == 200, "{allowed:?}");
            let filtered = client.ask(&Request::filter("/tell", content(3), content(100_000)).id(id).kept());
            let expected = format!("{} {} 3 100000 b''", told(3), told(100_000));
            assert!(filtered.is_whole() && filtered.text() == expected, "{filtered:?}");
        }
        for (request, expected) in [
            (Request::get("/environ/fcgi.role"), "responder"),
            (Request::get("/environ/fcgi.data").with("fcgi.data", "forged"), "None"),
            (Request::filter("/environ/fcgi.role+FCGI_DATA_LAST_MOD", "", ""), "filter 846518400"),
            (Request::filter("/environ/fcgi.role", "", "").with("fcgi.role", "forged"), "filter"),
        ] {
            assert_eq!(client.ask(&request.clone().kept()).text(), expected, "{request:?}");
        }
    });
}

#[test]
fn requests_of_three_roles_run_side_by_side_on_one_connection() {
    let sandbox = sandbox();
    let server = sandbox.serve(&[&ALL[..], &["method=threaded"]].concat());
    let mut client = server.connect();
    client.send(&Request::get("/hold/a").id(1).kept().bytes());
    let filter = Request::filter("/tell", content(3), content(100_000)).id(2).kept();
    client.send(&[filter.head(), filter.stdin()].concat());
    sandbox.wait_for_held("a", 1);
    assert_eq!(client.ask(&Request::authorize("/deny").id(3).kept()).status(), 403);
    client.send(&filter.file());
    assert!(client.answer(2).text().starts_with(told(3)));
    sandbox.release("a");
    assert_eq!(client.answer(1).text(), "held");
    drop(client);
    server.stop();
}

#[test]
fn a_role_without_an_application_is_turned_away_and_the_connection_goes_on() {
    let sandbox = sandbox();
    let requests =
        [Request::get("/version"), Request::authorize("/allow"), Request::filter("/tell", "ab", "cde")];
    let words = ["web:application", "authorizer=roles:authorizer", "filter=roles:filter"];
    for (played, word) in words.iter().enumerate() {
        let server = serve_only(&sandbox, &[word]);
        let mut client = server.connect();
        for _ in 0..2 {
            for (role, request) in requests.iter().enumerate() {
                let answer = client.ask(&request.clone().kept());
                if role == played {
                    assert!(answer.is_whole() && answer.status() == 200, "{word}: {answer:?}");
                } else {
                    assert_eq!(answer, Answer { end: Some((0, 3)), ..Answer::default() }, "{word}");
                }
            }
            client.send(&begin(9, 4, true));
            assert_eq!(client.answer(9).end, Some((0, 3)), "a role that nobody knows");
        }
        server.stop();
    }
}

#[test]
fn an_authorizer_is_asked_at_the_end_of_the_parameters() {
    in_both_with(&["maxbody=10"], |_, server| {
        let mut client = server.connect();
        let ask = |client: &mut Client, request: &Request| {
            client.send(&request.head());
            headers(&client.answer(1))
        };
        // No STDIN at all, as Apache does.
        let path = "/environ/fcgi.role+fcgi.data+CONTENT_LENGTH+REQUEST_METHOD+SERVER_PROTOCOL";
        let bare = ["REQUEST_METHOD", "SERVER_PROTOCOL", "SCRIPT_NAME", "GATEWAY_INTERFACE"];
        let request =
            bare.iter().fold(Request::authorize(path).kept(), |request, name| request.without(name));
        let expected = [
            "Variable-fcgi.role: authorizer",
            "Variable-fcgi.data: None",
            "Variable-CONTENT_LENGTH: None",
            "Variable-REQUEST_METHOD: GET",
            "Variable-SERVER_PROTOCOL: HTTP/1.0",
        ];
        assert_eq!(ask(&mut client, &request), expected);
        // The length of the visitor's upload says nothing about what the authorizer is sent.
        let upload =
            Request::authorize(path).with("REQUEST_METHOD", "POST").with("CONTENT_LENGTH", "5000").kept();
        assert_eq!(
            ask(&mut client, &upload)[2..4],
            ["Variable-CONTENT_LENGTH: None", "Variable-REQUEST_METHOD: POST"]
        );
        // An empty STDIN, as lighttpd does; and one that has no place there.
        let input = Request::authorize("/input").kept();
        for stdin in [record(STDIN, 1, &[]), stream(STDIN, 1, b"surplus", 3)] {
            client.send(&[input.head(), stdin].concat());
            assert_eq!(headers(&client.answer(1)), ["Variable-INPUT: b''"]);
            assert_eq!(version(&mut client), "one");
        }
    });
}

#[test]
fn what_an_authorizer_allows_is_said_by_status_and_variables_alone() {
    in_both(|_, server| {
        let expected = "Status: 200 OK\r\nVariable-AUTH_METHOD: by hand\r\nvariable-group: staff\r\n\r\n";
        for path in ["/allow", "/file"] {
            let allowed = ask(&server.address, &Request::authorize(path));
            assert!(allowed.is_whole());
            assert_eq!(String::from_utf8_lossy(&allowed.stdout), expected, "{path}");
        }
        // What it forbids goes to the visitor as it is.
        let denied = ask(&server.address, &Request::authorize("/deny"));
        assert!(denied.is_whole() && denied.text() == "denied");
        let expected =
            ["Content-Type: text/plain", "Set-Cookie: a=b", "ETag: \"verdict\"", "Variable-GROUP: none"];
        assert_eq!((denied.status(), &headers(&denied)[..4]), (403, &expected.map(str::to_owned)[..]));
    });
}

#[test]
fn an_authorizer_that_fails_allows_nobody() {
    in_both(|_, server| {
        let mut client = server.connect();
        // Before it has said anything; after a 200 with a part of its body; after a 200 by `write`.
        for path in ["/raise", "/late/yield", "/late/write"] {
            let answer = client.ask(&Request::authorize(path).kept());
            assert!(answer.is_whole() && answer.status() == 500, "{path}: {answer:?}");
            assert!(String::from_utf8_lossy(&answer.stderr).contains("raised by the authorizer"));
        }
        assert_eq!(client.ask(&Request::authorize("/allow").kept()).status(), 200);
    });
}

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

#[test]
fn new_code_of_every_role_is_taken_by_a_reload_and_imported_once_with_preload() {
    for (word, then) in [("preload=false", "two"), ("preload=true", "one")] {
        let sandbox = sandbox();
        let server = sandbox.serve(&[&ALL[..], &["maxspare=2", word]].concat());
        let verdict = || headers(&ask(&server.address, &Request::authorize("/verdict")));
        assert_eq!(verdict(), ["Variable-VERDICT: one"]);
        let code = include_str!("../src/roles.py").replace("VERDICT = \"one\"", "VERDICT = \"two\"");
        sandbox.write("roles.py", &code);
        server.signal(nix::sys::signal::Signal::SIGHUP);
        server.wait_for_err(" reloaded");
        assert_eq!(verdict(), [format!("Variable-VERDICT: {then}")], "{word}");
        server.stop();
    }
}

#[test]
fn an_application_that_cannot_be_imported_is_told_with_its_option() {
    let sandbox = sandbox();
    sandbox.write("site/app.py", "def app(environ, start_response): pass");
    sandbox.write("guard/app.py", "def app(environ, start_response): pass");
    let rows = [
        (&["filter=nowhere:filter"][..], "the application of `filter=` cannot be imported\n", "pythonpath="),
        (
            &["authorizer=roles:nobody"],
            "the application of `authorizer=` cannot be imported\n",
            "hint: authorizer=",
        ),
        (&["authorizer=roles:VERDICT"], "`roles:VERDICT` is not callable", "hint: name it with authorizer="),
        (
            &["authorizer=builtin:echo"],
            "`authorizer=` cannot be imported: the echo application",
            "hint: name it with",
        ),
        (
            &["app=site/app.py", "authorizer=guard/app.py"],
            "guard/app.py` is hidden by that of `",
            "another name",
        ),
    ];
    for (words, cause, hint) in rows {
        for more in [&["daemonize=false"][..], &["daemonize=true"], &["preload=true", "daemonize=false"]] {
            let all = [&["socket=s.sock", "app=web:application", "maxspare=1"], words, more].concat();
            let finished = sandbox.run(&all);
            assert_eq!(finished.status, Some(3), "{all:?}: {}", finished.err);
            assert!(finished.err.contains(cause) && finished.err.contains(hint), "{all:?}: {}", finished.err);
        }
    }
    sandbox.wait_for_nobody();
}

#[test]
fn a_page_is_wanted_of_an_authorizer_alone() {
    let sandbox = sandbox();
    sandbox.write("wsgi.py", "raise RuntimeError('nobody has asked for this module')");
    let finished = sandbox.run(&["http=127.0.0.1:0", "authorizer=roles:authorizer"]);
    assert_eq!(finished.status, Some(2));
    assert!(
        finished.err.contains("`http` wants") && finished.err.contains("hint: name one: app="),
        "{finished:?}"
    );
    let mut cgi = sandbox.command(&["authorizer=roles:authorizer"]);
    cgi.envs(Request::get("/").params);
    let finished = sandbox.finish(&mut cgi);
    assert_eq!((finished.status, &finished.out[..]), (Some(2), ""));
    assert!(finished.err.contains("plain CGI wants an application"), "{finished:?}");
    // Without them it is what the operator wants.
    let server = serve_only(&sandbox, &["authorizer=roles.py:authorizer"]);
    assert_eq!(ask(&server.address, &Request::authorize("/allow")).status(), 200);
    server.stop();
}

#[test]
fn the_echo_application_plays_the_roles_that_it_is_named_for() {
    let sandbox = Sandbox::empty();
    let server = serve_only(&sandbox, &["authorizer=builtin:echo", "filter=builtin:echo"]);
    let mut client = server.connect();
    assert_eq!(client.ask(&Request::get("/").kept()).end, Some((0, 3)));
    client.send(&[begin(1, AUTHORIZER, true), Request::authorize("/").head()[16..].to_vec()].concat());
    assert_eq!(headers(&client.answer(1)), ["Variable-ROLE: authorizer"]);
    let text = client.ask(&Request::filter("/", "four", content(100_000)).kept()).text();
    assert!(text.contains("role=filter\nbody=4\ndata=100000\n"), "{text}");
    server.stop();
}
