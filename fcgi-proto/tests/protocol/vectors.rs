//! Bytes as the specification wants them, written out, each with what has to come of them.

use crate::common::{describe, events, feed, keys, multiplexed, pairs, record, sent, server};
use bytes::{Bytes, BytesMut};
use fcgi_proto::server::Disposition;
use fcgi_proto::{
    BeginRequest, EndRequest, Flags, Limits, Params, ParamsError, ProtocolError, ProtocolStatus, Record,
    RecordDecoder, RecordHeader, RecordType, RequestId, Role, client, encode, encode_pair,
};
use hex_literal::hex;

/// Decodes exactly one record.
fn one_record(bytes: &[u8]) -> Record {
    let mut input = BytesMut::from(bytes);
    let mut decoder = RecordDecoder::new();
    let record = decoder.decode(&mut input).unwrap().expect("a whole record");
    assert!(input.is_empty(), "{} bytes were left", input.len());
    record
}

fn parse(content: &[u8]) -> Result<Params, ParamsError> {
    Params::parse(Bytes::copy_from_slice(content), &Limits::default())
}

fn id(value: u16) -> RequestId {
    RequestId::new(value).unwrap()
}

const GET: [u8; 71] = hex!(
    "0101000100080000 0001000000000000 01040001001f0000 0e03524551554553 545f4d4554484f44
     4745540901504154 485f494e464f2f01 0400010000000001 05000100000000"
);

#[test]
fn vector_01_begin_responder() {
    let bytes = hex!("0101000100080000 0001000000000000");
    let record = one_record(&bytes);
    assert_eq!((record.record_type, record.request_id), (RecordType::BEGIN_REQUEST, 1));
    let body = BeginRequest::from_bytes(record.content[..].try_into().unwrap());
    assert_eq!((body.role, body.flags.keep_conn()), (Role::RESPONDER, false));
    assert_eq!(encode::begin_request(id(1), body), bytes);
}

#[test]
fn vector_02_begin_filter_with_odd_flag_and_padding() {
    let record = one_record(&hex!("0101010200080500 0003810000000000 0000000000"));
    assert_eq!(record.request_id, 258);
    let body = BeginRequest::from_bytes(record.content[..].try_into().unwrap());
    assert_eq!((body.role, body.flags), (Role::FILTER, Flags(0x81)));
    assert!(body.flags.keep_conn());
}

#[test]
fn vector_03_two_pairs() {
    let record = one_record(&hex!(
        "01040001002a0000 0b02534552564552 5f504f525438300b 0e5345525645525f
         414444523139392e 3137302e3138332e 3432"
    ));
    let params = parse(&record.content).unwrap();
    assert_eq!(pairs(&params), "SERVER_PORT=80;SERVER_ADDR=199.170.183.42;");
    let mut encoded = BytesMut::new();
    encode_pair(&mut encoded, b"SERVER_PORT", b"80");
    encode_pair(&mut encoded, b"SERVER_ADDR", b"199.170.183.42");
    assert_eq!(encoded, record.content);
}

#[test]
fn vector_04_lengths_of_one_and_four_bytes() {
    let cases: [(&[u8], usize, usize); 3] =
        [(&hex!("037f"), 3, 127), (&hex!("0380000080"), 3, 128), (&hex!("800000c88000012c"), 200, 300)];
    for (head, name_length, value_length) in cases {
        let (name, value) = (vec![b'n'; name_length], vec![b'v'; value_length]);
        let raw = [head, &name, &value].concat();
        assert_eq!(parse(&raw).unwrap().iter().next(), Some((&name[..], &value[..])));
        let mut encoded = BytesMut::new();
        encode_pair(&mut encoded, &name, &value);
        assert_eq!(encoded, raw);
    }
}

