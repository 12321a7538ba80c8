//! The codec for framed streams, where its feature is on.
#![cfg(feature = "codec")]

use bytes::{Bytes, BytesMut};
use fcgi_proto::{CodecError, ProtocolError, Record, RecordCodec, RecordType, UsageError};
use tokio_util::codec::{Decoder, Encoder};

#[test]
fn records_are_decoded_however_they_arrive() {
    let bytes = b"\x01\x05\x00\x01\x00\x05\x03\x00hello\xee\xee\xee\x01\x05\x00\x01\x00\x00\x00\x00";
    for step in 1..bytes.len() {
        let (mut codec, mut input, mut contents) = (RecordCodec::default(), BytesMut::new(), Vec::new());
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            while let Some(record) = codec.decode(&mut input).unwrap() {
                assert_eq!((record.record_type, record.request_id), (RecordType::STDIN, 1));
                contents.push(record.content);
            }
        }
        assert_eq!(contents, ["hello", ""], "{step} bytes at a time");
        assert_eq!(codec.decode_eof(&mut input).unwrap(), None);
    }
}

#[test]
fn a_stream_that_ends_inside_a_record_is_an_error() {
    let mut input = BytesMut::from(&b"\x01\x05\x00\x01\x00\x05\x03\x00hel"[..]);
    let mut codec = RecordCodec::default();
    assert_eq!(codec.decode(&mut input).unwrap(), None);
    assert!(matches!(codec.decode_eof(&mut input), Err(CodecError::Io(_))));
}

#[test]
fn errors_say_whose_they_are() {
    let mut codec = RecordCodec::default();
    let error = codec.decode(&mut BytesMut::from(&b"\x02"[..])).unwrap_err();
    assert!(matches!(error, CodecError::Protocol(ProtocolError::UnsupportedVersion { version: 2 })));
    let content = Bytes::from(vec![0; 65536]);
    let record = Record { record_type: RecordType::STDOUT, request_id: 1, content };
    let mut out = BytesMut::new();
    let error = codec.encode(record, &mut out).unwrap_err();
    assert!(matches!(error, CodecError::Usage(UsageError::ContentTooLong { length: 65536 })));
    assert!(out.is_empty());
}
