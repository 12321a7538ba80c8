//! Reading a response head, for those who stand where the web server stands: the preview front and the CGI bridge.
//!
//! In comes the start of the STDOUT stream, as much as has arrived; out go the status, the headers and the length of
//! the head once it is whole. Lines may end in CRLF or LF. What an HTTP server would do with the answer (local
//! redirects, dates, connection headers) is not decided here.
//!
//! Source: RFC 3875 section 6.

use super::head::{HeadError, is_token_byte, parse_status, reason_phrase, shown};

/// The longest head that is read, in bytes: 64 KiB.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// A response head that has been read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CgiHead {
    /// The code of `Status`; without that header 302 if there is a `Location`, else 200.
    pub status: u16,
    /// The text of `Status`, or the usual one for the code.
    pub reason: Vec<u8>,
    /// The other headers in their order, values without surrounding blanks.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl CgiHead {
    /// The value of the first header of this name, in whatever letter case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }
}

/// Reads the head at the start of `input`: `None` as long as its blank line has not arrived, then the head and its
/// length, behind which the body begins.
///
/// # Errors
///
/// The application is at fault: [`HeadError::TooLong`] beyond [`HEAD_LIMIT`], [`HeadError::Empty`],
/// [`HeadError::Line`] and those of a status or a name.
pub fn parse_cgi_head(input: &[u8]) -> Result<Option<(CgiHead, usize)>, HeadError> {
    let window = &input[..input.len().min(HEAD_LIMIT)];
    let mut head = CgiHead { status: 0, reason: Vec::new(), headers: Vec::new() };
    let mut start = 0;
    while let Some(length) = window[start..].iter().position(|byte| *byte == b'\n') {
        let line = &window[start..start + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        start += length + 1;
        if line.is_empty() {
            return finish(head).map(|head| Some((head, start)));
        }
        read_line(&mut head, line)?;
    }
    if input.len() >= HEAD_LIMIT { Err(HeadError::TooLong(HEAD_LIMIT)) } else { Ok(None) }
}

fn read_line(head: &mut CgiHead, line: &[u8]) -> Result<(), HeadError> {
    let fault = || HeadError::Line(shown(line));
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(fault)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte)) {
        return Err(fault());
    }
    super::head::check_header_value(value).map_err(|_| fault())?;
    if name.eq_ignore_ascii_case(b"status") {
        (head.status, head.reason) = read_status(value)?;
    } else {
        head.headers.push((name.to_vec(), value.to_vec()));
    }
    Ok(())
}

/// Reads the value of `Status`, in which the reason may be missing.
fn read_status(value: &[u8]) -> Result<(u16, Vec<u8>), HeadError> {
    let spaced = [value, b" "].concat();
    let status = parse_status(if value.len() == 3 { &spaced } else { value })?;
    let usual = || reason_phrase(status.code).as_bytes();
    Ok((status.code, if status.reason.is_empty() { usual() } else { status.reason }.to_vec()))
}

