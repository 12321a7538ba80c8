//! FastCGI records, byte for byte, as FastCGI 1.0 sections 3.3, 3.4 and 8 draw them.

use std::io::{self, Read};

pub const BEGIN: u8 = 1;
pub const ABORT: u8 = 2;
pub const END: u8 = 3;
pub const PARAMS: u8 = 4;
pub const STDIN: u8 = 5;
pub const STDOUT: u8 = 6;
pub const STDERR: u8 = 7;
pub const DATA: u8 = 8;
pub const GET_VALUES: u8 = 9;
pub const GET_VALUES_RESULT: u8 = 10;
pub const UNKNOWN_TYPE: u8 = 11;

pub const RESPONDER: u16 = 1;
pub const AUTHORIZER: u16 = 2;
pub const FILTER: u16 = 3;

/// A record as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    pub kind: u8,
    pub id: u16,
    pub content: Vec<u8>,
}

impl Record {
    /// Reads one record; `None` at the end of the stream.
    pub fn read(source: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = [0; 8];
        if source.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        source.read_exact(&mut header[1..])?;
        let [version, kind, id1, id0, length1, length0, padding, _] = header;
        assert_eq!(version, 1, "a record of another version: {header:?}");
        let mut content = vec![0; usize::from(u16::from_be_bytes([length1, length0]))];
        source.read_exact(&mut content)?;
        source.read_exact(&mut vec![0; usize::from(padding)])?;
        Ok(Some(Self { kind, id: u16::from_be_bytes([id1, id0]), content }))
    }
}

/// One record, without padding.
pub fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

/// One record with so much padding, which is not zero.
pub fn padded(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let [id1, id0] = id.to_be_bytes();
    let [length1, length0] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut bytes = vec![1, kind, id1, id0, length1, length0, padding, 0];
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() + usize::from(padding), 0xaa);
    bytes
}

/// `BEGIN_REQUEST`.
pub fn begin(id: u16, role: u16, keep: bool) -> Vec<u8> {
    let [role1, role0] = role.to_be_bytes();
    record(BEGIN, id, &[role1, role0, u8::from(keep), 0, 0, 0, 0, 0])
}

/// A stream: records of at most `cut` bytes, and the empty one that ends it.
pub fn stream(kind: u8, id: u16, content: &[u8], cut: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = content.chunks(cut).flat_map(|chunk| record(kind, id, chunk)).collect();
    bytes.extend(record(kind, id, &[]));
    bytes
}

/// Name-value pairs.
pub fn pairs<T: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (T, T)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        put_length(&mut bytes, name.len());
        put_length(&mut bytes, value.len());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value);
    }
    bytes
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short @ 0..=127) => bytes.push(short),
        _ => bytes.extend((u32::try_from(length).unwrap() | 0x8000_0000).to_be_bytes()),
    }
}

/// Reads name-value pairs whose lengths are all below 128.
pub fn short_pairs(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let [name, value, rest @ ..] = bytes {
        let (name, rest) = rest.split_at(usize::from(*name));
        let (value, rest) = rest.split_at(usize::from(*value));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        found.push((text(name), text(value)));
        bytes = rest;
    }
    found
}