#[test]
fn vector_05_pair_cut_inside_a_length() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &hex!("0101000100080000 0001000000000000 0104000100030000 018000")).unwrap();
    assert_eq!(events(&mut connection), [""; 0]);
    let rest = [&hex!("0104000100850000 00824b")[..], &[b'v'; 130], &hex!("0104000100000000")].concat();
    feed(&mut connection, &rest).unwrap();
    let expected = format!("request 1 RESPONDER keep=false K={};", "v".repeat(130));
    assert_eq!(events(&mut connection), [expected]);
}

#[test]
fn vector_06_empty_values_and_long_forms_of_short_lengths() {
    let record = one_record(&hex!("0104000100140000 0500485454505300 0080000001800000 02416231"));
    assert_eq!(pairs(&parse(&record.content).unwrap()), "HTTPS=;=;A=b1;");
}

#[test]
fn vector_07_end_of_params() {
    let bytes = hex!("0104000100000000");
    assert_eq!(one_record(&bytes).record_type, RecordType::PARAMS);
    assert_eq!(encode::stream_end(RecordType::PARAMS, id(1)), bytes);
    let mut connection = server(Limits::default());
    feed(&mut connection, &hex!("0101000100080000 0001000000000000")).unwrap();
    feed(&mut connection, &bytes).unwrap();
    assert_eq!(events(&mut connection), ["request 1 RESPONDER keep=false "]);
}

#[test]
fn vector_08_stdin() {
    let bytes = hex!("0105000100050300 68656c6c6f000000");
    assert_eq!(one_record(&bytes).content, "hello");
    let mut encoded = BytesMut::new();
    encode::encode_stream(&mut encoded, RecordType::STDIN, id(1), b"hello");
    assert_eq!(encoded[..], bytes);
}

#[test]
fn vector_09_padding_on_an_empty_record() {
    let record = one_record(&hex!("0105000100000800 0000000000000000"));
    assert_eq!((record.record_type, record.content), (RecordType::STDIN, Bytes::new()));
}

#[test]
fn vector_10_whole_get() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &GET).unwrap();
    let expected = ["request 1 RESPONDER keep=false REQUEST_METHOD=GET;PATH_INFO=/;", "stdin-end 1"];
    assert_eq!(events(&mut connection), expected);
}

#[test]
fn vector_11_answer_in_one_write() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &GET).unwrap();
    let (keys, _) = keys(&mut connection);
    let answer = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhi";
    connection.stdout(keys[0], Bytes::from_static(answer.as_bytes())).unwrap();
    assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Close));
    let expected = hex!(
        "01060001002e0200 5374617475733a20 323030204f4b0d0a 436f6e74656e742d 547970653a207465
         78742f706c61696e 0d0a0d0a68690000 0106000100000000 0103000100080000 0000000000000000"
    );
    assert_eq!(connection.poll_transmit().as_deref(), Some(&expected[..]));
    assert_eq!(connection.poll_transmit(), None);
}

#[test]
fn vector_12_stderr_and_its_end() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &GET).unwrap();
    let (keys, _) = keys(&mut connection);
    connection.stderr(keys[0], Bytes::from_static(b"oops\n")).unwrap();
    assert_eq!(sent(&mut connection), hex!("0107000100050300 6f6f70730a000000"));
    connection.end_request(keys[0], 0).unwrap();
    let closing = hex!("0106000100000000 0107000100000000 0103000100080000 0000000000000000");
    assert_eq!(sent(&mut connection), closing);
}

#[test]
fn vector_13_end_with_a_status() {
    let bytes = hex!("0103000100080000 000003aa00000000");
    assert_eq!(encode::end_request(id(1), EndRequest::complete(938)), bytes);
    let body = EndRequest::from_bytes(one_record(&bytes).content[..].try_into().unwrap());
    assert_eq!(body, EndRequest::complete(938));
}

#[test]
fn vector_14_end_of_rejected_requests() {
    let cases = [
        (ProtocolStatus::CANT_MPX_CONN, hex!("0103000100080000 0000000001000000")),
        (ProtocolStatus::OVERLOADED, hex!("0103000100080000 0000000002000000")),
        (ProtocolStatus::UNKNOWN_ROLE, hex!("0103000100080000 0000000003000000")),
    ];
    for (status, bytes) in cases {
        assert_eq!(encode::end_request(id(1), EndRequest::rejected(status)), bytes);
        let body = EndRequest::from_bytes(one_record(&bytes).content[..].try_into().unwrap());
        assert_eq!(body.protocol_status, status);
    }
}

