//! The parts of fcgi-proto by themselves, which no other crate offers: records, parameters, encoding.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use fcgi_proto::encode::{self, PADDING};
use fcgi_proto::{EndRequest, Limits, Params, RecordDecoder, RecordType, RequestId};
use fcgi_proto_bench::inputs::{self, LARGE};
use fcgi_proto_bench::{check, criterion};

fn main() {
    let mut criterion = criterion();
    decode(&mut criterion);
    params(&mut criterion);
    encode(&mut criterion);
    criterion.final_summary();
}

fn measure<T>(group: &mut BenchmarkGroup<'_, WallTime>, mut work: impl FnMut() -> T) {
    group.bench_function("fcgi-proto", |bencher| bencher.iter(&mut work));
}

/// Bytes in the buffer of a connection into records.
fn decode(criterion: &mut Criterion) {
    let body = inputs::content(LARGE);
    let wires = [
        ("decode: a GET of 26 parameters", inputs::request(&[&inputs::nginx_pairs()], b"", LARGE), false),
        ("decode: 1 MiB in records of 16 KiB", inputs::request(&[], &body, 16384), true),
        ("decode: 1 MiB in records of 64 bytes", inputs::request(&[], &body, 64), true),
    ];
    for (name, wire, large) in wires {
        let mut group = criterion.benchmark_group(name);
        if large {
            group.throughput(Throughput::Bytes(LARGE as u64));
        }
        let mut decoder = RecordDecoder::new();
        let mut input = BytesMut::new();
        measure(&mut group, || {
            let mut bytes = 0;
            input.extend_from_slice(black_box(&wire));
            while let Some(record) = decoder.decode(&mut input).unwrap() {
                bytes += record.content.len();
            }
            bytes
        });
        group.finish();
    }
}

/// PARAMS into pairs.
fn params(criterion: &mut Criterion) {
    for (name, pairs) in [("26 pairs", inputs::nginx_pairs()), ("4096 small pairs", inputs::hostile_pairs())]
    {
        let raw = Bytes::from(inputs::params_content(&pairs));
        let limits = Limits::default();
        let parsed = Params::parse(raw.clone(), &limits).unwrap();
        assert!(parsed.iter().eq(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))));
        let mut group = criterion.benchmark_group(format!("params: check {name}"));
        measure(&mut group, || Params::parse(black_box(&raw).clone(), &limits).unwrap().len());
        group.finish();
        let mut group = criterion.benchmark_group(format!("params: walk {name}"));
        measure(&mut group, || {
            black_box(&parsed).iter().map(|(name, value)| name.len() ^ value.len()).sum::<usize>()
        });
        group.finish();
        let mut group = criterion.benchmark_group(format!("params: encode {name}"));
        measure(&mut group, || {
            black_box(&pairs).iter().map(|(name, value)| (name, value)).collect::<Params>()
        });
        group.finish();
    }
    let parsed = Params::parse(inputs::params_content(&inputs::nginx_pairs()).into(), &Limits::default());
    let parsed = parsed.unwrap();
    let mut group = criterion.benchmark_group("params: find one of 26 pairs");
    measure(&mut group, || black_box(&parsed).get(black_box(b"SERVER_NAME")).map(<[u8]>::len));
    group.finish();
}

/// Answers into records.
fn encode(criterion: &mut Criterion) {
    for (name, size) in [("a small answer", 64), ("an answer of 1 MiB", LARGE)] {
        let page = inputs::page(size);
        let id = RequestId::ONE;
        let whole = |out: &mut BytesMut| {
            out.clear();
            encode::encode_stream(out, RecordType::STDOUT, id, black_box(&page));
            encode::encode_stream_end(out, RecordType::STDOUT, id);
            encode::encode_end(out, id, EndRequest::complete(0));
        };
        let mut out = BytesMut::new();
        whole(&mut out);
        assert_eq!(check::sent(&out), check::answer(&page));
        let mut group = criterion.benchmark_group(format!("encode: {name}, copied"));
        if size == LARGE {
            group.throughput(Throughput::Bytes(LARGE as u64));
        }
        measure(&mut group, || whole(&mut out));
        group.finish();
        let mut group = criterion.benchmark_group(format!("encode: {name}, headers for a gathered write"));
        measure(&mut group, || {
            let mut heads = 0;
            for chunk in encode::stream_records(RecordType::STDOUT, id, black_box(page.len())) {
                let padding = &PADDING[..chunk.padding];
                heads +=
                    black_box(chunk.header).len() + black_box(&page[chunk.content]).len() + padding.len();
            }
            heads + black_box(encode::end_request(id, EndRequest::complete(0))).len()
        });
        group.finish();
    }
}
