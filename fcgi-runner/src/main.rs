//! The binary `fcgi-run`, which embeds its interpreter.

use std::ffi::OsString;
use std::process::ExitCode;

use fcgi_runner::app::ByRole;
use fcgi_runner::os::process;
use fcgi_runner::python::PythonHost;
use fcgi_runner::start::{self, Door};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    // No thread is there yet that could look at the environment.
    let forget = process::forget_variable;
    let program = std::env::args_os().next().and_then(|called| process::program(&called));
    let door = Door {
        host: &PythonHost::new,
        given: ByRole::default(),
        command: program.map(|program| (program, words.clone())),
        script: None,
        forget: &forget,
    };
    start::main(&words, &door).into()
}
