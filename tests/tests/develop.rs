//! `reload=true`: code that changes while it is served.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fcgi_tests::client::{Address, in_background, try_ask};
use fcgi_tests::request::Request;
use fcgi_tests::sandbox::Sandbox;
use fcgi_tests::server::Server;
use fcgi_tests::wait::{until, until_some};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const APP: &str = "import part\n\ndef application(environ, start_response):\n    \
                   start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [part.TEXT.encode()]\n";

/// A folder with an application of two modules, and what the second says.
fn site(text: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("app.py", APP);
    sandbox.write("part.py", &format!("TEXT = {text:?}\n"));
    sandbox
}

/// Writes a file as most editors do it: at no time it is half there.
fn save(sandbox: &Sandbox, name: &str, text: &str) {
    sandbox.write(".saved", text);
    fs::rename(sandbox.path(".saved"), sandbox.path(name)).unwrap();
}

/// A server in the foreground of the folder, as somebody who develops starts it.
fn develop<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    let words = [&["socket=s.sock", "reload=true"], words].concat();
    sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"))
}

/// What is answered now; nothing that fails is let pass.
fn answer(server: &Server<'_>) -> (u16, String) {
    let answer = server.get("/");
    assert!(answer.is_whole(), "{answer:?}: {}", server.err());
    (answer.status(), answer.text())
}

/// The page that shows a fault, if there is one now.
fn broken(server: &Server<'_>) -> Option<String> {
    let (status, page) = answer(server);
    (status == 500).then_some(page)
}

#[track_caller]
fn wait_for_answer(server: &Server<'_>, text: &str) {
    until(&format!("it answers {text:?}"), || answer(server) == (200, text.to_owned()));
}

const MODES: [&[&str]; 4] =
    [&["maxspare=1"], &["maxspare=3"], &["method=threaded"], &["method=threaded", "threads=2"]];

#[test]
fn a_change_is_served_soon() {
    for mode in MODES {
        let sandbox = site("one");
        let server = develop(&sandbox, mode);
        assert_eq!(answer(&server), (200, "one".to_owned()), "{mode:?}");
        // Twice within a second, and of the same length: compiled code would be taken for the same.
        for text in ["two", "six", "ten"] {
            sandbox.write("part.py", &format!("TEXT = {text:?}\n"));
            wait_for_answer(&server, text);
        }
        assert!(server.err().contains("part.py"), "{}", server.err());
        server.stop();
    }
}

#[test]
fn new_and_deleted_files_count() {
    let sandbox = site("one");
    let server = develop(&sandbox, &["maxspare=1"]);
    sandbox.write("part.py", "try:\n    from new.deep import TEXT\nexcept ImportError:\n    TEXT = 'none'\n");
    wait_for_answer(&server, "none");
    sandbox.write("new/__init__.py", "");
    sandbox.write("new/deep.py", "TEXT = 'new'\n");
    wait_for_answer(&server, "new");
    fs::remove_file(sandbox.path("new/deep.py")).unwrap();
    wait_for_answer(&server, "none");
    server.stop();
}

#[test]
fn a_broken_application_is_shown_until_it_is_mended() {
    for mode in MODES {
        let sandbox = site("one");
        let server = develop(&sandbox, mode);
        assert_eq!(answer(&server), (200, "one".to_owned()));
        sandbox.write("part.py", "raise ValueError('<not & today>')\n");
        let page = until_some("the page shows why", || broken(&server));
        assert!(page.contains("ValueError: &lt;not &amp; today&gt;") && page.contains("FR100"), "{page}");
        assert!(page.contains("part.py&quot;, line 1") && !page.contains("<not"), "{page}");
        sandbox.write("part.py", "TEXT = (\n");
        let is_next = |page: &String| page.contains("SyntaxError");
        let page = until_some("the page shows the next fault", || broken(&server).filter(is_next));
        assert!(page.contains("FR103"), "{page}");
        sandbox.write("part.py", "TEXT = 'mended'\n");
        wait_for_answer(&server, "mended");
        let err = server.stop();
        assert!(err.contains("error[FR100]: the application cannot be imported"), "{err}");
        assert!(err.contains("ValueError: <not & today>"), "{err}");
    }
}

#[test]
fn it_starts_with_a_broken_application_too() {
    let sandbox = Sandbox::empty();
    sandbox.write("app.py", "import missing_package\n");
    let server = develop(&sandbox, &["maxspare=2"]);
    let (status, page) = answer(&server);
    assert_eq!(status, 500);
    assert!(page.contains("No module named &#39;missing_package&#39;") && page.contains("FR102"), "{page}");
    sandbox.write("missing_package.py", "");
    sandbox.write("part.py", "TEXT = 'there'\n");
    sandbox.write("app.py", APP);
    wait_for_answer(&server, "there");
    server.stop();
}

