//! Rules 14, 15, 19 and 20: what surrounds a request.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use fcgi_tests::{Request, Sandbox, ask, processes, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::in_both;

#[test]
fn rule14_the_path_is_split_at_the_mount_point() {
    in_both(&["scriptname=/app"], |_, server| {
        for name in ["SCRIPT_NAME", "PATH_INFO"] {
            let path = format!("/environ/{name}");
            let (all, expected) =
                (format!("/app{path}"), if name == "PATH_INFO" { path.clone() } else { "/app".to_owned() });
            // As it should be, and as web servers split it that know nothing of the mount point.
            for (script, info) in [("/app", &path[..]), ("", &all), (&all, "")] {
                let request = Request::get("/").with("SCRIPT_NAME", script).with("PATH_INFO", info);
                assert_eq!(ask(&server.address, &request).text(), expected, "{script:?} {info:?}");
            }
        }
    });
    // An empty one is the root, whatever the web server takes for the name of the script.
    in_both(&["scriptname="], |_, server| {
        let request = Request::get("/").with("SCRIPT_NAME", "/environ/SCRIPT_NAME").with("PATH_INFO", "");
        assert_eq!(ask(&server.address, &request).text(), "");
    });
}

#[test]
fn rule15_no_proxy_of_a_visitor() {
    in_both(&[], |_, server| {
        let proxy =
            |path: &str| Request::get(path).with("HTTP_PROXY", "http://bad.example").with("http_proxy", "x");
        assert_eq!(ask(&server.address, &proxy("/environ/HTTP_PROXY")).text(), "None");
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY"] {
            assert_eq!(ask(&server.address, &proxy(&format!("/process-environ/{name}"))).text(), "None");
        }
    });
}

#[test]
fn rule19_started_by_a_web_server() {
    for words in [&["web:application"][..], &["web:application", "method=prefork", "maxspare=3"]] {
        let sandbox = Sandbox::new();
        let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
        let mut command = sandbox.command(words);
        command.stdin(OwnedFd::from(listener));
        let mut started = sandbox.spawn(&mut command);
        let address = sandbox.unix("0.sock");
        assert_eq!(ask(&address, &Request::get("/version")).text(), "one");
        let pid = started.child.id().cast_signed();
        if words.len() > 1 {
            until("the workers are there", || processes::children(pid).len() == 3);
        }
        let session = processes::look(i32::try_from(std::process::id()).unwrap()).unwrap().session;
        // In the foreground, in the session of who has started it.
        assert!(
            sandbox.processes().iter().all(|pid| processes::look(*pid).is_some_and(|p| p.session == session))
        );
        // A kept connection does not hold it up.
        let mut kept = address.connect().unwrap();
        assert_eq!(kept.ask(&Request::get("/version").kept()).text(), "one");
        let start = Instant::now();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        assert_eq!(started.child.wait().unwrap().code(), Some(0), "{}", started.err_text());
        sandbox.wait_for_nobody();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}: {words:?}", start.elapsed());
        assert!(kept.is_closed_by_peer());
        // Nothing but what was there: no pidfile, and the socket is the web server's.
        assert!(sandbox.has("0.sock"));
        assert_eq!(sandbox.folder().read_dir().unwrap().count(), 2);
    }
}

#[test]
fn rule20_parameters_live_and_die_with_their_request() {
    in_both(&[], |_, server| {
        let mut client = server.connect();
        let names = ["X_SECRET", "REMOTE_USER", "LD_PRELOAD", "PYTHONPATH", "PATH_INFO"];
        for name in names {
            let path = format!("/process-environ/{name}");
            let mut request = Request::get(&path);
            if name != "PATH_INFO" {
                request = request.with(name, "/of/a/visitor");
            }
            assert_eq!(client.ask(&request.kept()).text(), "None", "{name}");
        }
        // A request sees nothing of the one before, on the same connection and in the same process.
        let with = Request::get("/environ/X_SECRET").with("X_SECRET", "mine").kept();
        assert_eq!(client.ask(&with).text(), "mine");
        assert_eq!(client.ask(&Request::get("/environ/X_SECRET").kept()).text(), "None");
        assert_eq!(server.get("/environ/X_SECRET").text(), "None");
    });
}
