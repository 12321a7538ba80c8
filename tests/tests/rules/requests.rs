//! Rules 4 to 7 and 9 to 13: what is taken from a web server.

use fcgi_tests::record::{AUTHORIZER, GET_VALUES, PARAMS, RESPONDER, STDIN, begin, padded, record, stream};
use fcgi_tests::{Address, Request, Sandbox, ask};

use crate::in_both;

#[test]
fn rule04_any_id_is_served() {
    in_both(&[], |_, server| {
        let mut client = server.connect();
        // As HAProxy counts them, and the others.
        let ids = (1..200).step_by(2).chain([2, 255, 256, 257, 32_767, 32_768, 65_534, 65_535, 1]);
        for id in ids {
            let answer = client.ask(&Request::post("/read", "four").id(id).kept());
            assert!(answer.is_whole() && answer.text() == "4 of 4", "{id}: {answer:?}");
        }
    });
    // Two at the same time, where that is offered.
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded"]);
    let mut client = server.connect();
    for id in [1, 3, 65_535] {
        client.send(&Request::get("/hold/a").id(id).kept().bytes());
    }
    sandbox.wait_for_held("a", 3);
    sandbox.release("a");
    for id in [65_535, 3, 1] {
        assert_eq!(client.answer(id).text(), "held");
    }
    drop(client);
    server.stop();
}

#[test]
fn rule05_ids_come_back_and_nothing_comes_unasked() {
    in_both(&[], |_, server| {
        let mut client = server.connect();
        for id in [1, 258, 65_535] {
            for path in ["/version", "/log", "/raise", "/early", "/nothing"] {
                // The client files everything under its id: what has another is missed here.
                assert!(client.ask(&Request::get(path).id(id).kept()).is_whole(), "{id} {path}");
            }
        }
        assert!(!client.has_management());
        client.send(&record(GET_VALUES, 0, &[]));
        client.management();
        assert!(client.ask(&Request::get("/version")).is_whole());
        assert!(client.is_closed_by_peer() && !client.has_management());
    });
}

#[test]
fn rule06_parameters_are_cut_anywhere() {
    in_both(&["maxparams=200k"], |_, server| {
        let long = "v".repeat(100_000);
        let request = Request::get("/names/HTTP_").with("HTTP_LONG", &long).with("HTTP_B", "b");
        let pairs = request.pairs();
        // As cgi-fcgi, h2o, mod_proxy_fcgi, Caddy and mod_fastcgi cut, and as nobody does.
        for cut in [8_184, 65_535, 16_384, 65_500, 8_192, 1_000, 13] {
            let mut client = server.connect();
            client.send(&begin(1, RESPONDER, false));
            client.send(&stream(PARAMS, 1, &pairs, cut));
            client.send(&record(STDIN, 1, &[]));
            assert_eq!(client.answer(1).text(), "2", "{cut}");
        }
    });
}

#[test]
fn rule07_content_and_padding_of_the_greatest_length() {
    in_both(&[], |_, server| {
        let mut client = server.connect();
        let request = Request::post("/read", vec![b'x'; 4 * 65_535]).kept();
        client.send(&request.head());
        for piece in request.body.chunks(65_535) {
            client.send(&padded(STDIN, 1, piece, 255));
        }
        client.send(&padded(STDIN, 1, &[], 255));
        assert_eq!(client.answer(1).text(), "262140 of 262140");
        assert_eq!(client.ask(&Request::get("/version")).text(), "one");
    });
}

#[test]
fn rule09_input_is_read_while_output_waits() {
    in_both(&[], |_, server| {
        // As mod_fcgid and Caddy do it: everything is written before anything is read, far beyond all buffers.
        for path in ["/early", "/read", "/version"] {
            let mut client = server.connect();
            client.send(&Request::post(path, vec![b'x'; 8_000_000]).bytes());
            assert!(client.answer(1).is_whole(), "{path}");
        }
    });
}

#[test]
fn rule10_the_rest_of_a_body_is_drained_before_the_close() {
    for words in [["maxspare=1", "maxchildren=1"], ["method=threaded", "maxspare=2"]] {
        let sandbox = Sandbox::new();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port_word = format!("port={port}");
        let address = ["host=127.0.0.1", &port_word, "daemonize=false", "web:application"];
        let mut command = sandbox.command(&[&address[..], &words].concat());
        let place = Address::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let server = sandbox.serve_at(&mut command, place);
        let request = Request::post("/version", vec![b'x'; 3_000_000]);
        let stdin = request.stdin();
        let (now, later) = stdin.split_at(500_000);
        let mut client = server.connect();
        client.send(&request.head());
        client.send(now);
        let answer = client.answer(1);
        assert!(answer.is_whole() && answer.text() == "one");
        // We have closed our side; what the web server still sends meets no reset, which could destroy the answer.
        assert!(client.is_closed_by_peer());
        client.send(later);
        client.finish_sending();
        assert!(client.is_closed_by_peer());
        server.stop();
    }
}

#[test]
fn rule11_an_authorizer_is_answered_without_stdin() {
    in_both(&["authorizer=web:application"], |_, server| {
        let mut client = server.connect();
        let request = Request::get("/version").id(3);
        let head = [begin(3, AUTHORIZER, true), stream(PARAMS, 3, &request.pairs(), 65_535)].concat();
        // As mod_authnz_fcgi and mod_fcgid ask, and as lighttpd and mod_fastcgi do.
        for stdin in [vec![], record(STDIN, 3, &[])] {
            client.send(&[head.clone(), stdin].concat());
            let answer = client.answer(3);
            assert!(answer.is_whole() && answer.status() == 200, "{answer:?}");
        }
        assert_eq!(client.ask(&Request::get("/version")).text(), "one");
    });
}

#[test]
fn rule12_the_last_of_two_equal_parameters_counts() {
    in_both(&[], |_, server| {
        for name in ["HTTP_TWICE", "PATH_INFO", "REQUEST_METHOD", "SERVER_NAME"] {
            let mut request = Request::get("/version").with(name, "first");
            let second = if name == "PATH_INFO" { "/version" } else { "second" };
            request.params.push((name.to_owned(), second.to_owned()));
            if name != "PATH_INFO" {
                request = request.with("PATH_INFO", &format!("/environ/{name}"));
            }
            let expected = if name == "PATH_INFO" { "one" } else { "second" };
            assert_eq!(ask(&server.address, &request).text(), expected, "{name}");
        }
    });
}

#[test]
fn rule13_a_length_is_plain_digits() {
    in_both(&[], |_, server| {
        // As nginx sends it for GET, as Caddy 2.6 does, and as nobody should.
        for length in ["", "-1", "0x4", "+4", "4 "] {
            let request = Request::post("/read", "four").with("CONTENT_LENGTH", length);
            assert_eq!(ask(&server.address, &request).text(), "4 of 4", "{length:?}");
            let empty = Request::get("/read").with("CONTENT_LENGTH", length);
            assert!(ask(&server.address, &empty).text().starts_with("0 of "), "{length:?}");
        }
        assert_eq!(
            ask(&server.address, &Request::post("/read", "four").without("CONTENT_LENGTH")).text(),
            "4 of 4"
        );
        assert_eq!(ask(&server.address, &Request::get("/read").with("CONTENT_LENGTH", "0")).text(), "0 of 0");
        assert_eq!(
            ask(&server.address, &Request::post("/read", "four").with("CONTENT_LENGTH", "0004")).status(),
            200
        );
    });
}
