//! What the threads of workers do just now, in Python.

use std::time::Duration;

use serde_json::{Value, json};

use super::link::{Link, PROMPT};
use super::picture::Picture;
use super::trouble::Trouble;
use crate::messages::plain;
use crate::supervisor::control::message::{Question, VERSION};

/// Asks one worker, or one after the other, and gives the text.
///
/// # Errors
/// When one that was named does not answer. Of all, those that leave meanwhile are passed over.
pub(super) fn show(link: &mut Link, pid: Option<i32>, is_json: bool) -> Result<String, Trouble> {
    let mut stacks = Vec::new();
    if let Some(pid) = pid {
        stacks.push((pid, ask(link, pid)?));
    } else {
        let picture = Picture::of(&link.ask(&Question::new("status"), Some(PROMPT))?)?;
        let serving = picture.status.workers.iter().filter(|worker| worker.state != "starting");
        for pid in serving.filter_map(|worker| worker.pid) {
            if let Ok(text) = ask(link, pid) {
                stacks.push((pid, text));
            }
        }
    }
    if is_json {
        let list: Vec<Value> = stacks.iter().map(|(pid, text)| json!({"pid": pid, "text": text})).collect();
        return Ok(format!("{}\n", json!({"v": VERSION, "ok": true, "stacks": list})));
    }
    let texts = stacks.iter().map(|(pid, text)| format!("worker {pid}\n{}\n", indented(&plain::lines(text))));
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

/// The question, which the worker's own time limits answer at the latest.
pub(super) fn ask(link: &mut Link, pid: i32) -> Result<String, Trouble> {
    let question = Question { pid: Some(pid), ..Question::new("stack") };
    Ok(link.ask(&question, Some(PATIENCE))?.detail.unwrap_or_default())
}

fn indented(text: &str) -> String {
    let text = if text.trim().is_empty() { NOTHING } else { text.trim_end() };
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A worker that waits for requests.
const NOTHING: &str = "no thread runs Python now";

/// A worker whose interpreter cannot be had says so after a while.
const PATIENCE: Duration = Duration::from_secs(30);
