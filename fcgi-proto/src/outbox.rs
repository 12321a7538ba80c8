//! What waits to be written, in pieces that the caller takes one at a time.
//!
//! Small things are gathered in one piece, large payloads pass through without a copy. Nothing is ever sent
//! from here.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::encode::{stream_end, stream_records};
use crate::header::{RecordHeader, RecordType, RequestId};

/// Bytes to be written, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Bytes>,
    gathered: BytesMut,
}

impl Outbox {
    /// Appends a copy of `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.gathered.put_slice(bytes);
    }

    /// Lends the piece that is being gathered, to append whole records to.
    pub(crate) fn gather(&mut self) -> &mut BytesMut {
        &mut self.gathered
    }

    /// Appends a piece of a stream, cut into records and padded.
    pub(crate) fn push_stream(&mut self, record_type: RecordType, id: RequestId, data: &Bytes) {
        self.gathered.reserve(RecordHeader::LEN + data.len().min(COPIED_BELOW) + ROOM_FOR_END);
        for chunk in stream_records(record_type, id, data.len()) {
            self.gathered.put_slice(&chunk.header);
            if chunk.content.len() < COPIED_BELOW {
                self.gathered.put_slice(&data[chunk.content]);
            } else {
                self.pieces.push_back(self.gathered.split().freeze());
                self.pieces.push_back(data.slice(chunk.content));
            }
            self.gathered.put_bytes(0, chunk.padding);
        }
    }

    /// Appends the end of a stream.
    pub(crate) fn push_stream_end(&mut self, record_type: RecordType, id: RequestId) {
        self.push(&stream_end(record_type, id));
    }

    /// Takes the next piece.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        match self.pieces.pop_front() {
            None if self.gathered.is_empty() => None,
            None => Some(self.gathered.split().freeze()),
            piece => piece,
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.gathered.is_empty()
    }
}

/// Payloads shorter than this are copied beside their header: one piece is cheaper to write than three.
const COPIED_BELOW: usize = 1024;

/// The bytes that nearly always follow a piece of a stream: its padding, its end, and the end of the
/// request.
const ROOM_FOR_END: usize = 40;
