//! Access logs of every form, log services, and what workers print.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use fcgi_tests::{Request, Sandbox, Server, until};
use nix::sys::signal::Signal;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

/// Takes the place of a log service; gives messages as they come.
struct Service(UnixDatagram);

impl Service {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(socket)
    }

    fn next(&self) -> String {
        let mut room = vec![0; 64 * 1024];
        let length = self.0.recv(&mut room).expect("a message in time");
        String::from_utf8_lossy(&room[..length]).into_owned()
    }

    /// Waits for a message with this text; those before it are thrown away.
    fn wait_for(&self, text: &str) -> String {
        loop {
            let message = self.next();
            if message.contains(text) {
                return message;
            }
        }
    }
}

/// The last line of the access log, when there are so many.
fn last_line(sandbox: &Sandbox, count: usize) -> String {
    until("the line is written", || sandbox.read("a.log").lines().count() >= count);
    let text = sandbox.read("a.log");
    assert_eq!(text.lines().count(), count, "{text}");
    text.lines().last().unwrap().to_owned()
}

fn visit(server: &Server<'_>, target: &str) {
    let request = Request::get("/version")
        .with("REQUEST_URI", target)
        .with("QUERY_STRING", "")
        .with("REMOTE_ADDR", "192.0.2.7")
        .with("REMOTE_USER", "ada")
        .with("HTTP_REFERER", "http://example.org/?token=secret&a=b")
        .with("HTTP_X_TRACE", "4\"2\n");
    let answer = server.connect().ask(&request);
    assert_eq!(answer.text(), "one");
}

#[test]
fn the_access_log_has_the_form_that_is_asked_for() {
    let format =
        "accessformat=%h|%l|%u|%r|%m|%U|%q|%>s|%b|%B|%D|%{ms}T|%P|%{X-Trace}i|%{REMOTE_ADDR}e|%{None}i|%%";
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=1", "accesslog=a.log", format, "redact=tok*"]);
        visit(&server, "/a?token=x&b=\"\n");
        let line = last_line(&sandbox, 1);
        let parts: Vec<_> = line.split('|').collect();
        assert_eq!(parts[..3], ["192.0.2.7", "-", "ada"]);
        assert_eq!(parts[3], "GET /a?token=***&b=\\x22\\x0a HTTP/1.1");
        assert_eq!(parts[4..7], ["GET", "/a", "?token=***&b=\\x22\\x0a"]);
        assert_eq!(parts[7..10], ["200", "3", "3"]);
        let micros: u64 = parts[10].parse().unwrap();
        assert_eq!(parts[11].parse::<u64>().unwrap(), micros / 1000);
        assert_eq!(parts[12], server.workers()[0].to_string());
        assert_eq!(parts[13..], ["4\\x222\\x0a", "192.0.2.7", "-", "%"]);
        server.stop();
    }
}

#[test]
fn common_and_combined_are_what_log_readers_expect() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["accesslog=a.log", "accessformat=common", "maxspare=1"]);
    visit(&server, "/a?token=x");
    let line = last_line(&sandbox, 1);
    assert!(line.starts_with("192.0.2.7 - ada ["), "{line}");
    assert!(line.ends_with("] \"GET /a?token=x HTTP/1.1\" 200 3"), "{line}");
    server.stop();
    let server = sandbox.serve(&["accesslog=a.log", "redact=token", "maxspare=1"]);
    visit(&server, "/b");
    let line = last_line(&sandbox, 2);
    let tail = line.split_once("] ").unwrap().1;
    assert!(
        tail.starts_with("\"GET /b HTTP/1.1\" 200 3 \"http://example.org/?token=***&a=b\" \"-\" 0."),
        "{tail}"
    );
    server.stop();
}

#[test]
fn some_paths_are_left_out() {
    let sandbox = Sandbox::new();
    let server =
        sandbox.serve(&["accesslog=a.log", "accessskip=/health,/static/*", "maxspare=1", "accessformat=%U"]);
    for target in ["/health", "/health?x=1", "/static/a.css", "/static", "/healthy"] {
        visit(&server, target);
    }
    assert_eq!(last_line(&sandbox, 2), "/healthy");
    assert!(sandbox.read("a.log").starts_with("/static\n"));
    server.stop();
}

#[test]
fn a_wrong_form_ends_before_anything_starts() {
    let sandbox = Sandbox::new();
    let end = sandbox.run(&["socket=s.sock", "accesslog=a.log", "accessformat=%h %Z", "web:application"]);
    assert_eq!(end.status, Some(2));
    assert!(end.err.contains("error[FR560]: `%Z` is no directive"), "{}", end.err);
    assert!(!sandbox.has("s.sock") && !sandbox.has("a.log"));
}

#[test]
fn a_log_service_that_is_not_there_ends_the_start() {
    let sandbox = Sandbox::new();
    for log in ["errlog=syslog:./no", "outlog=journald:./no", "accesslog=syslog:./no"] {
        let end = sandbox.run(&["socket=s.sock", log, "web:application"]);
        assert_eq!(end.status, Some(4), "{log} {}", end.err);
        assert!(
            end.err.contains("error[FR561]: the log service `") && end.err.contains("hint: "),
            "{}",
            end.err
        );
        assert!(!sandbox.has("s.sock"));
    }
}