fn finish(mut head: CgiHead) -> Result<CgiHead, HeadError> {
    if head.status == 0 {
        if head.headers.is_empty() {
            return Err(HeadError::Empty);
        }
        head.status = if head.header("location").is_some() { 302 } else { 200 };
        head.reason = reason_phrase(head.status).as_bytes().to_vec();
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CgiHead, HEAD_LIMIT, parse_cgi_head};
    use crate::cgi::head::HeadError;

    fn head(status: u16, reason: &str, headers: &[(&str, &str)]) -> CgiHead {
        let headers =
            headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        CgiHead { status, reason: reason.as_bytes().to_vec(), headers: headers.collect() }
    }

    /// A head, and what it is read as.
    fn rows() -> Vec<(&'static str, CgiHead)> {
        vec![
            (
                "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n",
                head(200, "OK", &[("Content-Type", "text/plain")]),
            ),
            ("Content-Type:text/plain\n\n", head(200, "OK", &[("Content-Type", "text/plain")])),
            (
                "A: 1\r\nSTATUS: 404 Gone Fishing\nA: 2\r\n\n",
                head(404, "Gone Fishing", &[("A", "1"), ("A", "2")]),
            ),
            ("Status: 503\r\n\r\n", head(503, "Service Unavailable", &[])),
            ("Status: 201 \r\n\r\n", head(201, "Created", &[])),
            ("location: /there\r\n\r\n", head(302, "Found", &[("location", "/there")])),
            ("Location: /x\nStatus: 301 Moved\n\n", head(301, "Moved", &[("Location", "/x")])),
            ("X:\t a: b \r\n\r\n", head(200, "OK", &[("X", "a: b")])),
            ("X:\r\n\r\n", head(200, "OK", &[("X", "")])),
        ]
    }

    #[test]
    fn heads_are_read_whole_and_cut_anywhere() {
        for (text, expected) in rows() {
            let input = format!("{text}body\r\n\r\n");
            for cut in 0..text.len() {
                assert_eq!(parse_cgi_head(&input.as_bytes()[..cut]), Ok(None), "{text:?} cut at {cut}");
            }
            for cut in text.len()..=input.len() {
                let found = parse_cgi_head(&input.as_bytes()[..cut]);
                assert_eq!(found, Ok(Some((expected.clone(), text.len()))), "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn headers_are_found_in_any_letter_case() {
        let (head, _) = parse_cgi_head(b"X-A: 1\nx-a: 2\n\n").unwrap().unwrap();
        assert_eq!(head.header("x-A"), Some(b"1".as_slice()));
        assert_eq!(head.header("x-b"), None);
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for text in [
            "hello world\n\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            ": x\r\n\r\n",
            "A B: x\r\n\r\n",
            " A: x\r\n\r\n",
            "A: x\r\n folded\r\n\r\n",
            "A: x\0y\r\n\r\n",
            "A: x\ry\r\n\r\n",
        ] {
            assert!(matches!(parse_cgi_head(text.as_bytes()), Err(HeadError::Line(_))), "{text:?}");
        }
        assert_eq!(parse_cgi_head(b"\r\nA: x\r\n\r\n"), Err(HeadError::Empty));
        assert_eq!(parse_cgi_head(b"Status: fine\r\n\r\n"), Err(HeadError::Status("fine".to_owned())));
    }

    #[test]
    fn an_endless_head_is_refused_at_the_limit() {
        let mut input = b"A: ".to_vec();
        input.resize(HEAD_LIMIT - 1, b'x');
        assert_eq!(parse_cgi_head(&input), Ok(None));
        input.extend_from_slice(b"x\r\n\r\n");
        assert_eq!(parse_cgi_head(&input), Err(HeadError::TooLong(HEAD_LIMIT)));
    }

    #[test]
    fn a_head_of_just_the_limit_is_read() {
        let mut input = b"A: ".to_vec();
        input.resize(HEAD_LIMIT - 4, b'x');
        input.extend_from_slice(b"\r\n\r\nbody");
        assert_eq!(parse_cgi_head(&input).unwrap().unwrap().1, HEAD_LIMIT);
    }

    proptest! {
        #[test]
        fn any_head_cut_anywhere_is_read_alike(
            headers in proptest::collection::vec(("[!-9;-~]{1,9}", "[ -~\t]{0,20}"), 1..6),
            newline in "\r?\n",
            body in proptest::collection::vec(any::<u8>(), 0..20),
            cut in any::<proptest::sample::Index>(),
        ) {
            let lines = headers.iter().map(|(name, value)| format!("{name}: {value}{newline}"));
            let mut input = lines.collect::<String>().into_bytes();
            input.extend_from_slice(newline.as_bytes());
            let length = input.len();
            input.extend_from_slice(&body);
            let whole = parse_cgi_head(&input);
            if let Ok(Some((_, found))) = &whole {
                prop_assert_eq!(*found, length);
            }
            let cut = cut.index(input.len() + 1);
            let part = parse_cgi_head(&input[..cut]);
            if cut >= length {
                prop_assert_eq!(part, whole);
            } else if whole.is_ok() {
                prop_assert_eq!(part, Ok(None));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((head, length))) = parse_cgi_head(&input) {
                prop_assert!(length <= input.len());
                prop_assert!((100..=999).contains(&head.status));
            }
        }
    }
}
