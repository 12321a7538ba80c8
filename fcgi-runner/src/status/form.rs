//! In which form an answer is wanted, and the answer.

use super::html::{POLICY, to_html};
use super::json::to_json;
use super::openmetrics::{OPENMETRICS, to_openmetrics};
use super::snapshot::Snapshot;
use super::text::to_text;

/// A form of the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    Text,
    Json,
    OpenMetrics,
    Html,
}

/// An answer: some headers, each ended by CRLF, and a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    pub status: &'static str,
    pub headers: String,
    pub body: String,
}

impl Form {
    /// Decides by the query (`json`), else by the end of the path (`/metrics`), else by the header `Accept`; text if nobody
    /// says anything.
    pub fn wanted(path: &[u8], query: &[u8], accept: &[u8]) -> Self {
        let words = query.split(|byte| *byte == b'&').map(|word| word.split(|byte| *byte == b'=').next());
        let by_query = words.flatten().find_map(Self::of_word);
        let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        by_query.or_else(|| Self::of_word(last)).unwrap_or_else(|| Self::accepted(accept))
    }

    /// The form of a word, as it stands in a query and at the end of a path.
    pub fn of_word(word: &[u8]) -> Option<Self> {
        match word {
            b"text" => Some(Self::Text),
            b"json" => Some(Self::Json),
            b"openmetrics" | b"metrics" => Some(Self::OpenMetrics),
            b"html" => Some(Self::Html),
            _ => None,
        }
    }

    /// The words at the end of a path.
    pub const PATHS: [&[u8]; 5] = [b"/text", b"/json", b"/openmetrics", b"/metrics", b"/html"];

    fn accepted(accept: &[u8]) -> Self {
        let text = String::from_utf8_lossy(accept).to_ascii_lowercase();
        let mut kinds = text.split(',').filter_map(|kind| match kind.split(';').next()?.trim() {
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "application/json" => Some(Self::Json),
            "text/html" => Some(Self::Html),
            "text/plain" => Some(Self::Text),
            _ => None,
        });
        kinds.next().unwrap_or(Self::Text)
    }

    fn media(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::OpenMetrics => OPENMETRICS,
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// The answer in this form.
    pub fn reply(self, snapshot: &Snapshot) -> Reply {
        let body = match self {
            Self::Text => to_text(snapshot),
            Self::Json => format!("{:#}\n", to_json(snapshot)),
            Self::OpenMetrics => to_openmetrics(snapshot),
            Self::Html => to_html(snapshot),
        };
        let mut reply = Reply::new("200 OK", self.media(), body);
        reply.headers += "Vary: Accept\r\n";
        if self == Self::Html {
            reply.headers += "Content-Security-Policy: ";
            reply.headers += POLICY;
            reply.headers += "\r\n";
        }
        reply
    }
}

impl Reply {
    /// An answer that nobody keeps, frames, or takes for something else.
    pub fn new(status: &'static str, media: &str, body: String) -> Self {
        let headers = format!(
            "Content-Type: {media}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n",
            body.len()
        );
        Self { status, headers, body }
    }

    /// A line of text.
    pub fn line(status: &'static str, text: &str) -> Self {
        Self::new(status, Form::Text.media(), format!("{text}\n"))
    }

    /// As the content of a STDOUT stream; for HEAD without the body.
    pub fn to_cgi(&self, is_head: bool) -> Vec<u8> {
        let body = if is_head { "" } else { &self.body };
        format!("Status: {}\r\n{}\r\n{body}", self.status, self.headers).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_was_asked_for() {
        let browser = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let prometheus =
            b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (path, query, accept, form) in [
            (&b"/"[..], &b""[..], &b"*/*"[..], Form::Text),
            (b"/", b"", b"", Form::Text),
            (b"/", b"", browser, Form::Html),
            (b"/", b"", prometheus, Form::OpenMetrics),
            (b"/", b"", b"application/json", Form::Json),
            (b"/status/metrics", b"", browser, Form::OpenMetrics),
            (b"/json", b"", browser, Form::Json),
            (b"/metrics", b"text", browser, Form::Text),
            (b"/", b"x=1&json&html", browser, Form::Json),
            (b"/", b"html=", b"*/*", Form::Html),
        ] {
            assert_eq!(Form::wanted(path, query, accept), form, "{path:?} {query:?} {accept:?}");
        }
    }
}