#[test]
fn syslog_has_messages_lines_and_requests() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let service = Service::at(&sandbox.path("log"));
        let log = |name: &str| format!("{name}=syslog:./log");
        let server = sandbox.serve_and_ask(&[
            method,
            "maxspare=1",
            &log("errlog"),
            &log("outlog"),
            &log("accesslog"),
            "accessformat=%U is %s",
        ]);
        let serving = service.wait_for("serving");
        assert!(serving.starts_with("<30>"), "{serving}");
        assert!(serving.contains(&format!(" fcgi-run[{}]: info: serving", server.pid())), "{serving}");
        let worker = server.workers()[0];
        server.get("/print");
        // Requests and lines come on two ways.
        let mut messages: Vec<_> = Vec::new();
        for text in ["printed by the application", "complained by the application", "/print is 200"] {
            while !messages.iter().any(|message: &String| message.contains(text)) {
                messages.push(service.next());
            }
        }
        for (text, priority) in [("printed by", "<30>"), ("complained by", "<29>"), ("/print is", "<30>")] {
            let message = messages.iter().find(|message| message.contains(text)).unwrap();
            assert!(message.starts_with(priority), "{message}");
            assert!(message.contains(&format!(" fcgi-run[{worker}]: ")), "{message}");
        }
        server.signal(Signal::SIGTERM);
        service.wait_for("stopping");
    }
}

#[test]
fn the_journal_has_whole_tracebacks() {
    let sandbox = Sandbox::new();
    let service = Service::at(&sandbox.path("log"));
    sandbox.write(
        "broken.py",
        "def application(environ, start_response):\n    raise ValueError('on purpose')\n",
    );
    let words =
        ["socket=s.sock", "daemonize=false", "broken:application", "errlog=journald:./log", "maxspare=1"];
    let started = sandbox.spawn(&mut sandbox.command(&words));
    service.wait_for("serving");
    assert_eq!(fcgi_tests::ask(&sandbox.unix("s.sock"), &Request::get("/")).status(), 500);
    let message = service.wait_for("ValueError");
    assert!(message.starts_with("PRIORITY="), "{message}");
    assert!(message.contains("\nSYSLOG_IDENTIFIER=fcgi-run\n"), "{message}");
    drop(started);
}

#[test]
fn what_workers_print_is_written_line_by_line_with_who_it_was() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        sandbox.write(
            "talk.py",
            "import os, subprocess, sys\n\
             def application(environ, start_response):\n\
             \x20   start_response('200 OK', [('Content-Type', 'text/plain')])\n\
             \x20   sys.stdout.write('half'); sys.stdout.flush(); sys.stdout.write(' whole\\n\\x1b[31mred\\n')\n\
             \x20   os.write(2, b'from the C library\\tand more\\n')\n\
             \x20   subprocess.run(['sh', '-c', 'echo child $$; echo through the path > /dev/stderr'])\n\
             \x20   print('no end', end=''); sys.stdout.flush()\n\
             \x20   return [str(os.getpid()).encode()]\n",
        );
        let server = sandbox.serve_and_ask(&[
            "app=talk:application",
            "capture=true",
            "outlog=o.log",
            "errlog=e.log",
            "maxspare=1",
            method,
        ]);
        until("lines are written", || sandbox.read("e.log").contains("through the path"));
        let pid = server.get("/").text();
        let prefix = format!(" [{pid}] ");
        let has = |log: &str, text: &str| {
            sandbox.read(log).lines().any(|line| line.ends_with(&format!("{prefix}{text}")))
        };
        for (log, text) in [
            ("o.log", "half whole"),
            ("o.log", "\\u{1b}[31mred"),
            ("e.log", "from the C library\tand more"),
            ("e.log", "through the path"),
        ] {
            until("the line is there", || has(log, text));
        }
        // Messages of the server are in the same file, and not decorated twice.
        assert!(
            sandbox
                .read("e.log")
                .lines()
                .any(|line| line.contains(&format!("[{}] info: serving", server.pid())))
        );
        fs::rename(sandbox.path("o.log"), sandbox.path("o.old")).unwrap();
        server.signal(Signal::SIGUSR1);
        until("new lines go to the new file", || {
            server.get("/");
            sandbox.read("o.log").contains("half whole")
        });
        server.stop();
        assert!(sandbox.read("o.log").trim_end().ends_with("no end"), "the last words are not lost");
    }
}

#[test]
fn the_last_words_of_a_worker_that_dies_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "die.py",
        "import os, sys\n\
         def application(environ, start_response):\n\
         \x20   start_response('200 OK', [])\n\
         \x20   if environ['PATH_INFO'] == '/die':\n\
         \x20       os.write(2, b'x' * 200000 + b'\\nlast words'); os.abort()\n\
         \x20   return [b'alive']\n",
    );
    let server =
        sandbox.serve_and_ask(&["app=die:application", "capture=true", "errlog=e.log", "maxspare=2"]);
    drop(fcgi_tests::try_ask(&server.address, &Request::get("/die")));
    until("the last words are there", || sandbox.read("e.log").contains("] last words\n"));
    assert_eq!(sandbox.read("e.log").matches('x').count() / 200_000, 1);
    until("the server goes on", || server.get("/").text() == "alive");
    server.stop();
}
