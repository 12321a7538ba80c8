//! One line of the access log.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::app::{Finished, Request};
use crate::config::AccessRules;
use crate::config::log_format::{AccessFormat, Pattern, Piece};
use crate::messages::plain;
use crate::telemetry::log::local_time;

/// Whether no line is to be written.
pub(super) fn is_skipped(rules: &AccessRules, request: &Request) -> bool {
    !rules.skip.is_empty() && {
        let (path, _) = split(request.target());
        rules.skip.iter().any(|pattern| pattern.matches(path))
    }
}

/// The line, with its end.
pub(super) fn written(rules: &AccessRules, request: &Request) -> String {
    let finished = request.finished();
    let mut line = match &rules.format {
        AccessFormat::Json => json(request, finished, &rules.redact),
        AccessFormat::Pieces(pieces) => {
            let mut line = String::with_capacity(256);
            for piece in pieces {
                push(&mut line, piece, request, finished, &rules.redact);
            }
            line
        }
    };
    line.push('\n');
    line
}

fn push(line: &mut String, piece: &Piece, request: &Request, finished: Finished, redact: &[Pattern]) {
    let duration = finished.duration;
    let param = |name: &str| request.params().get(name.as_bytes()).unwrap_or_default();
    let result = match piece {
        Piece::Text(text) => {
            line.push_str(text);
            Ok(())
        }
        Piece::Param(name) => return push_word(line, param(name)),
        Piece::Named(name) => return push_or_dash(line, &redacted_param(name, param(name), redact)),
        Piece::Time => write!(line, "[{}]", local_time().combined()),
        Piece::IsoTime => write!(line, "{}", local_time().iso()),
        Piece::RequestLine => {
            push_word(line, request.method());
            line.push(' ');
            push_word(line, &redacted(request.target(), redact));
            line.push(' ');
            return push_word(line, param("SERVER_PROTOCOL"));
        }
        Piece::Path => return push_or_dash(line, split(request.target()).0),
        Piece::Query => return push_escaped(line, &redacted(split(request.target()).1, redact)),
        Piece::Status => write!(line, "{}", finished.status),
        Piece::BytesOrDash if finished.body_bytes == 0 => write!(line, "-"),
        Piece::BytesOrDash | Piece::Bytes => write!(line, "{}", finished.body_bytes),
        Piece::Micros => write!(line, "{}", duration.as_micros()),
        Piece::Millis => write!(line, "{}", duration.as_millis()),
        Piece::Seconds => write!(line, "{}", duration.as_secs()),
        Piece::SecondsExact => write!(line, "{:.6}", duration.as_secs_f64()),
        Piece::Pid => write!(line, "{}", std::process::id()),
    };
    // Nothing fails that is written into memory.
    debug_assert!(result.is_ok());
}

fn json(request: &Request, finished: Finished, redact: &[Pattern]) -> String {
    let param = |name: &str| json_text(request.params().get(name.as_bytes()).unwrap_or_default());
    format!(
        "{{\"time\":\"{}\",\"remote_addr\":{},\"remote_user\":{},\"method\":{},\"uri\":{},\"protocol\":{},\
         \"status\":{},\"body_bytes\":{},\"referer\":{},\"user_agent\":{},\"duration\":{:.6},\"pid\":{}}}",
        local_time().iso(),
        param("REMOTE_ADDR"),
        param("REMOTE_USER"),
        json_text(request.method()),
        json_text(&redacted(request.target(), redact)),
        param("SERVER_PROTOCOL"),
        finished.status,
        finished.body_bytes,
        json_text(&redacted(request.params().get(REFERER.as_bytes()).unwrap_or_default(), redact)),
        param("HTTP_USER_AGENT"),
        finished.duration.as_secs_f64(),
        std::process::id(),
    )
}

/// Path, and the query with its question mark.
fn split(target: &[u8]) -> (&[u8], &[u8]) {
    target.split_at(target.iter().position(|byte| *byte == b'?').unwrap_or(target.len()))
}

/// Any parameter: behind a question mark there is a query in all of them that hold addresses, and one is nothing else.
fn redacted_param<'p>(name: &str, value: &'p [u8], redact: &[Pattern]) -> Cow<'p, [u8]> {
    if name != "QUERY_STRING" || value.is_empty() {
        return redacted(value, redact);
    }
    let with_mark = [b"?", value].concat();
    Cow::Owned(redacted(&with_mark, redact)[1..].to_vec())
}

