//! The man page, written in the macros of man(7) from the table of options.

use std::fmt::Write as _;

use super::commands::COMMANDS;
use super::help::{EXAMPLES, SIGNALS};
use crate::{
    exit::ExitStatus,
    messages,
    options::{OptionSpec, Section, VARIABLE_PREFIX, all},
};

/// The page fcgi-run(1).
pub(super) fn page() -> String {
    let mut page = format!(".TH FCGI-RUN 1 \"\" \"fcgi-run {}\"\n", env!("CARGO_PKG_VERSION"));
    section(&mut page, "NAME", "fcgi-run \\- host a Python WSGI application behind a FastCGI web server");
    section(
        &mut page,
        "SYNOPSIS",
        "\\fBfcgi-run\\fR [\\fIKEY\\fR=\\fIVALUE\\fR]... [\\fIMODULE\\fR:\\fICALLABLE\\fR]",
    );
    section(&mut page, "DESCRIPTION", &roff(DESCRIPTION));
    page.push_str(".SH OPTIONS\n");
    for heading in Section::ALL {
        let _ = writeln!(page, ".SS {}", roff(heading.title()));
        for option in all().filter(|option| option.section == heading) {
            entry(&mut page, &title(option), &text(option));
        }
    }
    section(&mut page, "ENVIRONMENT", &roff(&format!("{VARIABLES} `{VARIABLE_PREFIX}SOCKET`.")));
    page.push_str(".SH SIGNALS\n");
    for (signal, what) in SIGNALS {
        entry(&mut page, &format!("\\fB{}\\fR", roff(signal)), &roff(what));
    }
    page.push_str(".SH EXIT STATUS\n");
    for status in ExitStatus::ALL {
        entry(&mut page, &i32::from(status).to_string(), &roff(status.meaning()));
    }
    page.push_str(".SH COMMANDS\n");
    for (command, what) in COMMANDS {
        entry(&mut page, &format!("\\fB{}\\fR", escaped(command)), &roff(what));
    }
    section(&mut page, "CODES OF MESSAGES", &roff(CODES));
    for message in messages::table::all() {
        entry(&mut page, &format!("\\fB{}\\fR", message.code), &roff(message.cause));
    }
    page.push_str(".SH EXAMPLES\n");
    for (example, what) in EXAMPLES {
        entry(&mut page, &format!("\\fB{}\\fR", escaped(example)), &roff(what));
    }
    page
}

fn section(page: &mut String, title: &str, text: &str) {
    let _ = writeln!(page, ".SH {title}\n{text}");
}

fn entry(page: &mut String, title: &str, text: &str) {
    let _ = writeln!(page, ".TP\n{title}\n{text}");
}

fn title(option: &OptionSpec) -> String {
    format!("\\fB{}\\fR=\\fI{}\\fR", option.name, escaped(option.value_name))
}

fn text(option: &OptionSpec) -> String {
    let mut text = roff(option.help);
    text.push('.');
    if let Some(preset) = option.preset_text() {
        let _ = write!(text, " Default: {}.", roff(preset));
    }
    text
}

/// Text with words in backticks set in bold; backticks between quotes belong to a shell command and stay.
fn roff(text: &str) -> String {
    let mut out = String::new();
    let mut bold = false;
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            out.push('"');
        }
        if index % 2 == 1 {
            out.push_str(&escaped(part));
            continue;
        }
        for (index, piece) in part.split('`').enumerate() {
            if index > 0 {
                bold = !bold;
                out.push_str(if bold { "\\fB" } else { "\\fR" });
            }
            out.push_str(&escaped(piece));
        }
    }
    out
}

/// Text in which nothing is an instruction to the formatter.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

const DESCRIPTION: &str = "Serves a Python WSGI application (Django, Flask or any other) over FastCGI to a web server such as \
    nginx, Apache, lighttpd, HAProxy or Caddy. Options are words of the form `key=value`; each can be written as a flag, \
    `--key=value`, as well, as a key in a TOML file named by `config`, and as an environment variable. Letter case, \
    dashes and underscores do not matter. The command line wins over the environment, and that over the file.";

const CODES: &str = "Messages, lines of the log and error pages have a code that stays the same in every version; \
    `fcgi-run explain FR012` says what has happened, how to see it and what to do.";

const VARIABLES: &str = "Each option can be given as a variable, in capital letters and with a prefix, as in";

#[cfg(test)]
mod tests {
    use super::{escaped, page, roff};

    #[test]
    fn the_page_has_every_option_and_the_usual_sections() {
        let page = page();
        for option in crate::options::all() {
            assert!(page.contains(&format!("\n.TP\n\\fB{}\\fR=\\fI", option.name)), "{}", option.name);
        }
        for heading in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SIGNALS", "EXIT STATUS", "COMMANDS", "EXAMPLES"]
        {
            assert!(page.contains(&format!("\n.SH {heading}\n")), "{heading}");
        }
        assert!(page.starts_with(".TH FCGI-RUN 1 "));
    }

    #[test]
    fn no_text_is_taken_for_an_instruction() {
        assert_eq!(escaped(r".x \ -a 'b"), r"\&.x \e \-a \(aqb");
        assert_eq!(roff("use `a=b` now"), r"use \fBa=b\fR now");
        assert_eq!(roff("\"kill `cat x`\""), "\"kill \\(gacat x\\(ga\"");
        for line in page().lines().filter(|line| line.starts_with(['.', '\''])) {
            let name = line.split(' ').next().unwrap();
            assert!([".TH", ".SH", ".SS", ".TP"].contains(&name), "{line}");
        }
    }
}
