//! The three roles of FastCGI 1.0 section 6, with one application thread and with many. Web servers that speak them are in
//! `tests/python/webservers`; none sends DATA.

mod authorizer;
mod filter;

use fcgi_tests::record::{AUTHORIZER, begin};
use fcgi_tests::{Answer, Client, Request, Sandbox, Server, ask};

const ALL: [&str; 2] = ["authorizer=roles:authorizer", "filter=roles:filter"];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("roles.py", include_str!("../../src/roles.py"));
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
fn new_code_of_every_role_is_taken_by_a_reload() {
    for word in ["preload=false", "preload=true"] {
        let sandbox = sandbox();
        let server = sandbox.serve(&[&ALL[..], &["maxspare=2", word]].concat());
        let verdict = || headers(&ask(&server.address, &Request::authorize("/verdict")));
        assert_eq!(verdict(), ["Variable-VERDICT: one"]);
        let code = include_str!("../../src/roles.py").replace("VERDICT = \"one\"", "VERDICT = \"two\"");
        sandbox.write("roles.py", &code);
        server.signal(nix::sys::signal::Signal::SIGHUP);
        server.wait_for_err(" reloaded");
        fcgi_tests::until(&format!("the new code answers with {word}"), || {
            verdict() == ["Variable-VERDICT: two"]
        });
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
