//! What workers answer in place of the application.

use fcgi_tests::{Request, Sandbox, ask, until};

use super::asking::{SOCKET, number, status, until_json};

const PATHS: [&str; 3] = ["statuspath=/server-status", "pingpath=/ping", SOCKET];

fn local(path: &str) -> Request {
    Request::get(path).with("REMOTE_ADDR", "127.0.0.1")
}

#[test]
fn the_status_is_shown_to_allowed_visitors_and_does_not_exist_for_others() {
    for words in [&["maxspare=2"][..], &["method=threaded", "threads=2"]] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[words, &PATHS].concat());
        let ask = |request: Request| ask(&server.address, &request);
        let shown = |request: Request| {
            let answer = ask(request);
            answer.status() == 200 && answer.text().starts_with("app:")
        };
        assert!(shown(local("/server-status")));
        assert!(shown(local("/server-status").with("REMOTE_ADDR", "::1")));
        assert!(shown(local("/server-status/text?x=1")));
        assert!(shown(local("/server-status").with("HTTP_X_FORWARDED_FOR", "127.0.0.1, ::1")));
        // A web server that sends no request line, and splits in another place.
        assert!(shown(local("/server-status").without("REQUEST_URI")));
        let moved = local("").with("SCRIPT_NAME", "/server-status").without("REQUEST_URI");
        assert!(shown(moved.clone()) && shown(moved.without("PATH_INFO")));
        let json = ask(local("/server-status/json"));
        assert!(json.text().starts_with("{\n"), "{json:?}");
        let page = ask(local("/server-status").with("HTTP_ACCEPT", "text/html"));
        assert!(String::from_utf8_lossy(&page.stdout).contains("\r\nContent-Security-Policy: "));
        let head = ask(local("/server-status").with("REQUEST_METHOD", "HEAD"));
        assert!(head.status() == 200 && head.body().is_empty());
        for other in [
            Request::get("/server-status"),
            local("/server-status").without("REMOTE_ADDR"),
            local("/server-status").with("REMOTE_ADDR", "unix:"),
            local("/server-status").with("HTTP_X_FORWARDED_FOR", "127.0.0.1, 192.0.2.7"),
            local("/server-status").with("HTTP_X_FORWARDED_FOR", "somebody"),
            local("/server-status").with("HTTP_X_REAL_IP", "192.0.2.7"),
            local("/server-status").with("HTTP_FORWARDED", "for=192.0.2.7"),
            Request::get("/server-status").with("HTTP_X_FORWARDED_FOR", "127.0.0.1"),
            local("/server-status").with("REQUEST_METHOD", "DELETE"),
            local("/server-statusx"),
            local("/server-status/x"),
            local("/x/server-status"),
            local("/x").with("QUERY_STRING", "/server-status"),
        ] {
            assert_eq!(ask(other.clone()).status(), 404, "{other:?}");
        }
        server.stop();
    }
}

#[test]
fn a_ping_is_answered_to_everybody_and_nothing_of_it_is_counted() {
    let sandbox = Sandbox::new();
    let server =
        sandbox.serve(&[&PATHS[..], &["maxrequests=3", "maxspare=1", "accesslog=access.log"]].concat());
    let mut client = server.connect();
    for _ in 0..10 {
        let answer = client.ask(&Request::get("/ping").kept());
        assert_eq!((answer.status(), answer.text().as_str()), (200, "pong\n"));
        assert_eq!(client.ask(&local("/server-status").kept()).status(), 200);
    }
    assert_eq!(ask(&server.address, &Request::get("/ping/x")).status(), 404);
    let told = until_json(&status(&sandbox), "one is counted", |json| number(json, "/requests/total") > 0);
    assert_eq!(number(&told, "/requests/total"), 1, "{told:#}");
    assert_eq!(number(&told, "/restarts/total"), 0);
    until("it is logged", || sandbox.read("access.log").lines().count() > 0);
    assert_eq!(sandbox.read("access.log").lines().count(), 1);
    server.stop();
}

#[test]
fn without_the_options_the_paths_are_the_applications() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    for path in ["/server-status", "/ping"] {
        assert_eq!(ask(&server.address, &local(path)).status(), 404);
    }
    let wrong = sandbox.run(&["socket=t.sock", "daemonize=false", "web:application", "statuspath=status"]);
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    let wrong =
        sandbox.run(&["socket=t.sock", "daemonize=false", "web:application", "statusallow=localhost"]);
    assert!(wrong.status == Some(2) && wrong.err.contains("hint: write numbers"), "{wrong:?}");
    server.stop();
}
