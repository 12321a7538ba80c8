//! What a service manager is told, and that nobody else is asked to tell it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

use fcgi_tests::{Request, Sandbox, Server, in_background, until};
use nix::sys::signal::Signal;

/// Hears what is told, in order.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn in_folder(sandbox: &Sandbox) -> Self {
        let path = sandbox.path("notify");
        Self { socket: UnixDatagram::bind(&path).unwrap(), name: path.to_str().unwrap().to_owned() }.patient()
    }

    fn in_the_abstract() -> Self {
        let name = format!("fcgi-tests {}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self { socket: UnixDatagram::bind_addr(&address).unwrap(), name: format!("@{name}") }.patient()
    }

    fn patient(self) -> Self {
        self.socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        self
    }

    fn next(&self) -> String {
        let mut buffer = [0; 1000];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// Passes over lines on how things are.
    fn next_event(&self) -> String {
        loop {
            let text = self.next();
            if !text.starts_with("STATUS=") && text != "WATCHDOG=1" {
                return text;
            }
        }
    }

    fn wait_for(&self, wanted: &str) {
        while self.next() != wanted {}
    }

    fn serve<'s>(&self, sandbox: &'s Sandbox, words: &[&str], variables: &[(&str, &str)]) -> Server<'s> {
        let all = [&["socket=s.sock", "daemonize=false", "web:application"], words].concat();
        let mut command = sandbox.command(&all);
        command.env("NOTIFY_SOCKET", &self.name).envs(variables.iter().copied());
        sandbox.serve_at(&mut command, sandbox.unix("s.sock"))
    }
}

#[test]
fn ready_reloading_and_stopping_are_told_in_order() {
    for method in ["method=prefork", "method=threaded"] {
        let sandbox = Sandbox::new();
        for manager in [Manager::in_folder(&sandbox), Manager::in_the_abstract()] {
            let server = manager.serve(&sandbox, &[method, "maxspare=2", "probe=/version"], &[]);
            assert_eq!(manager.next_event(), "READY=1");
            sandbox.new_version("two");
            server.signal(Signal::SIGHUP);
            let reloading = manager.next_event();
            let time =
                reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse::<u64>().unwrap();
            assert!(time > 0);
            assert_eq!(manager.next_event(), "READY=1");
            until("new code", || server.get("/version").text() == "two");
            sandbox.write("web.py", "raise RuntimeError('half an edit')\n");
            server.signal(Signal::SIGHUP);
            assert!(manager.next_event().starts_with("RELOADING=1"));
            assert_eq!(manager.next_event(), "READY=1");
            sandbox.new_version("one");
            server.stop();
            assert_eq!(manager.next_event(), "STOPPING=1");
            if manager.name.starts_with('/') {
                std::fs::remove_file(&manager.name).unwrap();
            }
        }
    }
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let sandbox = Sandbox::new();
    let manager = Manager::in_folder(&sandbox);
    let mut command =
        sandbox.command(&["socket=s.sock", "daemonize=false", "web:application", "probe=/raise"]);
    let end = sandbox.finish(command.env("NOTIFY_SOCKET", &manager.name));
    assert_eq!(end.status, Some(3));
    manager.socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 100];
    while let Ok(length) = manager.socket.recv(&mut buffer) {
        assert!(buffer[..length].starts_with(b"STATUS="), "{:?}", String::from_utf8_lossy(&buffer[..length]));
    }
}

#[test]
fn how_busy_it_is_and_what_was_given_up_is_told() {
    let sandbox = Sandbox::new();
    let manager = Manager::in_folder(&sandbox);
    let server = manager.serve(&sandbox, &["minspare=0", "maxspare=2", "maxchildren=2"], &[]);
    manager.wait_for("STATUS=2 workers, 0 busy");
    let held = in_background(&server.address, Request::get("/hold/a"));
    manager.wait_for("STATUS=2 workers, 1 busy");
    sandbox.write("web.py", "raise RuntimeError('half an edit')\n");
    server.signal(Signal::SIGHUP);
    loop {
        let text = manager.next();
        if let Some((_, reason)) = text.split_once("; given up: ") {
            assert!(reason.contains("cannot be imported"), "{text}");
            break;
        }
    }
    sandbox.release("a");
    held.join().unwrap();
    server.stop();
}

#[test]
fn the_watchdog_sees_that_the_master_lives() {
    let sandbox = Sandbox::new();
    let manager = Manager::in_folder(&sandbox);
    let server = manager.serve(&sandbox, &["maxspare=1"], &[("WATCHDOG_USEC", "400000")]);
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
    // Not so to a server that is not meant.
    server.stop();
}

#[test]
fn workers_and_what_they_start_cannot_speak_for_the_server() {
    for method in ["method=prefork", "method=threaded"] {
        let sandbox = Sandbox::new();
        let manager = Manager::in_folder(&sandbox);
        let server = manager.serve(&sandbox, &[method], &[("WATCHDOG_USEC", "60000000")]);
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            assert_eq!(server.get(&format!("/process-environ/{name}")).text(), "None");
        }
        until("ready", || manager.next() == "READY=1");
        server.stop();
    }
}

#[test]
fn an_upgrade_tells_who_the_server_is_now_and_the_new_one_speaks_then() {
    let sandbox = Sandbox::new();
    let manager = Manager::in_folder(&sandbox);
    let mut old = manager.serve(&sandbox, &["maxspare=1", "pidfile=x.pid"], &[]);
    assert_eq!(manager.next_event(), "READY=1");
    old.signal(Signal::SIGUSR2);
    assert!(manager.next_event().starts_with("RELOADING=1"));
    let event = manager.next_event();
    let new = sandbox.pid();
    assert_eq!(event, format!("MAINPID={new}\nREADY=1"));
    assert_eq!(old.wait(), Some(0));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(new), Signal::SIGTERM).unwrap();
    assert_eq!(manager.next_event(), "STOPPING=1");
    sandbox.wait_for_nobody();
}