/// A target or an address in which the values of some query parameters are `***`. Names are compared as they were sent and
/// percent-decoded.
fn redacted<'t>(target: &'t [u8], redact: &[Pattern]) -> Cow<'t, [u8]> {
    let (path, query) = split(target);
    if redact.is_empty() || query.is_empty() {
        return Cow::Borrowed(target);
    }
    let mut clean = path.to_vec();
    // A fragment, which a referrer may have, is no part of the last value that has to be kept.
    for (index, pair) in query[1..].split(|byte| matches!(byte, b'&' | b';')).enumerate() {
        clean.push(if index == 0 { b'?' } else { b'&' });
        let equals = pair.iter().position(|byte| *byte == b'=');
        let name = &pair[..equals.unwrap_or(pair.len())];
        let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode(name).into();
        if equals.is_some() && redact.iter().any(|pattern| pattern.matches(&decoded)) {
            clean.extend_from_slice(name);
            clean.extend_from_slice(b"=***");
        } else {
            clean.extend_from_slice(pair);
        }
    }
    Cow::Owned(clean)
}

fn push_or_dash(line: &mut String, bytes: &[u8]) {
    if bytes.is_empty() {
        line.push('-');
    } else {
        push_escaped(line, bytes);
    }
}

/// One word of a line of words: blanks in it are escaped as well.
fn push_word(line: &mut String, bytes: &[u8]) {
    let start = line.len();
    push_or_dash(line, bytes);
    if line[start..].contains(' ') {
        let word = line.split_off(start).replace(' ', "\\x20");
        line.push_str(&word);
    }
}

/// Printable ASCII as it is, quotes, backslashes and everything else as `\xHH`.
fn push_escaped(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => {
                let _ = write!(line, "\\x{byte:02x}");
            }
            _ => line.push(char::from(*byte)),
        }
    }
}

/// A JSON string; bytes that are no UTF-8 are replaced.
fn json_text(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            odd if plain::acts(odd) => {
                // All of them have four digits.
                let _ = write!(text, "\\u{:04x}", u32::from(odd));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

const REFERER: &str = "HTTP_REFERER";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_forged() {
        let mut line = String::new();
        push_escaped(&mut line, b"/a\"b\r\nGET \\ \xe9");
        assert_eq!(line, "/a\\x22b\\x0d\\x0aGET \\x5c \\xe9");
        assert_eq!(json_text(b"a\"\n\\\xff"), "\"a\\\"\\u000a\\\\\u{fffd}\"");
        let odd = "\u{1b}[2J\u{7f}\u{85}\u{2028}\u{202e}é";
        assert_eq!(json_text(odd.as_bytes()), "\"\\u001b[2J\\u007f\\u0085\\u2028\\u202eé\"");
        let mut line = String::new();
        for word in [&b"mallory - [31/Jan/2026]"[..], b"", b"\xe2\x80\xa8\x1b\x7f"] {
            push_word(&mut line, word);
            line.push(' ');
        }
        assert_eq!(line, "mallory\\x20-\\x20[31/Jan/2026] - \\xe2\\x80\\xa8\\x1b\\x7f ");
    }

    #[test]
    fn values_of_secret_parameters_are_not_written() {
        let redact = [Pattern::ignoring_case("token"), Pattern::ignoring_case("*key*")];
        for (target, clean) in [
            ("/a?Token=secret&b=1", "/a?Token=***&b=1"),
            ("/a?b=1&api_key=x=y&c", "/a?b=1&api_key=***&c"),
            ("/a?%74oken=secret", "/a?%74oken=***"),
            ("/a?token", "/a?token"),
            ("/a?tokens=1;token=2", "/a?tokens=1&token=***"),
            ("https://x.example/?token=1#top", "https://x.example/?token=***"),
            ("/token=1", "/token=1"),
            ("/a?", "/a?"),
        ] {
            assert_eq!(redacted(target.as_bytes(), &redact), clean.as_bytes(), "{target}");
        }
        assert_eq!(redacted(b"/a?token=1", &[]), &b"/a?token=1"[..]);
    }

    #[test]
    fn secret_parameters_are_not_written_by_any_name_for_them() {
        let redact = [Pattern::ignoring_case("token")];
        for (name, value, clean) in [
            ("QUERY_STRING", "a=1&token=secret", "a=1&token=***"),
            ("QUERY_STRING", "", ""),
            ("REQUEST_URI", "/a?token=secret", "/a?token=***"),
            ("HTTP_REFERER", "https://x.example/?token=secret", "https://x.example/?token=***"),
            ("HTTP_X_ORIGINAL_URL", "/a?token=secret&b", "/a?token=***&b"),
            ("HTTP_USER_AGENT", "browser/1 (a&token=1)", "browser/1 (a&token=1)"),
        ] {
            assert_eq!(redacted_param(name, value.as_bytes(), &redact), clean.as_bytes(), "{name}");
        }
        assert_eq!(redacted_param("QUERY_STRING", b"token=1", &[]), &b"token=1"[..]);
    }
}