const QUERY_OF_ALL: [u8; 56] = hex!(
    "0109000000300000 0e00464347495f4d 41585f434f4e4e53 0d00464347495f4d 41585f524551530f
     00464347495f4d50 58535f434f4e4e53"
);

const RESULT_16_16_0: [u8; 64] = hex!(
    "010a000000350300 0e02464347495f4d 41585f434f4e4e53 31360d0246434749 5f4d41585f524551
     5331360f01464347 495f4d5058535f43 4f4e4e5330000000"
);

#[test]
fn vector_15_query_of_all_values() {
    let mut web_server = client::Connection::new(Limits::default());
    web_server.request_values();
    assert_eq!(web_server.poll_transmit().as_deref(), Some(&QUERY_OF_ALL[..]));
}

#[test]
fn vector_16_result_of_all_values() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &QUERY_OF_ALL).unwrap();
    assert_eq!(sent(&mut connection), RESULT_16_16_0);
    let mut web_server = client::Connection::new(Limits::default());
    web_server.handle_input(&mut BytesMut::from(&RESULT_16_16_0[..])).unwrap();
    let Some(client::Event::Values(values)) = web_server.poll_event() else { panic!("no values") };
    assert_eq!((values.max_conns, values.max_reqs, values.mpxs_conns), (Some(16), Some(16), Some(false)));
}

#[test]
fn vector_17_query_of_two_values_in_their_order() {
    let query = hex!("0109000000200000 0d00464347495f4d 41585f524551530f 00464347495f4d50 58535f434f4e4e53");
    let mut connection = server(multiplexed(8));
    feed(&mut connection, &query).unwrap();
    let result = hex!(
        "010a000000230500 0d02464347495f4d 41585f5245515331 360f01464347495f 4d5058535f434f4e
         4e53310000000000"
    );
    assert_eq!(sent(&mut connection), result);
}

#[test]
fn vector_18_unknown_value_gives_an_empty_result() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &hex!("0109000000070000 0500585f464f4f")).unwrap();
    assert_eq!(sent(&mut connection), hex!("010a000000000000"));
}

#[test]
fn vector_19_unknown_management_type() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &hex!("0163000000030500 6162630000000000")).unwrap();
    assert_eq!(sent(&mut connection), hex!("010b000000080000 6300000000000000"));
}

#[test]
fn vector_20_abort_while_running() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &GET).unwrap();
    let (keys, _) = keys(&mut connection);
    feed(&mut connection, &hex!("0102000100000000")).unwrap();
    assert_eq!(events(&mut connection), ["aborted 1"]);
    connection.end_request(keys[0], 0).unwrap();
    assert_eq!(sent(&mut connection), hex!("0106000100000000 0103000100080000 0000000000000000"));
}

const AUTHORIZER: [u8; 48] = hex!(
    "0101000100080000 0002000000000000 0104000100100000 0b0352454d4f5445 5f55534552626f62 0104000100000000"
);

#[test]
fn vector_21_authorizer_without_stdin() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &AUTHORIZER).unwrap();
    let expected = ["request 1 AUTHORIZER keep=false REMOTE_USER=bob;", "stdin-end 1"];
    assert_eq!(events(&mut connection), expected);
}

#[test]
fn vector_22_answer_of_an_authorizer() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &AUTHORIZER).unwrap();
    let (keys, _) = keys(&mut connection);
    let answer = "Status: 200 OK\r\nVariable-AUTH_METHOD: db\r\n\r\n";
    connection.stdout(keys[0], Bytes::from_static(answer.as_bytes())).unwrap();
    assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Close));
    let expected = hex!(
        "01060001002c0400 5374617475733a20 323030204f4b0d0a 5661726961626c65 2d415554485f4d45
         54484f443a206462 0d0a0d0a00000000 0106000100000000 0103000100080000 0000000000000000"
    );
    assert_eq!(sent(&mut connection), expected);
}

