//! Lines of the logs cannot be forged by what visitors send.

use fcgi_tests::{Request, Sandbox, ask};

/// Fails, and tells in the exception what the visitor has sent; or answers.
const APP: &str = r#"
def application(environ, start_response):
    if environ["QUERY_STRING"] == "fail":
        raise ValueError(environ["HTTP_X_SENT"])
    start_response("200 OK", [])
    return [b""]
"#;

/// Would be lines and colours of their own, each in another way.
const SENT: [&str; 6] = [
    "/a\n2026-01-31 23:59:59 [1] info: forged by newline",
    "/a\r\n2026-01-31 23:59:59 [1] info: forged by return",
    "/a\u{1b}[2J\u{1b}]0;forged\u{7}\u{9b}1m",
    "/a\" 200 0 \"-\" \"forged\u{7f}\" pid=1 status=200",
    "/a\u{2028}2026-01-31 23:59:59 [1] info: forged by separator\u{2029}\u{85}",
    "/a\u{202e}degrof\u{2066}\u{feff}",
];

fn is_plain(text: &str) -> bool {
    let acts = |letter: char| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
            || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    !text.contains(acts)
}

#[test]
fn every_line_of_the_error_log_is_the_servers() {
    let sandbox = Sandbox::empty();
    sandbox.write("forge.py", APP);
    let words = ["socket=s.sock", "daemonize=false", "forge:application", "loglevel=debug"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    for sent in SENT {
        let mut request = Request::get(sent);
        request = request.with("QUERY_STRING", "fail").with("HTTP_X_SENT", sent).with("REQUEST_METHOD", sent);
        ask(&server.address, &request);
        let _ = ask(&server.address, &Request::get(sent).with("CONTENT_LENGTH", sent));
    }
    let err = server.stop();
    assert!(is_plain(&err), "{err:?}");
    let forged: Vec<&str> = err.lines().filter(|line| line.starts_with("2026-01-31")).collect();
    assert!(forged.is_empty(), "{forged:?}");
    // It is there, where one looks for it.
    assert!(err.matches("forged").count() >= SENT.len(), "{err}");
}

#[test]
fn a_request_is_one_line_of_the_access_log() {
    for format in ["combined", "common", "json"] {
        let sandbox = Sandbox::empty();
        sandbox.write("forge.py", APP);
        let format_word = format!("accessformat={format}");
        let words =
            ["socket=s.sock", "daemonize=false", "forge:application", "accesslog=a.log", &format_word];
        let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
        for sent in SENT {
            let names = ["REMOTE_ADDR", "REMOTE_USER", "REQUEST_URI", "HTTP_REFERER", "HTTP_USER_AGENT"];
            let request =
                names.into_iter().fold(Request::get("/x"), |request, name| request.with(name, sent));
            ask(&server.address, &request.with("SERVER_PROTOCOL", sent));
        }
        server.stop();
        let log = sandbox.read("a.log");
        assert_eq!(log.lines().count(), SENT.len(), "{format}: {log}");
        assert!(is_plain(&log), "{format}: {log:?}");
        for line in log.lines() {
            if format == "json" {
                assert!(line.starts_with("{\"time\":\"") && line.ends_with('}'), "{line}");
                continue;
            }
            // Address, dash, user, time in two words, request in three, status and size.
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words[3].starts_with('[') && words[4].ends_with(']'), "{line}");
            assert!(words[5].starts_with("\"GET") && words[7].ends_with('"'), "{line}");
            assert_eq!(words[8], "200", "{line}");
        }
    }
}
