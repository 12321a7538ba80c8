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
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Record>, ProtocolError> {
        let Some(mut frame) = self.frame(input)? else { return Ok(None) };
        let RecordHeader { record_type, request_id, .. } = frame.header;
        let content = frame.take_content();
        frame.finish();
        Ok(Some(Record { record_type, request_id, content }))
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

    /// Finds one whole record at the front of `input`.
    pub(crate) fn frame<'a>(&mut self, input: &'a mut BytesMut) -> Result<Option<Frame<'a>>, ProtocolError> {
        self.missing = 0;
        if input.is_empty() {
            return Ok(None);
        }
        let Some(header) = parse::record_header(input)? else {
            self.missing = RecordHeader::LEN - input.len();
            return Ok(None);
        };
        self.missing = header.record_len().saturating_sub(input.len());
        if self.missing != 0 {
            return Ok(None);
        }
        input.advance(RecordHeader::LEN);
        Ok(Some(Frame { header, input, left: header.record_len() - RecordHeader::LEN }))
    }
}

/// A whole record at the front of a buffer, its header already taken.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The header.
    pub(crate) header: RecordHeader,
    input: &'a mut BytesMut,
    left: usize,
}

impl Frame<'_> {
    /// The content as an array, if it has just that length.
    pub(crate) fn body<const LEN: usize>(&self) -> Option<[u8; LEN]> {
        self.input.get(..usize::from(self.header.content_length))?.try_into().ok()
    }

    /// Splits the content off the buffer; a second call has nothing to give.
    pub(crate) fn take_content(&mut self) -> Bytes {
        let length = self.left - usize::from(self.header.padding_length);
        self.left -= length;
        match length {
            0 => Bytes::new(),
            _ => self.input.split_to(length).freeze(),
        }
    }

    /// Drops what is left of the record.
    pub(crate) fn finish(self) {
        self.input.advance(self.left);
    }
}