#[test]
fn vector_23_filter() {
    let bytes = hex!(
        "0101000100080000 0003000000000000 0104000100280000 1001464347495f44 4154415f4c454e47
         5448331201464347 495f444154415f4c 4153545f4d4f4430 0104000100000000 0105000100000000
         0108000100030000 6162630108000100 000000"
    );
    let mut connection = server(Limits::default());
    feed(&mut connection, &bytes).unwrap();
    let expected = [
        "request 1 FILTER keep=false FCGI_DATA_LENGTH=3;FCGI_DATA_LAST_MOD=0;",
        "stdin-end 1",
        "data 1 abc",
        "data-end 1",
    ];
    assert_eq!(events(&mut connection), expected);
}

#[test]
fn vector_24_second_begin_while_the_first_runs() {
    let second = hex!("0101000300080000 0001010000000000");
    let mut single = server(Limits::default());
    feed(&mut single, &GET).unwrap();
    feed(&mut single, &second).unwrap();
    assert_eq!(sent(&mut single), hex!("0103000300080000 0000000001000000"));
    assert_eq!(single.active_requests(), 1);

    let mut several = server(multiplexed(2));
    feed(&mut several, &GET).unwrap();
    feed(&mut several, &second).unwrap();
    assert_eq!(sent(&mut several), []);
    assert_eq!(several.active_requests(), 2);
}

#[test]
fn vector_25_unknown_role() {
    let mut connection = server(Limits::default());
    feed(&mut connection, &hex!("0101000500080000 0009010000000000")).unwrap();
    assert_eq!(sent(&mut connection), hex!("0103000500080000 0000000003000000"));
    assert!(connection.is_idle() && !connection.should_close());
}

#[test]
fn vector_26_largest_record() {
    let bytes = [&hex!("01060001ffffff00")[..], &vec![b'x'; 65535], &[0xee; 255]].concat();
    assert_eq!(bytes.len(), 65798);
    assert_eq!(RecordHeader::from_bytes(hex!("01060001ffffff00")).unwrap().record_len(), 65798);
    assert_eq!(one_record(&bytes).content.len(), 65535);
    let mut input = BytesMut::from(&bytes[..65797]);
    assert_eq!(RecordDecoder::new().decode(&mut input), Ok(None));
    assert_eq!(input.len(), 65797);
}

#[test]
fn vector_27_announced_lengths_beyond_the_limit() {
    let mut connection = server(Limits::default());
    let head = hex!("0101000100080000 0001010000000000");
    feed(&mut connection, &[&head[..], &hex!("01040001000c0000 ffffffffffffffff 41414141")].concat())
        .unwrap();
    let event = connection.poll_event().unwrap();
    assert_eq!(describe(&event), "rejected 1 ParamLengthTooLarge");
    let key = event.key().unwrap();
    assert_eq!(connection.end_request(key, 0), Ok(Disposition::Drain { close: true }));
    assert!(connection.should_close());
}

#[test]
fn vector_28_what_ends_a_connection_and_what_does_not() {
    let error = |bytes: &[u8]| feed(&mut server(Limits::default()), bytes).unwrap_err();
    assert_eq!(error(&hex!("0201")), ProtocolError::UnsupportedVersion { version: 2 });
    let short_begin = ProtocolError::BodyLength { name: "BEGIN_REQUEST", length: 4 };
    assert_eq!(error(&hex!("0101000100040000 00010000")), short_begin);
    let null_id = ProtocolError::NullRequestId { name: "BEGIN_REQUEST" };
    assert_eq!(error(&hex!("0101000000080000 0001000000000000")), null_id);
    assert_eq!(one_record(&hex!("01050001000000aa")), one_record(&record(5, 1, b"")));
}
