//! Requests that were read and that no application thread can begin with, as C code holds the interpreter: before the process is
//! ended, a sibling gets them, or whoever has sent them a page.
//!
//! Done by threads that are never attached to the interpreter. A request with which a thread has begun is left alone: nobody
//! knows what it has done already.

use super::connection::Connection;
use super::service::Service;
use crate::cgi::page;
use crate::messages::Code;
use crate::os::handoff::Handoff;

/// Sees to the requests of a connection; `true` when a sibling has it now, and it is to be dropped here.
pub(super) fn see_to(connection: &Connection, siblings: Option<&Handoff>, service: &Service) -> bool {
    if siblings.is_some_and(|handoff| connection.pass_on_unbegun(handoff)) {
        return true;
    }
    for request in connection.withdraw_unbegun() {
        request.take_over(503, &page::error_page(503, "", TEXT, Some(Code::INTERPRETER_HELD)));
        service.settle(&request);
    }
    false
}

const TEXT: &str = "The server cannot answer at the moment. Please try again in a few seconds.";
