//! The interpreter's standard output and error: lines reach the log when they are printed, and a full disk loses them.
//!
//! What an application prints goes to `outlog` and `errlog`. It must not wait in a buffer for a process that is killed or
//! forked, and an application must not fail because its log has no room. Streams that somebody has put in the place of the
//! interpreter's own are left alone.

use std::ffi::{CStr, CString};

use pyo3::prelude::*;

/// Makes `sys.stdout` and `sys.stderr` fit for a log; a second call changes nothing.
pub(super) fn make_logs(py: Python<'_>) -> PyResult<()> {
    let is_there = py.import("sys")?.getattr("modules")?.contains(NAME)?;
    let helper = if is_there {
        py.import(NAME)?
    } else {
        PyModule::from_code(py, LOG_STREAMS, c"fcgi_runner/output.py", &CString::new(NAME)?)?
    };
    helper.call_method0("make_logs").map(drop)
}

/// Writes out what the interpreter's standard streams hold back.
pub(super) fn flush(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        let stream = sys.getattr(stream)?;
        if !stream.is_none() {
            stream.call_method0("flush")?;
        }
    }
    Ok(())
}

/// `io.FileIO` is what stands below the interpreter's own streams; only its errors are treated differently.
const LOG_STREAMS: &CStr = cr#"
import errno
import io
import sys

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

class Log(io.FileIO):
    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return memoryview(data).nbytes

def is_own(stream, number):
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return type(raw) is io.FileIO and raw.fileno() == number

def log(stream, number):
    try:
        stream.flush()
    except OSError:
        pass
    buffer = io.BufferedWriter(Log(number, "wb", closefd=False))
    stream_of_log = io.TextIOWrapper(buffer, stream.encoding, stream.errors, newline="\n", line_buffering=True)
    stream_of_log.mode = "w"
    return stream_of_log

def make_logs():
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if is_own(stream, number):
            setattr(sys, name, log(stream, number))
        elif name == "stdout" and hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
"#;

/// Under which name it stands among the interpreter's modules once it has run.
const NAME: &str = "fcgi_runner_output";
