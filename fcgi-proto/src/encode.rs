//! Records into bytes: streams cut to size, padded to multiples of eight, and closed.
//!
//! Two doors lead out. Callers who write to a socket themselves take [`stream_records`], [`stream_end`] and
//! [`end_request`], which give headers and ranges and leave the payload where it is. The others append
//! whole records to a `BytesMut`. A length beyond 65535 cannot get into a header, and reserved and padding
//! bytes are zero. Source: FastCGI 1.0 sections 3.3 and 5.

use std::iter::FusedIterator;
use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::body::{BeginRequest, EndRequest, UnknownType};
use crate::error::UsageError;
use crate::header::{RecordHeader, RecordType, RequestId};

/// The most that [`stream_records`] puts into one record: the largest multiple of eight that a record can
/// hold.
pub const MAX_ALIGNED_CONTENT: usize = 65528;

/// Bytes to pad with: a chunk's padding is `&PADDING[..chunk.padding]`.
pub const PADDING: [u8; 8] = [0; 8];

/// One record of a stream whose content lies in the caller's memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamChunk {
    /// The header to write first.
    pub header: [u8; RecordHeader::LEN],
    /// The part of the caller's content that follows.
    pub content: Range<usize>,
    /// The number of bytes of padding that come last, 0 to 7.
    pub padding: usize,
}

/// Cuts `len` bytes of a stream into records. No bytes give no record, because an empty one would end the
/// stream.
///
/// ```
/// use fcgi_proto::encode::{PADDING, stream_records};
/// use fcgi_proto::{RecordType, RequestId};
///
/// let content = b"hello";
/// let mut out = Vec::new();
/// for chunk in stream_records(RecordType::STDOUT, RequestId::ONE, content.len()) {
///     out.extend_from_slice(&chunk.header);
///     out.extend_from_slice(&content[chunk.content]);
///     out.extend_from_slice(&PADDING[..chunk.padding]);
/// }
/// assert_eq!(out, b"\x01\x06\x00\x01\x00\x05\x03\x00hello\0\0\0");
/// ```
pub const fn stream_records(record_type: RecordType, id: RequestId, len: usize) -> StreamRecords {
    StreamRecords { record_type, id, at: 0, len }
}

/// The records of one piece of a stream, made by [`stream_records`].
#[derive(Clone, Debug)]
pub struct StreamRecords {
    record_type: RecordType,
    id: RequestId,
    at: usize,
    len: usize,
}

impl Iterator for StreamRecords {
    type Item = StreamChunk;

    fn next(&mut self) -> Option<StreamChunk> {
        let length = (self.len - self.at).min(MAX_ALIGNED_CONTENT);
        let content_length = u16::try_from(length).ok().filter(|length| *length != 0)?;
        let padding_length = padding_of(content_length);
        let header = header(self.record_type, self.id.value(), content_length, padding_length);
        let content = self.at..self.at + length;
        self.at = content.end;
        Some(StreamChunk { header, content, padding: usize::from(padding_length) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = (self.len - self.at).div_ceil(MAX_ALIGNED_CONTENT);
        (count, Some(count))
    }
}

impl ExactSizeIterator for StreamRecords {}

impl FusedIterator for StreamRecords {}

/// The empty record that ends a stream.
pub const fn stream_end(record_type: RecordType, id: RequestId) -> [u8; RecordHeader::LEN] {
    header(record_type, id.value(), 0, 0)
}

/// The record that ends a request.
///
/// ```
/// use fcgi_proto::{EndRequest, RequestId, encode};
///
/// let record = encode::end_request(RequestId::ONE, EndRequest::complete(938));
/// assert_eq!(record, [1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0x03, 0xaa, 0, 0, 0, 0]);
/// ```
pub const fn end_request(id: RequestId, end: EndRequest) -> [u8; 16] {
    fixed(RecordType::END_REQUEST, id.value(), end.to_bytes())
}

/// The record that begins a request.
pub const fn begin_request(id: RequestId, begin: BeginRequest) -> [u8; 16] {
    fixed(RecordType::BEGIN_REQUEST, id.value(), begin.to_bytes())
}

/// The record that asks for the early end of a request.
pub const fn abort_request(id: RequestId) -> [u8; RecordHeader::LEN] {
    header(RecordType::ABORT_REQUEST, id.value(), 0, 0)
}

/// The record that answers a management record of unknown type.
pub const fn unknown_type(unknown: UnknownType) -> [u8; 16] {
    fixed(RecordType::UNKNOWN_TYPE, 0, unknown.to_bytes())
}

/// Appends the record that begins a request.
pub fn encode_begin(out: &mut BytesMut, id: RequestId, begin: BeginRequest) {
    out.put_slice(&begin_request(id, begin));
}

/// Appends a piece of a stream, copied, cut and padded. It does not end the stream, and an empty piece adds
/// nothing.
pub fn encode_stream(out: &mut BytesMut, record_type: RecordType, id: RequestId, content: &[u8]) {
    let records = stream_records(record_type, id, content.len());
    out.reserve(content.len() + records.len() * (RecordHeader::LEN + PADDING.len()));
    for chunk in records {
        out.put_slice(&chunk.header);
        out.put_slice(&content[chunk.content]);
        out.put_bytes(0, chunk.padding);
    }
}

/// Appends the empty record that ends a stream.
pub fn encode_stream_end(out: &mut BytesMut, record_type: RecordType, id: RequestId) {
    out.put_slice(&stream_end(record_type, id));
}

/// Appends the record that ends a request.
pub fn encode_end(out: &mut BytesMut, id: RequestId, end: EndRequest) {
    out.put_slice(&end_request(id, end));
}

/// Appends one record with any content, padded to a multiple of eight.
///
/// # Errors
///
/// [`UsageError::ContentTooLong`] if the content does not fit in one record. Nothing is appended then.
pub fn encode_record(
    out: &mut BytesMut,
    record_type: RecordType,
    id: u16,
    content: &[u8],
) -> Result<(), UsageError> {
    let content_length =
        u16::try_from(content.len()).map_err(|_| UsageError::ContentTooLong { length: content.len() })?;
    let padding_length = padding_of(content_length);
    out.reserve(RecordHeader::LEN + content.len() + usize::from(padding_length));
    out.put_slice(&header(record_type, id, content_length, padding_length));
    out.put_slice(content);
    out.put_bytes(0, usize::from(padding_length));
    Ok(())
}

const fn header(
    record_type: RecordType,
    request_id: u16,
    content_length: u16,
    padding_length: u8,
) -> [u8; RecordHeader::LEN] {
    RecordHeader { record_type, request_id, content_length, padding_length }.to_bytes()
}

const fn fixed(record_type: RecordType, request_id: u16, body: [u8; 8]) -> [u8; 16] {
    let [h0, h1, h2, h3, h4, h5, h6, h7] = header(record_type, request_id, 8, 0);
    let [b0, b1, b2, b3, b4, b5, b6, b7] = body;
    [h0, h1, h2, h3, h4, h5, h6, h7, b0, b1, b2, b3, b4, b5, b6, b7]
}

/// The bytes that make `content_length` a multiple of eight, 0 to 7.
const fn padding_of(content_length: u16) -> u8 {
    content_length.wrapping_neg().to_be_bytes()[1] & 7
}
