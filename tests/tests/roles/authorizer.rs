//! Requests that want a verdict: FastCGI 1.0 section 6.3.

use fcgi_tests::record::{STDIN, record, stream};
use fcgi_tests::{Client, Request, ask};

use super::{headers, in_both, in_both_with, version};

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
