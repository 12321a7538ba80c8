//! The form of an access log: directives as Apache's `mod_log_config` has them, and patterns for what is left out.

/// How requests are written down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessRules {
    pub format: AccessFormat,
    /// Paths of which no line is written.
    pub skip: Vec<Pattern>,
    /// Names of query parameters whose values are not written.
    pub redact: Vec<Pattern>,
}

/// The form of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccessFormat {
    /// One JSON object per line.
    Json,
    /// Text, piece by piece.
    Pieces(Vec<Piece>),
}

/// A piece of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// As it stands in the format.
    Text(String),
    /// The value of a parameter; `-` if it is missing or empty.
    Param(&'static str),
    /// The same for any parameter, named by the operator; query parameters in it are redacted.
    Named(String),
    /// `[10/Oct/2000:13:55:36 -0700]`
    Time,
    /// `2026-01-31T23:59:59.123456+01:00`
    IsoTime,
    /// Method, target and protocol.
    RequestLine,
    /// The path, without the query.
    Path,
    /// The query with a question mark before it; nothing when there is none.
    Query,
    Status,
    /// Bytes of the answer's body; `-` for none.
    BytesOrDash,
    /// The same, as a number in any case.
    Bytes,
    /// How long it took, in microseconds.
    Micros,
    /// In milliseconds.
    Millis,
    /// In whole seconds.
    Seconds,
    /// In seconds with six digits behind the point.
    SecondsExact,
    /// The process that has served it.
    Pid,
}

/// Text in which `*` stands for any text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    parts: Vec<String>,
    ignores_case: bool,
}

