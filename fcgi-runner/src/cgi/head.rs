//! The head of an answer: what an application may say in its status and headers, and the bytes that say it.
//!
//! In come the strings given to `start_response`; out goes `Status: 200 OK`, the headers in their order, and a blank
//! line, each line ended by CRLF. `Status` always comes first, for without it some web servers answer 502 or worse.
//! Nothing is invented: no `Content-Type`, no `Date`, and no header is merged or reordered.
//!
//! Source: RFC 3875 section 6.3, PEP 3333 "The `start_response()` Callable", RFC 9110 sections 5 and 15.

use super::environ::ContentLength;

/// What is wrong with a status, a header or a head.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The status is not three digits, a space and a reason.
    #[error("status `{0}` is not of the form `200 OK`")]
    Status(String),
    /// The status holds a control character.
    #[error("status `{0}` has a control character")]
    StatusControl(String),
    /// The name is empty, or has a character that RFC 9110 does not allow in a name.
    #[error("`{0}` is no header name")]
    Name(String),
    /// The value holds a control character, which could end the line and forge another header.
    #[error("header `{0}` has a control character in its value")]
    Value(String),
    /// The header is about the connection to the client, which belongs to the web server.
    #[error("header `{0}` is hop-by-hop and belongs to the web server")]
    HopByHop(String),
    /// The value of `Content-Length` is not a number that fits into `i64`.
    #[error("`{0}` is no length for `Content-Length`")]
    ContentLength(String),
    /// `Content-Length` was given twice with different values, so that nobody knows where the body ends.
    #[error("`Content-Length` is given twice, as `{0}` and as `{1}`")]
    ContentLengths(u64, u64),
    /// `Status` was given as a header.
    #[error("`Status` cannot be a header, the status is the first argument of `start_response`")]
    StatusHeader,
    /// A line of a head that was read is no header.
    #[error("line `{0}` of the response head is no header")]
    Line(String),
    /// A head that was read has no header at all.
    #[error("the response head is empty")]
    Empty,
    /// A head that was read does not end within [`super::answer::HEAD_LIMIT`] bytes.
    #[error("the response head is longer than {0} bytes")]
    TooLong(usize),
}

/// A status line that has been checked: `200 OK`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status<'a> {
    /// The status code, 100 to 999.
    pub code: u16,
    /// The text behind the code, which may be empty.
    pub reason: &'a [u8],
}

/// Reads a status as PEP 3333 wants it: three digits, a space, a reason.
///
/// # Errors
///
/// The application is at fault: [`HeadError::Status`] or [`HeadError::StatusControl`].
pub fn parse_status(status: &[u8]) -> Result<Status<'_>, HeadError> {
    let [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' ', reason @ ..] = status else {
        return Err(HeadError::Status(shown(status)));
    };
    if !reason.iter().all(|byte| is_value_byte(*byte) && *byte != b'\t') {
        return Err(HeadError::StatusControl(shown(status)));
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    Ok(Status { code: digit(hundreds) * 100 + digit(tens) * 10 + digit(ones), reason })
}

/// Checks one header of an application: its name, its value, and that it may say this at all.
///
/// # Errors
///
/// The application is at fault; nothing has been sent.
pub fn check_header(name: &[u8], value: &[u8]) -> Result<(), HeadError> {
    check_header_name(name)?;
    if is_hop_by_hop(name) {
        return Err(HeadError::HopByHop(shown(name)));
    }
    if name.eq_ignore_ascii_case(b"status") {
        return Err(HeadError::StatusHeader);
    }
    if is_header_value(value) { Ok(()) } else { Err(HeadError::Value(shown(name))) }
}

/// Checks that a header name consists of token characters (RFC 9110 section 5.6.2).
///
/// # Errors
///
/// [`HeadError::Name`].
pub fn check_header_name(name: &[u8]) -> Result<(), HeadError> {
    // All bytes are looked at: nearly every name is one, and to ask after each whether to go on costs more than to look.
    let sound = !name.is_empty() && name.iter().fold(true, |sound, byte| sound & is_token_byte(*byte));
    if sound { Ok(()) } else { Err(HeadError::Name(shown(name))) }
}

/// Checks that a header value has no control character but the tab.
///
/// # Errors
///
/// [`HeadError::Value`], which shows the value.
pub fn check_header_value(value: &[u8]) -> Result<(), HeadError> {
    if is_header_value(value) { Ok(()) } else { Err(HeadError::Value(shown(value))) }
}

/// Reads the `Content-Length` of an answer: digits, with blanks around them allowed.
///
/// # Errors
///
/// [`HeadError::ContentLength`]; a web server would refuse the answer, or cut it at the wrong place.
pub fn parse_content_length(value: &[u8]) -> Result<u64, HeadError> {
    match ContentLength::parse(value.trim_ascii()) {
        ContentLength::Known(length) => Ok(length),
        ContentLength::Unknown | ContentLength::Invalid => Err(HeadError::ContentLength(shown(value))),
    }
}

/// Whether a header belongs to one connection only, by the list of `wsgiref.util.is_hop_by_hop`.
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    // Most headers are none of them, and their length says so at once.
    matches!(name.len(), 2 | 7 | 8 | 10 | 17..=19)
        && HOP_BY_HOP.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes()))
}

/// Whether an answer has a body: not to HEAD, and not with 1xx, 204 and 304.
pub fn body_allowed(method: &[u8], code: u16) -> bool {
    method != b"HEAD" && !matches!(code, 100..=199 | 204 | 304)
}

/// Appends a whole head: the status, the headers in their order, and the blank line.
///
/// # Errors
///
/// The first header that [`check_header`] refuses; `out` is then as it was before.
pub fn write_head<N, V>(
    out: &mut Vec<u8>,
    status: Status<'_>,
    headers: impl IntoIterator<Item = (N, V)>,
) -> Result<(), HeadError>
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let before = out.len();
    write_status(out, status);
    for (name, value) in headers {
        if let Err(error) = write_header(out, name.as_ref(), value.as_ref()) {
            out.truncate(before);
            return Err(error);
        }
    }
    end_head(out);
    Ok(())
}

/// Appends the `Status` line, with which every head begins.
pub fn write_status(out: &mut Vec<u8>, status: Status<'_>) {
    let digit = |number: u16| b'0' + (number % 10) as u8;
    let code = status.code;
    out.extend_from_slice(b"Status: ");
    out.extend_from_slice(&[digit(code / 100), digit(code / 10), digit(code), b' ']);
    out.extend_from_slice(status.reason);
    out.extend_from_slice(b"\r\n");
}

/// Checks one header and appends its line.
///
/// # Errors
///
/// What [`check_header`] says; `out` is then as it was before.
pub fn write_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), HeadError> {
    check_header(name, value)?;
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends the blank line that ends a head.
pub fn end_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// The usual text for a status code (RFC 9110 section 15), or `Unknown`.
pub fn reason_phrase(code: u16) -> &'static str {
    REASONS.binary_search_by_key(&code, |(known, _)| *known).map_or("Unknown", |index| REASONS[index].1)
}

/// Whether all bytes may stand in a header value: visible ones, space, tab, and those beyond ASCII.
fn is_header_value(value: &[u8]) -> bool {
    value.iter().fold(true, |sound, byte| sound & is_value_byte(*byte))
}

const fn is_value_byte(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

pub(super) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// A text for messages: control characters escaped, at most 80 characters.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(80)];
    String::from_utf8_lossy(cut).escape_debug().collect()
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = b'!';
    while byte < 0x7f {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
};

const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

const REASONS: [(u16, &str); 32] = [
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (204, "No Content"),
    (206, "Partial Content"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
];

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
