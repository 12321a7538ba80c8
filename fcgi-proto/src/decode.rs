//! Bytes into records: framing and nothing else.
//!
//! In comes a buffer that the caller fills from its socket, cut anywhere; out go whole records whose
//! content shares the memory of that buffer. Padding and the reserved byte are dropped here. Source:
//! FastCGI 1.0 section 3.3.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::ProtocolError;
use crate::header::{RecordHeader, RecordType};
use crate::parse;

/// One record without its padding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// What the record is.
    pub record_type: RecordType,
    /// The request that it belongs to, 0 for a management record.
    pub request_id: u16,
    /// Its content, 65535 bytes at most.
    pub content: Bytes,
}

/// Takes records from the front of a buffer.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use fcgi_proto::{Record, RecordDecoder, RecordType};
///
/// let mut decoder = RecordDecoder::new();
/// let mut input = BytesMut::from(&b"\x01\x05\x00\x01\x00\x05\x03\x00hel"[..]);
/// assert_eq!(decoder.decode(&mut input)?, None);
/// assert_eq!(decoder.missing(), 5);
///
/// input.extend_from_slice(b"lo\0\0\0");
/// let content = Bytes::from_static(b"hello");
/// let record = Record { record_type: RecordType::STDIN, request_id: 1, content };
/// assert_eq!(decoder.decode(&mut input)?, Some(record));
/// assert!(input.is_empty() && !decoder.is_mid_record());
/// # Ok::<(), fcgi_proto::ProtocolError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordDecoder {
    missing: usize,
}

impl RecordDecoder {
    /// Makes a decoder for the start of a connection.
    pub const fn new() -> Self {
        Self { missing: 0 }
    }

    /// Takes one whole record from `input`, or leaves it alone and returns `None` until more bytes have
    /// been appended. At most 65798 bytes have to be there for one record.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnsupportedVersion`]: the peer's fault. There is no way to find the next record.
    #[inline]
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Record>, ProtocolError> {
        let mut frames = Frames::new(input);
        if !frames.next(self)? {
            return Ok(None);
        }
        let RecordHeader { record_type, request_id, .. } = frames.header;
        Ok(Some(Record { record_type, request_id, content: frames.take_content() }))
    }

    /// The bytes that were missing at the last call: to the end of the record, or of its header. A hint for
    /// the size of the next read, 0 between records.
    pub const fn missing(&self) -> usize {
        self.missing
    }

    /// Whether the last call left a part of a record in the buffer.
    pub const fn is_mid_record(&self) -> bool {
        self.missing != 0
    }
}

/// Walks the whole records at the front of a buffer. What was walked over is gone from the buffer
/// afterwards: all at once, because each cut of a shared buffer costs as much as the reading of a header.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    /// The header of the present record.
    pub(crate) header: RecordHeader,
    input: &'a mut BytesMut,
    /// Where the content of the present record begins, and whether it is still there.
    content: usize,
    /// Where the next record begins.
    end: usize,
}

impl<'a> Frames<'a> {
    #[inline]
    pub(crate) fn new(input: &'a mut BytesMut) -> Self {
        Self { header: RecordHeader::NONE, input, content: 0, end: 0 }
    }

    /// Goes on to the next record, if it is there as a whole.
    #[inline]
    pub(crate) fn next(&mut self, decoder: &mut RecordDecoder) -> Result<bool, ProtocolError> {
        decoder.missing = 0;
        let rest = &self.input[self.end..];
        if rest.is_empty() {
            return Ok(false);
        }
        let Some(header) = parse::record_header(rest)? else {
            decoder.missing = RecordHeader::LEN - rest.len();
            return Ok(false);
        };
        decoder.missing = header.record_len().saturating_sub(rest.len());
        if decoder.missing != 0 {
            return Ok(false);
        }
        self.header = header;
        self.content = self.end + RecordHeader::LEN;
        self.end += header.record_len();
        Ok(true)
    }

    /// The content as an array, if it has just that length.
    pub(crate) fn body<const LEN: usize>(&self) -> Option<[u8; LEN]> {
        let content = self.input.get(self.content..)?;
        content.get(..usize::from(self.header.content_length))?.try_into().ok()
    }

    /// Splits the content off the buffer; it can be taken once.
    #[inline]
    pub(crate) fn take_content(&mut self) -> Bytes {
        let length = usize::from(self.header.content_length);
        if length == 0 {
            return Bytes::new();
        }
        self.input.advance(self.content);
        self.end -= self.content + length;
        self.content = 0;
        self.input.split_to(length).freeze()
    }
}

impl Drop for Frames<'_> {
    #[inline]
    fn drop(&mut self) {
        self.input.advance(self.end);
    }
}