/// Reads a format.
///
/// # Errors
/// The directive that is not known.
pub fn parse(typed: &str) -> Result<AccessFormat, String> {
    let text = match typed.trim() {
        word if word.eq_ignore_ascii_case("json") => return Ok(AccessFormat::Json),
        word if word.eq_ignore_ascii_case("common") => COMMON,
        word if word.eq_ignore_ascii_case("combined") => COMBINED,
        "" => COMBINED,
        // A word without a directive would be the same line for every request.
        word if !word.contains('%') => return Err(word.to_owned()),
        _ => typed,
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        push_text(&mut pieces, &rest[..at]);
        let (piece, length) = directive(&rest[at..]).ok_or_else(|| shown(&rest[at..]))?;
        match piece {
            Piece::Text(text) => push_text(&mut pieces, &text),
            piece => pieces.push(piece),
        }
        rest = &rest[at + length..];
    }
    push_text(&mut pieces, rest);
    Ok(AccessFormat::Pieces(pieces))
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// The directive at the beginning of a text, and its length in bytes.
fn directive(text: &str) -> Option<(Piece, usize)> {
    // `%>s` is the last status of several that Apache may have; here there is one.
    let bare = text.strip_prefix("%>").or_else(|| text.strip_prefix('%'))?;
    let skipped = text.len() - bare.len();
    if let Some(named) = bare.strip_prefix('{') {
        let (name, kind) = named.split_once('}')?;
        let piece = match (kind.chars().next()?, name) {
            ('i', _) if is_name(name) => Piece::Named(header_param(name)),
            ('e', _) if is_name(name) => Piece::Named(name.to_owned()),
            ('t', "iso") => Piece::IsoTime,
            ('T', "us") => Piece::Micros,
            ('T', "ms") => Piece::Millis,
            ('T', "s") => Piece::Seconds,
            ('T', "exact") => Piece::SecondsExact,
            _ => return None,
        };
        return Some((piece, skipped + name.len() + 3));
    }
    let piece = match bare.chars().next()? {
        '%' => Piece::Text("%".to_owned()),
        'h' | 'a' => Piece::Param("REMOTE_ADDR"),
        'l' => Piece::Text("-".to_owned()),
        'u' => Piece::Param("REMOTE_USER"),
        't' => Piece::Time,
        'r' => Piece::RequestLine,
        'm' => Piece::Param("REQUEST_METHOD"),
        'U' => Piece::Path,
        'q' => Piece::Query,
        'H' => Piece::Param("SERVER_PROTOCOL"),
        's' => Piece::Status,
        'b' => Piece::BytesOrDash,
        'B' => Piece::Bytes,
        'D' => Piece::Micros,
        'T' => Piece::Seconds,
        'P' => Piece::Pid,
        'v' => Piece::Param("SERVER_NAME"),
        'V' => Piece::Param("HTTP_HOST"),
        'p' => Piece::Param("SERVER_PORT"),
        _ => return None,
    };
    Some((piece, skipped + 1))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `User-Agent` is `HTTP_USER_AGENT` in CGI. Source: RFC 3875 section 4.1.18.
fn header_param(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('-', "_");
    match name.as_str() {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => name,
        _ => format!("HTTP_{name}"),
    }
}

/// The directive alone, for a message.
fn shown(text: &str) -> String {
    let end = match text.find('}') {
        Some(end) if text.starts_with("%{") || text.starts_with("%>{") => end + 1,
        _ => 1,
    };
    text.chars().take(text[..end].chars().count() + 1).collect()
}

impl Pattern {
    /// A pattern for which letter case matters.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { parts: text.as_ref().split('*').map(str::to_owned).collect(), ignores_case: false }
    }

    /// A pattern for which it does not.
    pub fn ignoring_case(text: impl AsRef<str>) -> Self {
        Self { ignores_case: true, ..Self::new(text.as_ref().to_ascii_lowercase()) }
    }

    /// Whether a text is of this form.
    pub fn matches(&self, text: &[u8]) -> bool {
        let lower = self.ignores_case.then(|| text.to_ascii_lowercase());
        let mut rest = lower.as_deref().unwrap_or(text);
        let Some((first, others)) = self.parts.split_first() else { return false };
        let Some((last, middle)) = others.split_last() else { return rest == first.as_bytes() };
        let Some(behind) = rest.strip_prefix(first.as_bytes()) else { return false };
        rest = behind;
        for part in middle.iter().filter(|part| !part.is_empty()) {
            let Some(at) = rest.windows(part.len()).position(|window| window == part.as_bytes()) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_bytes())
    }
}

/// Source: the Common Log Format of NCSA httpd.
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";

/// The Combined Log Format of Apache, and the seconds that the request took.
const COMBINED: &str = "%h %l %u %t \"%r\" %>s %B \"%{Referer}i\" \"%{User-Agent}i\" %{exact}T";

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<Piece> {
        match parse(text) {
            Ok(AccessFormat::Pieces(pieces)) => pieces,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn formats_are_read_piece_by_piece() {
        assert_eq!(parse("JSON"), Ok(AccessFormat::Json));
        assert_eq!(parse(""), parse("combined"));
        assert_eq!(
            pieces("%h 100%% %>s %{User-Agent}i%{Content-Type}i %{MY_VAR}e."),
            [
                Piece::Param("REMOTE_ADDR"),
                Piece::Text(" 100% ".into()),
                Piece::Status,
                Piece::Text(" ".into()),
                Piece::Named("HTTP_USER_AGENT".into()),
                Piece::Named("CONTENT_TYPE".into()),
                Piece::Text(" ".into()),
                Piece::Named("MY_VAR".into()),
                Piece::Text(".".into()),
            ]
        );
        assert_eq!(pieces("%{ms}T%{us}T%T"), [Piece::Millis, Piece::Micros, Piece::Seconds]);
    }

    #[test]
    fn what_is_no_directive_is_named() {
        for (text, named) in [
            ("%h %Z x", "%Z"),
            ("%", "%"),
            ("%é", "%é"),
            ("%{a b}i", "%{a b}i"),
            ("%{X}o %h", "%{X}o"),
            ("%{", "%{"),
            ("jsn", "jsn"),
        ] {
            assert_eq!(parse(text), Err(named.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("/health", "/health", true),
            ("/health", "/healthy", false),
            ("/static/*", "/static/a/b", true),
            ("/static/*", "/static", false),
            ("*", "", true),
            ("*.css", "/a.css", true),
            ("*.css", ".css.map", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c", false),
            ("aa*aa", "aaa", false),
            ("a**c", "abc", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text.as_bytes()), matches, "{pattern} {text}");
        }
        assert!(Pattern::ignoring_case("*Key").matches(b"API_KEY"));
        assert!(!Pattern::new("*Key").matches(b"API_KEY"));
    }
}
