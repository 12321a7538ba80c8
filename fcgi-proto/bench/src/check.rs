//! Reads what was sent without any crate that is measured, to see that it says what it should.

use std::collections::BTreeMap;

use crate::inputs::{END_REQUEST, PARAMS, Pair, STDERR, STDIN, STDOUT};

/// The content of the streams of one request or answer, however it was cut and padded.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// The pairs, in the order of their names.
    pub pairs: BTreeMap<String, String>,
    /// The whole of STDIN.
    pub stdin: Vec<u8>,
    /// The whole of STDOUT.
    pub stdout: Vec<u8>,
    /// Whether STDIN or STDOUT was ended by an empty record.
    pub ended: bool,
    /// The body of `END_REQUEST`, if there was one.
    pub end: Option<Vec<u8>>,
}

/// Reads what was sent for one request.
pub fn sent(mut wire: &[u8]) -> Sent {
    let mut sent = Sent::default();
    let mut params = Vec::new();
    while let [1, record_type, 0, 1, length1, length0, padding, _, rest @ ..] = wire {
        let length = usize::from(u16::from_be_bytes([*length1, *length0]));
        let (content, rest) = rest.split_at(length);
        match *record_type {
            PARAMS => params.extend_from_slice(content),
            STDIN => sent.stdin.extend_from_slice(content),
            STDOUT => sent.stdout.extend_from_slice(content),
            STDERR => assert!(content.is_empty(), "nobody wrote to STDERR"),
            END_REQUEST => sent.end = Some(content.to_vec()),
            _ => {}
        }
        sent.ended |= matches!(*record_type, STDIN | STDOUT) && content.is_empty();
        wire = &rest[usize::from(*padding)..];
    }
    assert!(wire.is_empty(), "{} bytes are no record", wire.len());
    sent.pairs = pairs(&params);
    sent
}

/// What a request should say.
pub fn request(pairs: &[Pair], stdin: &[u8]) -> Sent {
    Sent { pairs: pairs.iter().cloned().collect(), stdin: stdin.to_vec(), ended: true, ..Sent::default() }
}

/// What an answer should say.
pub fn answer(stdout: &[u8]) -> Sent {
    Sent { stdout: stdout.to_vec(), ended: true, end: Some(vec![0; 8]), ..Sent::default() }
}

fn pairs(mut content: &[u8]) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    while !content.is_empty() {
        let lengths = [take_length(&mut content), take_length(&mut content)];
        let [name, value] = lengths.map(|length| {
            let (bytes, rest) = content.split_at(length);
            content = rest;
            String::from_utf8(bytes.to_vec()).unwrap()
        });
        pairs.insert(name, value);
    }
    pairs
}

fn take_length(content: &mut &[u8]) -> usize {
    let long = content[0] & 0x80 != 0;
    let (bytes, rest) = content.split_at(if long { 4 } else { 1 });
    *content = rest;
    bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)) & 0x7fff_ffff
}
