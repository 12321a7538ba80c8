//! The small pages that are answered without, or instead of, the application.
//!
//! In come a status and a text; out goes the complete content of a STDOUT stream: head, `Content-Length` and a page
//! that needs no other file; in its small print stands the code of the message, which a visitor may read to the administrator.
//! Everything shown is escaped; what went wrong inside is shown only by
//! [`traceback_page`], which is for `debug=true`.

use super::head::{Status, end_head, reason_phrase, write_status};
use crate::messages::Code;

/// A complete answer: a status, a heading and one sentence for the visitor.
///
/// `title` is the reason of the status as well; an empty one is the usual for `code`. A 503 asks to try again in a few
/// seconds.
pub fn error_page(code: u16, title: &str, text: &str, message: Option<Code>) -> Vec<u8> {
    let title = if title.is_empty() { reason_phrase(code) } else { title };
    let content = format!("<h1>{}</h1>\n<p>{}</p>\n{}", escaped(title), escaped(text), small_print(message));
    page(code, title, &content)
}

/// A complete answer with status 500 that shows a traceback.
pub fn traceback_page(traceback: &str, message: Code) -> Vec<u8> {
    let title = reason_phrase(500);
    let content = format!(
        "<h1>{title}</h1>\n<pre>{}</pre>\n<p>{DEBUG_NOTE}</p>\n{}",
        escaped(traceback.trim_end()),
        small_print(Some(message)),
    );
    page(500, title, &content)
}

/// A complete answer with status 500 that shows why an application cannot be imported, and looks again every other second.
pub fn broken_page(message: &str, hint: Option<&str>, code: Code) -> Vec<u8> {
    let (cause, traceback) = message.split_once('\n').unwrap_or((message, ""));
    let part = |tag: &str, text: &str| match text {
        "" => String::new(),
        text => format!("<{tag}>{}</{tag}>\n", escaped(text)),
    };
    let content = format!(
        "<meta http-equiv=\"refresh\" content=\"2\">\n<h1>{}</h1>\n{}{}<p>{BROKEN_NOTE}</p>\n{}",
        escaped(cause),
        part("pre", traceback.trim_end()),
        part("p", hint.unwrap_or_default()),
        small_print(Some(code)),
    );
    page(500, reason_phrase(500), &content)
}

/// The same answer without its body, as HEAD wants it.
pub fn without_body(mut page: Vec<u8>) -> Vec<u8> {
    if let Some(end) = page.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
        page.truncate(end + 4);
    }
    page
}

fn page(code: u16, title: &str, content: &str) -> Vec<u8> {
    let heading = format!("{code} {}", escaped(title));
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{heading}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{content}</body>\n</html>\n"
    );
    let reason: String =
        title.chars().map(|letter| if (' '..='~').contains(&letter) { letter } else { ' ' }).collect();
    let mut out = Vec::with_capacity(body.len() + 160);
    write_status(&mut out, Status { code, reason: reason.as_bytes() });
    out.extend_from_slice(b"Content-Type: text/html; charset=utf-8\r\nContent-Length: ");
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\nCache-Control: no-store\r\n");
    if code == 503 {
        out.extend_from_slice(b"Retry-After: 5\r\n");
    }
    end_head(&mut out);
    out.extend_from_slice(body.as_bytes());
    out
}

fn small_print(message: Option<Code>) -> String {
    message.map_or_else(String::new, |code| format!("<p><small>{code}</small></p>\n"))
}

/// Text in a page, whatever it holds.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

const DEBUG_NOTE: &str = "This page is shown because the option <code>debug</code> is on.";

