//! Text rules of CGI (RFC 3875) and WSGI (PEP 3333): pure functions from bytes to bytes.
//!
//! In come the parameters of a request, or the status and headers of an answer; out go the values an application
//! shall see, or the bytes a web server shall read. This room knows no socket, no interpreter and no other room.
//!
//! | part | its one job |
//! |---|---|
//! | [`path`] | where `SCRIPT_NAME` ends and `PATH_INFO` begins |
//! | [`environ`] | which parameters pass, what is filled in, scheme and body length |
//! | [`head`] | status and header checks, writing a response head |
//! | [`answer`] | reading a response head, for those who stand on the web server's side |
//! | [`page`] | the small pages we answer with ourselves |

pub mod answer;
pub mod environ;
pub mod head;
pub mod page;
pub mod path;
