//! What is encoded can be decoded, and is the same.

use bytes::{Bytes, BytesMut};
use fcgi_proto::{
    BeginRequest, EndRequest, Flags, Limits, Params, ProtocolStatus, Record, RecordDecoder, RecordHeader,
    RecordType, RequestId, Role, UnknownType, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::{PARAMS, begin, events, feed, many, pairs, record, server};

/// A name or value, often around the lengths where its head grows, without NUL.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..8_usize, many(120)..many(135) + 1, many(250)..many(259) + 1, 0..many(2000)];
    length.prop_flat_map(|length| vec(1..=u8::MAX, length))
}

/// A length of a stream, often around that of the largest record.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..100_usize, many(65520)..many(65544) + 1, 0..many(300_000)]
}

fn decode_all(bytes: &[u8]) -> Vec<Record> {
    let mut input = BytesMut::from(bytes);
    let mut decoder = RecordDecoder::new();
    let records = std::iter::from_fn(|| decoder.decode(&mut input).unwrap()).collect();
    assert!(input.is_empty());
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

    #[test]
    fn headers(record_type: u8, request_id: u16, content_length: u16, padding_length: u8) {
        let record_type = RecordType(record_type);
        let header = RecordHeader { record_type, request_id, content_length, padding_length };
        prop_assert_eq!(RecordHeader::from_bytes(header.to_bytes()), Ok(header));
        let sum = 8 + usize::from(content_length) + usize::from(padding_length);
        prop_assert_eq!(header.record_len(), sum);
    }

    #[test]
    fn bodies(role: u16, flags: u8, app_status: u32, status: u8, record_type: u8) {
        let begin = BeginRequest { role: Role(role), flags: Flags(flags) };
        prop_assert_eq!(BeginRequest::from_bytes(begin.to_bytes()), begin);
        let end = EndRequest { app_status, protocol_status: ProtocolStatus(status) };
        prop_assert_eq!(EndRequest::from_bytes(end.to_bytes()), end);
        let unknown = UnknownType { record_type: RecordType(record_type) };
        prop_assert_eq!(UnknownType::from_bytes(unknown.to_bytes()), unknown);
    }

    #[test]
    fn records(record_type: u8, request_id: u16, content in vec(any::<u8>(), 0..many(70_000))) {
        let mut bytes = BytesMut::new();
        let result = encode::encode_record(&mut bytes, RecordType(record_type), request_id, &content);
        if content.len() > 65535 {
            prop_assert!(result.is_err() && bytes.is_empty());
        } else {
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(bytes.len() % 8, 0);
            let content = Bytes::from(content);
            let expected = Record { record_type: RecordType(record_type), request_id, content };
            prop_assert_eq!(decode_all(&bytes), vec![expected]);
        }
    }

    #[test]
    fn streams(length in length(), id in 1..=u16::MAX) {
        let content: Vec<u8> = (1..=u8::MAX).cycle().take(length).collect();
        let id = RequestId::new(id).unwrap();
        let mut bytes = BytesMut::new();
        encode::encode_stream(&mut bytes, RecordType::STDOUT, id, &content);
        let records = decode_all(&bytes);
        prop_assert!(records.iter().all(|record| record.request_id == id.value()));
        prop_assert!(records.iter().all(|record| !record.content.is_empty()));
        let joined: Vec<u8> = records.iter().flat_map(|record| record.content.clone()).collect();
        prop_assert_eq!(joined, content);

        let chunks = encode::stream_records(RecordType::STDOUT, id, length);
        prop_assert_eq!(chunks.len(), records.len());
        let mut at = 0;
        for chunk in chunks {
            prop_assert_eq!(chunk.content.start, at);
            prop_assert!(chunk.content.len() <= encode::MAX_ALIGNED_CONTENT && chunk.padding < 8);
            prop_assert_eq!((chunk.content.len() + chunk.padding) % 8, 0);
            at = chunk.content.end;
        }
        prop_assert_eq!(at, length);
    }

    #[test]
    fn params(list in vec((text(), text()), 0..12)) {
        let params: Params = list.iter().map(|(name, value)| (name, value)).collect();
        prop_assert_eq!(params.len(), list.len());
        let parsed = Params::parse(params.as_bytes().clone(), &Limits::default()).unwrap();
        prop_assert_eq!(&parsed, &params);
        let listed: Vec<_> = parsed.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(&listed, &list);
        for (name, _) in &list {
            let last = list.iter().rev().find(|(candidate, _)| candidate == name);
            let last = last.map(|(_, value)| &value[..]);
            prop_assert_eq!(parsed.get(name), last);
        }
    }

    #[test]
    fn params_cut_into_records_anywhere(
        list in vec((text(), text()), 1..6),
        cuts in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let params: Params = list.into_iter().collect();
        let raw = params.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(raw.len())).collect();
        places.extend([0, raw.len()]);
        places.sort_unstable();
        places.dedup();
        let mut bytes = begin(1, 1, 1);
        for place in places.windows(2) {
            bytes.extend(record(PARAMS, 1, &raw[place[0]..place[1]]));
        }
        bytes.extend(record(PARAMS, 1, b""));
        let mut connection = server(Limits::default());
        feed(&mut connection, &bytes).unwrap();
        let expected = format!("request 1 RESPONDER keep=true {}", pairs(&params));
        prop_assert_eq!(events(&mut connection), [expected]);
    }

    #[test]
    fn params_of_any_bytes_are_refused_or_read_to_their_last_byte(raw in vec(any::<u8>(), 0..200)) {
        let limits = Limits { max_params_bytes: 150, max_params_pairs: 10, ..Limits::default() };
        if let Ok(params) = Params::parse(Bytes::from(raw.clone()), &limits) {
            prop_assert!(raw.len() <= 150 && params.len() <= 10);
            prop_assert_eq!(params.iter().count(), params.len());
            prop_assert!(params.iter().all(|(name, value)| !name.contains(&0) && !value.contains(&0)));
        }
    }
}
