//! Response heads: any bytes as a head that is read, and as what an application says that is to be written.
#![no_main]

use fcgi_runner_fuzz::cgi::answer::{CgiHead, HEAD_LIMIT, parse_cgi_head};
use fcgi_runner_fuzz::cgi::head::{
    HeadError, check_header, is_hop_by_hop, parse_content_length, parse_status, reason_phrase, write_head,
};
use fcgi_runner_fuzz::{assert_one_line, fields};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data);
    write(&fields(data));
});

/// Reads a head, cuts it anywhere, adds to it, and writes what was read again.
fn read(input: &[u8]) {
    match parse_cgi_head(input) {
        Ok(Some((head, length))) => {
            assert!(length <= input.len().min(HEAD_LIMIT) && input[length - 1] == b'\n');
            assert!((100..=999).contains(&head.status));
            assert_eq!(parse_cgi_head(&input[..length]), Ok(Some((head.clone(), length))));
            for cut in (0..length).step_by(length / 50 + 1) {
                assert_eq!(parse_cgi_head(&input[..cut]), Ok(None), "cut at {cut}");
            }
            write_again(&head);
        }
        Ok(None) => {
            assert!(input.len() < HEAD_LIMIT);
            let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
            lines.pop();
            assert!(lines.iter().all(|line| !matches!(line, [] | [b'\r'])), "a blank line was not seen");
        }
        Err(error) => {
            assert_one_line(&error.to_string());
            let more = [input, b"\r\nA: b\r\n\r\nbody"].concat();
            if !matches!(error, HeadError::TooLong(_)) {
                assert_eq!(parse_cgi_head(&more), Err(error), "more bytes mend nothing");
            }
        }
    }
}

/// What was read is sound enough to be written, and is read back as it was.
fn write_again(head: &CgiHead) {
    let status = [head.status.to_string().as_bytes(), b" ", &head.reason].concat();
    let kept: Vec<_> = head.headers.iter().filter(|(name, _)| !is_hop_by_hop(name)).cloned().collect();
    let mut out = Vec::new();
    write_head(&mut out, parse_status(&status).expect("a status that was read"), kept.iter().cloned())
        .expect("headers that were read");
    let expected = CgiHead { headers: kept, ..head.clone() };
    if out.len() <= HEAD_LIMIT {
        assert_eq!(parse_cgi_head(&out), Ok(Some((expected, out.len()))));
    }
}

/// Writes a head: the first field is the status, the others are names and values by turns.
fn write(fields: &[&[u8]]) {
    let Some((status, rest)) = fields.split_first() else { return };
    let headers: Vec<(&[u8], &[u8])> = rest.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length")).for_each(length);
    let status = match parse_status(status) {
        Ok(status) => status,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    let mut out = b"before".to_vec();
    if let Err(error) = write_head(&mut out, status, headers.iter().copied()) {
        assert_one_line(&error.to_string());
        assert_eq!(out, b"before");
        assert!(headers.iter().any(|(name, value)| check_header(name, value).is_err()));
        return;
    }
    let written = out.strip_prefix(b"before").expect("what was there before");
    assert_lines(written, headers.len());
    let reason = match status.reason.trim_ascii_end() {
        b"" => reason_phrase(status.code).as_bytes(),
        reason => reason,
    };
    let headers = headers.iter().map(|(name, value)| (name.to_vec(), value.trim_ascii().to_vec()));
    let expected = CgiHead { status: status.code, reason: reason.to_vec(), headers: headers.collect() };
    if written.len() <= HEAD_LIMIT {
        assert_eq!(parse_cgi_head(written), Ok(Some((expected, written.len()))));
    }
}

/// The status, a line for each header and nothing else, and no byte that a web server could take for another line.
fn assert_lines(head: &[u8], headers: usize) {
    let head = std::str::from_utf8(head).map_or_else(|_| latin1(head), str::to_owned);
    let lines: Vec<&str> = head.strip_suffix("\r\n\r\n").expect("a blank line").split("\r\n").collect();
    assert_eq!(lines.len(), headers + 1, "{lines:?}");
    assert!(lines[0].starts_with("Status: "));
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])), "{lines:?}");
    for line in &lines[1..] {
        let (name, _) = line.split_once(": ").expect("name and value");
        let name = name.to_ascii_lowercase();
        assert!(name != "status" && name != "transfer-encoding" && name != "connection", "{line:?}");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A length is plain digits up to `i64`, blanks around them aside.
fn length((_, value): &(&[u8], &[u8])) {
    let text = std::str::from_utf8(value.trim_ascii()).unwrap_or("no text");
    let plain = text.starts_with(|first: char| first.is_ascii_digit());
    let expected = text.parse::<i64>().ok().filter(|_| plain).map(i64::unsigned_abs);
    assert_eq!(parse_content_length(value).ok(), expected);
}
