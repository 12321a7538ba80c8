//! Records over tokio's framed streams, for those who want no connection state. Behind the feature `codec`.

use bytes::BytesMut;
use thiserror::Error;
use tokio_util::codec::{Decoder, Encoder};

use crate::decode::{Record, RecordDecoder};
use crate::encode::encode_record;
use crate::error::{ProtocolError, UsageError};

/// Reads and writes [`Record`]s, written ones padded to multiples of eight.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use fcgi_proto::{Record, RecordCodec, RecordType};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let content = Bytes::from_static(b"hello");
/// let record = Record { record_type: RecordType::STDIN, request_id: 1, content };
/// let mut bytes = BytesMut::new();
/// RecordCodec::default().encode(record.clone(), &mut bytes)?;
/// assert_eq!(&bytes[..], b"\x01\x05\0\x01\0\x05\x03\0hello\0\0\0");
/// assert_eq!(RecordCodec::default().decode(&mut bytes)?, Some(record));
/// # Ok::<(), fcgi_proto::CodecError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordCodec {
    decoder: RecordDecoder,
}

impl Decoder for RecordCodec {
    type Item = Record;
    type Error = CodecError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Record>, CodecError> {
        let record = self.decoder.decode(input)?;
        if record.is_none() {
            input.reserve(self.decoder.missing());
        }
        Ok(record)
    }
}

impl Encoder<Record> for RecordCodec {
    type Error = CodecError;

    fn encode(&mut self, record: Record, out: &mut BytesMut) -> Result<(), CodecError> {
        Ok(encode_record(out, record.record_type, record.request_id, &record.content)?)
    }
}

/// What can go wrong on a framed stream.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The peer's records cannot be read.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The caller's record cannot be written.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
}
