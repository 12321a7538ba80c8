//! The twenty rules of a FastCGI application that no web server stumbles over, one test each.
//!
//! They come from what web servers make of an answer (nginx, lighttpd, Apache's modules, `HAProxy`, Caddy, h2o), and are tested
//! on our side of the socket; `tests/python/webservers` has the servers themselves.
//!
//! | rule | test | more of it |
//! |---|---|---|
//! | 1: never `END_REQUEST` alone | [`answers::rule01_every_refusal_is_a_page_and_its_end`] | `hostile` 16, 28–31, 33, 37 |
//! | 2: the head begins with `Status:` | [`answers::rule02_every_head_begins_with_its_status`] | `test_headers.py` |
//! | 3: the empty STDOUT and `END_REQUEST` in one write | [`answers::rule03_the_end_leaves_with_the_last_data`] | `test_bodies.py` |
//! | 4: any id from 1 to 65535 | [`requests::rule04_any_id_is_served`] | `hostile` x02 |
//! | 5: the id comes back, and nothing unasked | [`requests::rule05_ids_come_back_and_nothing_comes_unasked`] | `hostile` 22, 26 |
//! | 6: PARAMS are one stream of bytes | [`requests::rule06_parameters_are_cut_anywhere`] | `hostile` 27 |
//! | 7: content and padding exceed 16 bits | [`requests::rule07_content_and_padding_of_the_greatest_length`] | `hostile` 9 |
//! | 8: no record beyond its length | [`answers::rule08_no_record_is_longer_than_it_says`] | `test_memory.py` |
//! | 9: STDIN is read while the application writes | [`requests::rule09_input_is_read_while_output_waits`] | `protocol` |
//! | 10: shut, drain, then close | [`requests::rule10_the_rest_of_a_body_is_drained_before_the_close`] | `hostile` 37 |
//! | 11: an authorizer needs no STDIN | [`requests::rule11_an_authorizer_is_answered_without_stdin`] | `roles` |
//! | 12: the last of two parameters counts | [`requests::rule12_the_last_of_two_equal_parameters_counts`] | `hostile` 31 |
//! | 13: plain digits alone are a length | [`requests::rule13_a_length_is_plain_digits`] | `hostile` 33 |
//! | 14: the path is split here | [`environment::rule14_the_path_is_split_at_the_mount_point`] | `test_environ.py` |
//! | 15: no `HTTP_PROXY` | [`environment::rule15_no_proxy_of_a_visitor`] | `test_environ.py` |
//! | 16: no `Transfer-Encoding` | [`answers::rule16_no_transfer_encoding`] | `test_headers.py` |
//! | 17: a body only where one belongs, and as long as it was said to be | [`answers::rule17_bodies_are_as_long_as_they_were_said_to_be`] | `test_bodies.py` |
//! | 18: a crash after the head is seen | [`answers::rule18_what_breaks_in_the_middle_does_not_look_whole`] | `test_failures.py` |
//! | 19: a server that a web server has started ends at once | [`environment::rule19_started_by_a_web_server`] | `stop`, `listeners` |
//! | 20: parameters stay parameters | [`environment::rule20_parameters_live_and_die_with_their_request`] | `test_environ.py` |

mod answers;
mod environment;
mod requests;

use fcgi_tests::{Sandbox, Server};

/// Runs a test with one application thread in one worker, and with several.
fn in_both(words: &[&str], test: impl Fn(&Sandbox, &Server<'_>)) {
    for model in [["maxspare=1", "maxchildren=1"], ["method=threaded", "maxspare=2"]] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[&model[..], words].concat());
        test(&sandbox, &server);
        let err = server.stop();
        assert!(!err.contains("panicked"), "{model:?}: {err}");
    }
}
