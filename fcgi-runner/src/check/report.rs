//! The findings together: as text for a terminal of 80 columns, as JSON, and as an exit status.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Finding, Level};
use crate::exit::ExitStatus;
use crate::messages::wrapped;

/// All findings, in the order in which a start would come to them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report(Vec<Finding>);

impl Report {
    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds findings.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    /// The status that a start would end with: that of the first problem.
    pub fn status(&self) -> ExitStatus {
        let statuses = self.0.iter().filter_map(|finding| match finding.level {
            Level::Problem(status) => Some(status),
            _ => None,
        });
        statuses.into_iter().next().unwrap_or(ExitStatus::Stopped)
    }

    /// A line or more for each finding, and a last line that sums up.
    pub fn text(&self, colours: bool) -> String {
        let mut out = String::new();
        for finding in &self.0 {
            let (word, colour) = match finding.level {
                Level::Fine => ("ok", "32"),
                Level::Warning => ("warning", "33"),
                Level::Problem(_) => ("problem", "31"),
            };
            let prefix = format!("{word:<LEVEL$}{:<TOPIC$}", finding.topic);
            let code = finding.code.map_or_else(String::new, |code| format!(" [{code}]"));
            let text = wrapped(&format!("{}{code}", finding.text), &prefix, &" ".repeat(LEVEL + TOPIC));
            match text.strip_prefix(word).filter(|_| colours) {
                Some(rest) => {
                    let _ = write!(out, "\x1b[{colour}m{word}\x1b[0m{rest}");
                }
                None => out.push_str(&text),
            }
            if !finding.cure.is_empty() {
                let indent = " ".repeat(LEVEL + TOPIC);
                out.push_str(&wrapped(&finding.cure, &format!("{indent}> "), &format!("{indent}  ")));
            }
            for line in finding.detail.lines() {
                let _ = writeln!(out, "    {line}");
            }
        }
        out.push_str(&self.summary());
        out
    }

    fn summary(&self) -> String {
        let count = |wanted: fn(Level) -> bool| self.0.iter().filter(|finding| wanted(finding.level)).count();
        let problems = count(|level| matches!(level, Level::Problem(_)));
        let warnings = count(|level| level == Level::Warning);
        if problems + warnings == 0 {
            return "\nAll is well.\n".to_owned();
        }
        let mut codes: Vec<String> =
            self.0.iter().filter_map(|finding| finding.code).map(|code| code.to_string()).collect();
        codes.sort();
        codes.dedup();
        let text = format!(
            "{}, {}. More about them: fcgi-run explain {}",
            counted(problems, "problem"),
            counted(warnings, "warning"),
            codes.join(" ")
        );
        format!("\n{}", wrapped(&text, "", "  "))
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let findings: Vec<_> = self.0.iter().map(json).collect();
        let all = json!({ "status": i32::from(self.status()), "findings": findings });
        format!("{all:#}\n")
    }
}

fn json(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Fine => "ok",
        Level::Warning => "warning",
        Level::Problem(_) => "problem",
    };
    json!({
        "topic": finding.topic,
        "level": level,
        "code": finding.code.map(|code| code.to_string()),
        "text": finding.text,
        "cure": finding.cure,
        "detail": finding.detail,
    })
}

fn counted(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Columns of the first two words of a line.
const LEVEL: usize = 9;
const TOPIC: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Code;

    fn report() -> Report {
        let mut report = Report::default();
        report.add(Finding::fine("options", "nothing is wrong with them"));
        report.add(Finding::warning(
            "memory",
            Code::MEMORY,
            "50 workers of 100 MB: \"too much\" for this machine, which has 2 GB in all",
        ));
        let mut broken = Finding::problem(
            "application",
            ExitStatus::AppImport,
            Code::SYNTAX_ERROR,
            "it cannot be imported",
            "",
        );
        "Traceback:\n  x".clone_into(&mut broken.detail);
        report.add(broken);
        report.add(Finding::problem("late", ExitStatus::AddressInUse, Code::ADDRESS_IN_USE, "x", "y"));
        report
    }

    #[test]
    fn text_fits_and_says_what_to_do() {
        let text = report().text(false);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(
            text.starts_with("ok       options      nothing is wrong with them\nwarning  memory       50 "),
            "{text}"
        );
        assert!(text.contains("\n                      > lower maxchildren="), "{text}");
        assert!(text.contains("problem  application  it cannot be imported [FR103]\n"), "{text}");
        assert!(text.contains("\n    Traceback:\n      x\n"), "{text}");
        let end = "\n2 problems, 1 warning. More about them: fcgi-run explain FR040 FR103 FR324\n";
        assert!(text.ends_with(end), "{text}");
        assert!(!text.contains('\x1b') && report().text(true).contains("\x1b[31mproblem\x1b[0m  late"));
    }

    #[test]
    fn the_first_problem_is_what_a_start_ends_with() {
        assert_eq!(report().status(), ExitStatus::AppImport);
        assert_eq!(Report::default().status(), ExitStatus::Stopped);
        assert_eq!(Report::default().text(false), "\nAll is well.\n");
    }

    #[test]
    fn json_is_for_programs() {
        let read: Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(read["status"], 3);
        assert_eq!(
            (&read["findings"][0]["level"], &read["findings"][0]["code"]),
            (&json!("ok"), &Value::Null)
        );
        assert_eq!(read["findings"][1]["code"], "FR324");
        assert_eq!(read["findings"][2]["detail"], "Traceback:\n  x");
    }
}
