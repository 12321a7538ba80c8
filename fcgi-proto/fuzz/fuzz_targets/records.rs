//! Bytes to records, and records back to bytes.
#![no_main]

use bytes::BytesMut;
use fcgi_proto::{ProtocolError, Record, RecordDecoder, encode};
use libfuzzer_sys::fuzz_target;

/// Decodes pieces until they are used up or an error comes.
fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Record>, Option<ProtocolError>) {
    let (mut decoder, mut input, mut records) = (RecordDecoder::new(), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(record)) => records.push(record),
                Ok(None) => break,
                Err(error) => return (records, Some(error)),
            }
        }
        assert_eq!(decoder.is_mid_record(), !input.is_empty());
    }
    (records, None)
}

fuzz_target!(|data: &[u8]| {
    let whole = decode(std::iter::once(data));
    assert_eq!(decode(data.chunks(1)), whole);
    let mut encoded = BytesMut::new();
    for record in &whole.0 {
        encode::encode_record(&mut encoded, record.record_type, record.request_id, &record.content)
            .expect("what came out of a record fits in one");
    }
    assert_eq!(decode(std::iter::once(&encoded[..])), (whole.0, None));
});
