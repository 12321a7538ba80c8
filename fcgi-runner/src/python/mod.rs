//! Everything that touches the interpreter: starting it, importing the application, calling it by PEP 3333.

mod blocker;
mod call;
mod child;
mod environ;
mod errors;
mod facts;
mod file_wrapper;
mod host;
mod input;
mod interpreter;
mod interrupt;
mod loader;
mod main_thread;
mod names;
mod objects;
mod output;
mod recurring;
mod recycle;
mod runs;
mod stack;
mod start_response;
mod strings;
mod substitute;

pub use host::{PythonHost, PythonOptions};
pub use loader::Target;