#[test]
fn modules_from_elsewhere_are_watched_as_well() {
    let elsewhere = Sandbox::empty();
    elsewhere.write("part.py", "TEXT = 'one'\n");
    let sandbox = Sandbox::empty();
    let path = elsewhere.folder().display().to_string();
    sandbox.write("app.py", &format!("import sys\nsys.path.insert(0, {path:?})\n{APP}"));
    let server = develop(&sandbox, &["maxspare=1"]);
    assert_eq!(answer(&server), (200, "one".to_owned()));
    elsewhere.write("part.py", "TEXT = 'two'\n");
    wait_for_answer(&server, "two");
    // Also where the last import has failed.
    elsewhere.write("part.py", "TEXT = \n");
    until("the page shows why", || answer(&server).0 == 500);
    elsewhere.write("part.py", "TEXT = 'three'\n");
    wait_for_answer(&server, "three");
    server.stop();
}

#[test]
fn no_request_fails_while_code_changes() {
    let sandbox = site("0");
    let server = develop(&sandbox, &["maxspare=2"]);
    let over = Arc::new(AtomicBool::new(false));
    let visitor = |over: Arc<AtomicBool>, address: Address| {
        std::thread::spawn(move || {
            let mut answers = 0;
            while !over.load(Ordering::Relaxed) {
                let answer = try_ask(&address, &Request::get("/")).unwrap();
                assert!(answer.is_whole() && answer.status() == 200, "{answer:?}");
                answers += 1;
            }
            answers
        })
    };
    let visitors = [(); 2].map(|()| visitor(over.clone(), server.address.clone()));
    for number in 1..4 {
        save(&sandbox, "part.py", &format!("import time\ntime.sleep(0.05)\nTEXT = '{number}'\n"));
        wait_for_answer(&server, &number.to_string());
    }
    over.store(true, Ordering::Relaxed);
    assert!(visitors.into_iter().map(|visitor| visitor.join().unwrap()).sum::<usize>() > 0);
    server.stop();
}

#[test]
fn nobody_gets_the_old_page_once_the_change_is_seen() {
    let sandbox = site("one");
    // A second worker could be about to import when the file is saved.
    let server = develop(&sandbox, &["maxspare=1"]);
    wait_for_answer(&server, "one");
    let old = server.workers();
    let held = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.003)\nTEXT = 'new'\n";
    save(&sandbox, "part.py", held);
    until("the old workers have left", || server.workers().iter().all(|pid| !old.contains(pid)));
    let waiting = in_background(&server.address, Request::get("/"));
    sandbox.write("go", "");
    let answer = waiting.join().unwrap();
    assert_eq!((answer.status(), answer.text()), (200, "new".to_owned()));
    server.stop();
}

#[test]
fn what_changes_during_the_start_is_served_after_it() {
    for (words, file) in [(&["reload=true"][..], "part.py"), (&["touchreload=touched"], "touched")] {
        let sandbox = site("one");
        let slow = "import os, time\nTEXT = 'old'\nopen('begun', 'w').close()\n\
                    while not os.path.exists('go'):\n    time.sleep(0.003)\n";
        save(&sandbox, "part.py", slow);
        let words = [&["socket=s.sock", "daemonize=false", "maxspare=1"], words].concat();
        let mut started = sandbox.spawn(&mut sandbox.command(&words));
        until("the import has begun", || sandbox.has("begun"));
        save(&sandbox, "part.py", "TEXT = 'new'\n");
        save(&sandbox, file, &sandbox.read(file));
        // As long as it takes to look at files: nothing is seen of that.
        std::thread::sleep(std::time::Duration::from_millis(1500));
        sandbox.write("go", "");
        let address = sandbox.unix("s.sock");
        let text = || try_ask(&address, &Request::get("/")).map(|answer| answer.text()).unwrap_or_default();
        until(&format!("{file}: new code"), || text() == "new");
        kill(Pid::from_raw(i32::try_from(started.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(started.child.wait().unwrap().code(), Some(0), "{}", started.err_text());
    }
}

#[test]
fn the_preview_shows_changes_and_faults() {
    let sandbox = site("one");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let http = format!("http=127.0.0.1:{port}");
    let mut command = sandbox.command(&["socket=s.sock", &http, "reload=true"]);
    let server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
    let browse = || {
        let mut page = String::new();
        let mut browser = TcpStream::connect(("127.0.0.1", port)).ok()?;
        browser.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        browser.read_to_string(&mut page).ok().map(|_| page)
    };
    until("the preview answers", || browse().is_some_and(|page| page.ends_with("one")));
    sandbox.write("part.py", "TEXT = 1 / 0\n");
    let shown = || browse().unwrap();
    until("the browser shows why", || shown().contains("ZeroDivisionError"));
    assert!(shown().starts_with("HTTP/1.1 500 ") && shown().contains("http-equiv=\"refresh\""));
    sandbox.write("part.py", "TEXT = 'two'\n");
    until("the browser shows the site again", || shown().ends_with("two"));
    server.stop();
}

#[test]
fn what_cannot_be_had_together_is_told() {
    let sandbox = site("one");
    let server = develop(&sandbox, &["preload=true", "maxspare=1"]);
    assert!(
        server.err().contains("warning[FR328]: `preload` does nothing beside `reload`"),
        "{}",
        server.err()
    );
    sandbox.write("part.py", "TEXT = 'two'\n");
    wait_for_answer(&server, "two");
    server.stop();
}
