//! The seam between sockets and applications.
//!
//! A worker knows requests and bytes, an application knows what to answer; they meet in the traits of this room. What comes
//! in is a [`Request`] whose parameters are whole; what goes out are records on the connection it came from. Nothing here
//! knows Python, and nothing here knows `epoll`.

mod answer;
mod answer_head;
mod body;
pub mod echo;
mod link;
mod nobody;
mod probe;
mod reader;
mod request;
mod roles;
mod run;

pub use answer::{Answer, AnswerError, Part, Refusal, answer_with_page};
pub use answer_head::AnswerHead;
pub use body::{Body, Taken};
pub use link::{FilePart, Link, LinkGone};
pub use probe::probe;
pub use reader::BodyReader;
pub use request::{AbortHook, DATA_LENGTH, Finished, Request, RequestParts};
pub use roles::{ByRole, role_name};
pub use run::Run;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use crate::messages::Code;
use crate::os::fork::ForkHooks;
use crate::os::process;

/// Something that answers requests.
pub trait Application: Send + Sync {
    /// Answers one request, in the thread that calls. When it returns, the request has been ended in every case.
    fn serve(&self, request: &Arc<Request>);

    /// Whether the application has asked for a new process in place of this one.
    fn wants_successor(&self) -> bool {
        false
    }

    /// Waits until the application could go on: until its interpreter is to be had.
    fn wait_for_turn(&self) {}

    /// Where a thread of this process ([`crate::os::thread::ident`]) is in the application, as a traceback, the innermost call
    /// last; nothing where it is not in there. Waits for the interpreter.
    fn stack(&self, _thread: u64) -> Option<String> {
        None
    }

    /// The same of all threads that are in the application.
    fn stacks(&self) -> Vec<ThreadStack> {
        Vec::new()
    }

    /// Interrupts the thread that runs a request which has reached its time limit. Waits for the interpreter.
    fn interrupt(&self, _request: &Arc<Request>) {}
}

/// What a visitor reads whose request has reached its time limit.
pub const TIMEOUT_TEXT: &str = "The application has not answered in time.";

/// Where a thread is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ThreadStack {
    /// As [`crate::os::thread::ident`] names it.
    pub thread: u64,
    /// What the application calls it, if it has given it a name.
    pub name: Option<String>,
    /// Lines as in a traceback.
    pub text: String,
}

/// How a thread waits: an interpreter lock that it holds is let go of for that time.
///
/// What is run by [`Blocker::block`] must not touch the interpreter.
pub trait Blocker {
    /// Runs something that may wait.
    fn block(&self, wait: &mut dyn FnMut());

    /// A signal has come within [`Blocker::block`]: lets the application's own handlers run. Whether the wait is to end,
    /// because one of them has raised an exception.
    fn note_signal(&self) -> bool {
        false
    }

    /// Whether [`Blocker::note_signal`] has ended a wait.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Waits without further ado: for threads that hold no lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainBlocker;

impl Blocker for PlainBlocker {
    fn block(&self, wait: &mut dyn FnMut()) {
        wait();
    }
}

/// Where applications come from: the interpreter, as the rest of the house sees it.
pub trait Host: ForkHooks + Send + Sync {
    /// Imports the application into this process, or those of several roles; what comes out serves requests of each of them.
    ///
    /// # Errors
    /// The text for the operator, with the traceback.
    fn load(&self) -> Result<Arc<dyn Application>, LoadError>;

    /// Whether [`Host::warm_up`] has something to do.
    fn is_cold(&self) -> bool {
        false
    }

    /// Starts what the application needs, and not the application, in a process of which workers are forked; `false` when
    /// that has come to nothing which they could share.
    fn warm_up(&self) -> bool {
        false
    }

    /// Imports the application before the fork, for all workers.
    ///
    /// # Errors
    /// As for [`Host::load`], and when it has started threads, which would not live in the workers. [`Host::load`] gives the
    /// same error again.
    fn preload(&self) -> Result<(), LoadError> {
        Ok(())
    }

    /// An application that says that the real one cannot be imported; for processes that a web server has started, and would
    /// only start again and again, and for people who are writing it: those are shown why.
    fn substitute(&self, _shown: Option<&LoadError>) -> Option<Arc<dyn Application>> {
        None
    }

    /// The files of all modules that are loaded in this process.
    fn sources(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// What is worth knowing about the loaded application and what it runs in, as names and values; for `fcgi-run check`.
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Runs `body` as an application thread: attached to the interpreter, if there is one, for its whole life.
    fn run_thread(&self, body: &mut dyn FnMut(&dyn Blocker));

    /// A descriptor that becomes readable when a signal has come for which the application has a handler of its own. Called by
    /// the main thread.
    fn signal_bell(&self) -> Option<UnixStream> {
        None
    }

    /// Runs the application's own signal handlers, if signals have come for them; called by the main thread.
    fn handle_signals(&self) {}

    /// Lets the application's own clean-up run (`atexit`) before the process ends.
    fn shut_down(&self) {}

    /// Whether the interpreter belongs to the program that called us, which goes on with it when the server has ended.
    fn is_guest(&self) -> bool {
        false
    }

    /// Whether application threads run at the same time, and not by turns as they do under an interpreter's lock.
    fn runs_in_parallel(&self) -> bool {
        false
    }

    /// Changes the environment of this process, which has one thread of ours, as the application is to find it; `None` removes
    /// a variable.
    fn set_environment(&self, variables: &[(&str, Option<String>)]) {
        process::set_variables(variables);
    }

    /// Tells the application how many processes and threads it is served by.
    fn set_process_model(&self, _model: ProcessModel) {}

    /// Whether the application belongs to the program that called us, so that only that program can load it anew.
    fn is_given(&self) -> bool {
        false
    }
}

/// What `wsgi.multithread`, `wsgi.multiprocess` and `wsgi.run_once` are to say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProcessModel {
    pub multithread: bool,
    pub multiprocess: bool,
    pub run_once: bool,
}

/// The application cannot be imported.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// What kind of failure it is.
    pub code: Code,
    /// One line of cause, then the traceback.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