const BROKEN_NOTE: &str = "This page is shown because the option <code>reload</code> is on; it goes away when the application is mended.";

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:4rem auto;padding:0 1rem}\
                     h1{font-size:1.5rem}small{color:#777}pre{overflow:auto;padding:1rem;background:#f4f4f4;color:#222}";

#[cfg(test)]
mod tests {
    use super::{broken_page, error_page, traceback_page, without_body};
    use crate::cgi::answer::parse_cgi_head;
    use crate::messages::Code;

    /// The body, after checking that the head announces its length.
    fn body_of(page: &[u8]) -> String {
        let (head, length) = parse_cgi_head(page).unwrap().unwrap();
        let body = &page[length..];
        assert_eq!(head.header("content-length").unwrap(), body.len().to_string().as_bytes());
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn an_error_page_is_a_complete_answer() {
        let page = error_page(404, "Not Found", "There is nothing here.", None);
        assert!(page.starts_with(b"Status: 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\n"));
        let body = body_of(&page);
        assert!(body.contains("<title>404 Not Found</title>"));
        assert!(body.contains("<p>There is nothing here.</p>"));
        assert!(!body.contains("src=") && !body.contains("href="), "the page needs no other file");
    }

    #[test]
    fn the_code_stands_in_the_small_print() {
        let page = error_page(503, "", "Please come back.", Some(Code::QUEUE_TIMEOUT));
        assert!(body_of(&page).contains("<p>Please come back.</p>\n<p><small>FR210</small></p>\n</body>"));
        assert!(!body_of(&error_page(404, "", "Nothing.", None)).contains("<small>"));
    }

    #[test]
    fn the_title_may_be_left_out() {
        assert!(error_page(502, "", "x", None).starts_with(b"Status: 502 Bad Gateway\r\n"));
    }

    #[test]
    fn an_overloaded_server_says_when_to_come_back() {
        let text = String::from_utf8(error_page(503, "", "busy", None)).unwrap();
        assert!(text.contains("\r\nRetry-After: 5\r\n"));
        assert!(!String::from_utf8(error_page(500, "", "broken", None)).unwrap().contains("Retry-After"));
    }

    #[test]
    fn nothing_shown_can_be_markup_or_a_header() {
        let page = error_page(400, "Bad\r\nSet-Cookie: a=b", "<script>alert('\"&\x07')</script>", None);
        let text = String::from_utf8(page.clone()).unwrap();
        assert!(text.starts_with("Status: 400 Bad  Set-Cookie: a=b\r\nContent-Type: "));
        assert!(text.contains("&lt;script&gt;alert(&#39;&quot;&amp;\u{fffd}&#39;)&lt;/script&gt;"));
        assert!(!body_of(&page).contains("<script"));
    }

    #[test]
    fn a_traceback_is_shown_as_it_is() {
        let page =
            traceback_page("Traceback:\n  File \"<x>\", line 1\nValueError: é\n", Code::APPLICATION_RAISED);
        assert!(page.starts_with(b"Status: 500 Internal Server Error\r\n"));
        assert!(
            body_of(&page)
                .contains("<pre>Traceback:\n  File &quot;&lt;x&gt;&quot;, line 1\nValueError: é</pre>")
        );
    }

    #[test]
    fn a_broken_application_is_shown_escaped_and_looked_at_again() {
        let page = broken_page("it <fails>\nTraceback:\n  <x>&\n", Some("mend <it>"), Code::SYNTAX_ERROR);
        assert!(page.starts_with(b"Status: 500 Internal Server Error\r\n"));
        let body = body_of(&page);
        assert!(body.contains("<meta http-equiv=\"refresh\" content=\"2\">"));
        assert!(body.contains(
            "<h1>it &lt;fails&gt;</h1>\n<pre>Traceback:\n  &lt;x&gt;&amp;</pre>\n<p>mend &lt;it&gt;</p>"
        ));
        assert!(body.contains("<small>FR103</small>"));
    }

    #[test]
    fn head_gets_the_same_head_and_no_body() {
        let page = error_page(500, "", "broken", None);
        let (head, length) = parse_cgi_head(&page).unwrap().unwrap();
        let short = without_body(page);
        assert_eq!(parse_cgi_head(&short), Ok(Some((head, length))));
        assert_eq!(short.len(), length);
    }
}
