//! Where threads of the application are: their Python stacks, as tracebacks show them.
//!
//! Within the interpreter nothing but attributes is read, so that no code of the application or of the library runs: a thread
//! may hold any lock of theirs. The lines of the source are looked up afterwards, without the interpreter.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::strings::readable;
use crate::app::ThreadStack;

/// A function that was called and has not returned.
struct Frame {
    file: String,
    line: u64,
    name: String,
}

/// The frames of one thread, the innermost first.
struct Frames {
    thread: u64,
    name: Option<String>,
    shown: Vec<Frame>,
    /// How many further out are not among them.
    left_out: usize,
}

/// The stack of a thread; nothing where it runs no Python now.
pub(super) fn of_thread(thread: u64) -> Option<String> {
    let look = |py: Python<'_>| -> PyResult<Option<Frames>> {
        let innermost = current_frames(py)?.get_item(thread)?;
        innermost.map(|frame| Frames::read(thread, None, frame)).transpose()
    };
    let found = Python::attach(|py| look(py).unwrap_or_default());
    found.map(|frames| frames.format())
}

/// The stacks of all threads that run Python now.
pub(super) fn of_all() -> Vec<ThreadStack> {
    let look = |py: Python<'_>| -> PyResult<Vec<Frames>> {
        let names = thread_names(py);
        let mut all = Vec::new();
        for (thread, frame) in current_frames(py)? {
            let name = names.as_ref().and_then(|names| names.get_item(&thread).ok()?);
            let name = name.and_then(|thread| thread.getattr("name").ok());
            let name = name.and_then(|name| Some(readable(name.cast::<PyString>().ok()?).ok()?.into_owned()));
            all.push(Frames::read(thread.extract()?, name, frame)?);
        }
        Ok(all)
    };
    let mut found = Python::attach(|py| look(py).unwrap_or_default());
    found.sort_by_key(|frames| frames.thread);
    let stack = |frames: Frames| ThreadStack {
        thread: frames.thread,
        text: frames.format(),
        name: frames.name.map(|name| printable(&name)),
    };
    found.into_iter().map(stack).collect()
}

fn current_frames(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(py.import("sys")?.call_method0("_current_frames")?.cast_into()?)
}

/// The threads that `threading` knows, if somebody has imported it.
fn thread_names(py: Python<'_>) -> Option<Bound<'_, PyDict>> {
    let modules = py.import("sys").and_then(|sys| sys.getattr("modules")).ok()?;
    let threading = modules.get_item("threading").ok()?;
    threading.getattr("_active").ok()?.cast_into().ok()
}

impl Frames {
    fn read(thread: u64, name: Option<String>, innermost: Bound<'_, PyAny>) -> PyResult<Self> {
        let (mut shown, mut left_out) = (Vec::new(), 0);
        let mut next = Some(innermost);
        while let Some(frame) = next {
            if shown.len() < MOST_FRAMES {
                shown.push(Frame::read(&frame)?);
            } else {
                left_out += 1;
            }
            let outer = frame.getattr("f_back")?;
            next = (!outer.is_none() && left_out < MOST_STEPS).then_some(outer);
        }
        Ok(Self { thread, name, shown, left_out })
    }

    /// As a traceback, the innermost last.
    fn format(&self) -> String {
        let mut text = String::new();
        if self.left_out > 0 {
            let _ = writeln!(text, "  [{} outer calls are not shown]", self.left_out);
        }
        for frame in self.shown.iter().rev() {
            let (file, name) = (printable(&frame.file), printable(&frame.name));
            let _ = writeln!(text, "  File \"{file}\", line {}, in {name}", frame.line);
            if let Some(line) = source_line(Path::new(&frame.file), frame.line) {
                let _ = writeln!(text, "    {}", printable(line.trim()));
            }
        }
        text
    }
}

impl Frame {
    fn read(frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        let code = frame.getattr("f_code")?;
        let text = |name: &str| -> PyResult<String> {
            Ok(readable(code.getattr(name)?.cast::<PyString>()?)?.into_owned())
        };
        // It is None between two instructions that belong to no line.
        let line = frame.getattr("f_lineno")?.extract::<Option<u64>>()?.unwrap_or(0);
        Ok(Self { file: text("co_filename")?, line, name: text("co_name")? })
    }
}

/// A line of a source file, as far as it can be had without waiting: from a plain file, and one that is not huge.
fn source_line(path: &Path, number: u64) -> Option<String> {
    let wanted = usize::try_from(number.checked_sub(1)?).ok()?;
    let found = std::fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > LARGEST_SOURCE {
        return None;
    }
    let mut lines = BufReader::new(File::open(path).ok()?).split(b'\n');
    let line = lines.nth(wanted)?.ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    (!line.trim().is_empty()).then_some(line)
}

/// On one line, whatever it holds: names of files and functions are the application's, and its source may be anything.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().take(LONGEST) {
        if character.is_control() && character != '\t' {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Calls that are shown of a thread; the innermost ones.
const MOST_FRAMES: usize = 60;

/// Calls that are counted of those that are not shown.
const MOST_STEPS: usize = 100_000;

/// Files that are larger are not searched for a line.
const LARGEST_SOURCE: u64 = 8 << 20;

/// Characters that are shown of a name or a line.
const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_from_plain_files_only() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/python/stack.rs");
        assert!(source_line(&here, 1).unwrap().starts_with("//! Where threads"));
        assert_eq!(source_line(&here, 0), None);
        assert_eq!(source_line(&here, 100_000), None);
        assert_eq!(source_line(Path::new("/dev/zero"), 1), None);
        assert_eq!(source_line(Path::new("<frozen importlib._bootstrap>"), 1), None);
    }

    #[test]
    fn a_name_cannot_begin_a_line() {
        assert_eq!(printable("a\nb\u{1b}[1m\tc"), "a\\nb\\u{1b}[1m\tc");
        assert_eq!(printable(&"x".repeat(10_000)).len(), LONGEST);
    }

    #[test]
    fn a_deep_stack_is_shown_from_inside() {
        let frame = |line| Frame { file: "/nowhere.py".to_owned(), line, name: "deep".to_owned() };
        let frames = Frames { thread: 1, name: None, shown: vec![frame(2), frame(1)], left_out: 7 };
        assert_eq!(
            frames.format(),
            "  [7 outer calls are not shown]\n  File \"/nowhere.py\", line 1, in deep\n  \
             File \"/nowhere.py\", line 2, in deep\n"
        );
    }
}
