//! Plain CGI: descriptor 0 is no listening socket, and the request is in the environment.

use std::fs::File;
use std::process::{Command, Stdio};

use fcgi_tests::{Finished, Request, Sandbox};

/// The command with the variables of a request.
fn with_variables(mut command: Command, request: &Request) -> Command {
    command.envs(request.params.iter().map(|(name, value)| (name, value)));
    command
}

fn run(sandbox: &Sandbox, words: &[&str], request: &Request, input: Stdio) -> Finished {
    let mut command = with_variables(sandbox.command(words), request);
    command.stdin(input);
    let finished = sandbox.finish(&mut command);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    sandbox.wait_for_nobody();
    finished
}

#[test]
fn one_request_is_answered_on_standard_output() {
    let sandbox = Sandbox::new();
    sandbox.write("body", "four");
    let inputs = || [Stdio::null(), Stdio::from(File::open(sandbox.path("body")).unwrap()), Stdio::piped()];
    for words in [
        &["web:application"][..],
        &["method=prefork", "web:application"],
        &["method=threaded", "web:application"],
    ] {
        for input in inputs() {
            let finished = run(&sandbox, words, &Request::get("/flags"), input);
            assert!(finished.out.starts_with("Status: 200 OK\r\n"), "{finished:?}");
            assert!(finished.out.ends_with("\r\n\r\nFalse True True"), "{words:?}: {finished:?}");
        }
    }
}

#[test]
fn a_body_is_read_from_a_file_and_from_a_pipe() {
    let sandbox = Sandbox::new();
    let body = "x".repeat(300_000);
    sandbox.write("body", &body);
    let request = Request::post("/read", body);
    let file =
        run(&sandbox, &["web:application"], &request, File::open(sandbox.path("body")).unwrap().into());
    assert!(file.out.ends_with("\r\n\r\n300000 of 300000"), "{file:?}");
    let mut command = sandbox.marked("sh");
    command.args(["-c", "cat body | \"$@\"", "sh"]).arg(fcgi_tests::binary()).arg("web:application");
    let piped = sandbox.finish(&mut with_variables(command, &request));
    assert!(piped.out.ends_with("\r\n\r\n300000 of 300000"), "{piped:?}");
}

#[test]
fn input_beyond_the_length_is_not_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.write("body", "four and more");
    let request = Request::post("/read", "four");
    let file =
        run(&sandbox, &["web:application"], &request, File::open(sandbox.path("body")).unwrap().into());
    assert!(file.out.ends_with("4 of 4"), "{file:?}");
    // A pipe that nobody ever closes.
    let (reader, writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut &writer, b"four").unwrap();
    let open = run(&sandbox, &["web:application"], &request, reader.into());
    assert!(open.out.ends_with("4 of 4"), "{open:?}");
    drop(writer);
}

#[test]
fn what_the_application_prints_is_not_in_the_answer() {
    let sandbox = Sandbox::new();
    let finished = run(&sandbox, &["web:application"], &Request::get("/print"), Stdio::null());
    assert!(finished.out.ends_with("\r\n\r\nsilent"), "{finished:?}");
    assert!(!finished.out.contains("printed"), "{finished:?}");
    for text in ["printed by the application", "complained by the application"] {
        assert!(finished.err.contains(text), "{finished:?}");
    }
    let logged = run(&sandbox, &["web:application"], &Request::get("/log"), Stdio::null());
    assert_eq!(logged.err.matches("logged by the application").count(), 1, "{logged:?}");
}

#[test]
fn an_application_that_cannot_be_imported_is_an_answer_too() {
    let sandbox = Sandbox::new();
    sandbox.write("broken.py", "raise RuntimeError('no luck')\n");
    let finished = sandbox.finish(
        with_variables(sandbox.command(&["broken:application"]), &Request::get("/")).stdin(Stdio::null()),
    );
    assert!(finished.out.starts_with("Status: 500 "), "{finished:?}");
    assert!(
        finished.err.contains("RuntimeError: no luck") && !finished.out.contains("no luck"),
        "{finished:?}"
    );
}

#[test]
fn without_the_variables_the_usage_is_told() {
    let sandbox = Sandbox::new();
    for input in [Stdio::null(), Stdio::piped()] {
        let finished = sandbox.finish(sandbox.command(&["web:application"]).stdin(input));
        assert_eq!((finished.status, &finished.out[..]), (Some(2), ""));
        assert!(finished.err.contains("no address") && finished.err.contains("socket="), "{finished:?}");
    }
}

#[test]
fn on_a_terminal_the_usage_is_told() {
    let sandbox = Sandbox::new();
    // Python can open a pseudo-terminal; its exit status is that of what it has run.
    let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = sandbox.marked("python3");
    command.args(["-c", script]).arg(fcgi_tests::binary()).arg("web:application");
    let finished = sandbox.finish(&mut command);
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert!(
        finished.out.contains("no address was given") && finished.out.contains("hint: socket="),
        "{finished:?}"
    );
}
