//! Whole conversations of an application, fcgi-proto and tokio-fastcgi.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use fcgi_proto_bench::inputs::{self, LARGE, Pair};
use fcgi_proto_bench::server::{Ours, Seen, TokioFastcgi};
use fcgi_proto_bench::socket::{Incoming, Outgoing};
use fcgi_proto_bench::{check, criterion};

/// One request and its answer.
struct Work {
    name: &'static str,
    wire: Vec<u8>,
    answer: Bytes,
    expected: Seen,
    throughput: Option<Throughput>,
}

fn main() {
    let mut criterion = criterion();
    for work in works() {
        check(&work);
        kept(&mut criterion, &work);
        if work.throughput.is_none() {
            fresh(&mut criterion, &work);
        }
    }
    criterion.final_summary();
}

fn works() -> Vec<Work> {
    let (nginx, hostile) = (inputs::nginx_pairs(), inputs::hostile_pairs());
    let parts: Vec<&[Pair]> = nginx.chunks(6).collect();
    let (small, large) = (inputs::page(64), inputs::page(LARGE));
    let body = inputs::content(LARGE);
    let bytes = Some(Throughput::Bytes(LARGE as u64));
    vec![
        work("GET, 26 parameters", &[&nginx], b"", LARGE, &small, None),
        work("GET, 26 parameters in 5 records", &parts, b"", LARGE, &small, None),
        work("GET, 4096 small parameters", &[&hostile], b"", LARGE, &small, None),
        work("POST of 1 KiB", &[&nginx], &body[..1024], 1024, &small, None),
        work("upload of 1 MiB, records of 16 KiB", &[&nginx], &body, 16384, &small, bytes.clone()),
        work("upload of 1 MiB, records of 64 bytes", &[&nginx], &body, 64, &small, bytes.clone()),
        work("answer of 1 MiB", &[&nginx], b"", LARGE, &large, bytes),
    ]
}

fn work(
    name: &'static str,
    heads: &[&[Pair]],
    body: &[u8],
    piece: usize,
    answer: &Bytes,
    throughput: Option<Throughput>,
) -> Work {
    let wire = inputs::request(heads, body, piece);
    let mut expected = Seen { body: body.to_vec(), params: 0 };
    for (name, value) in heads.iter().copied().flatten() {
        let last = value.bytes().last().unwrap_or_default();
        expected.params += (65_536 * name.len() + 256 * value.len() + usize::from(last)) as u64;
    }
    Work { name, wire, answer: answer.clone(), expected, throughput }
}

/// Both see the same request, and both answers say the same.
fn check(work: &Work) {
    let mut ours = Ours::new(Outgoing::default());
    let mut seen = Seen::default();
    ours.serve(&work.wire, &work.answer, &mut seen);
    assert_eq!(seen, work.expected, "{}", work.name);
    assert_eq!(check::sent(ours.outgoing.bytes()), check::answer(&work.answer), "{}", work.name);

    let mut outgoing = Outgoing::default();
    let mut seen = Seen::default();
    TokioFastcgi::new(Incoming::once(&work.wire), &mut outgoing).serve(&work.answer, &mut seen);
    assert_eq!(seen, work.expected, "{}", work.name);
    assert_eq!(check::sent(outgoing.bytes()), check::answer(&work.answer), "{}", work.name);
}

/// Request after request on one connection.
fn kept(criterion: &mut Criterion, work: &Work) {
    let mut group = criterion.benchmark_group(format!("server: {}, kept connection", work.name));
    if let Some(throughput) = &work.throughput {
        group.throughput(throughput.clone());
    }
    let mut seen = Seen::default();
    let mut ours = Ours::new(Outgoing::default());
    group.bench_function("fcgi-proto", |bencher| {
        bencher.iter(|| {
            seen.body.clear();
            ours.serve(black_box(&work.wire), &work.answer, &mut seen);
        });
    });
    let mut outgoing = Outgoing::default();
    let mut theirs = TokioFastcgi::new(Incoming::repeated(&work.wire), &mut outgoing);
    group.bench_function("tokio-fastcgi", |bencher| {
        bencher.iter(|| {
            seen.body.clear();
            theirs.serve(black_box(&work.answer), &mut seen);
        });
    });
    group.finish();
}

/// A connection for each request.
fn fresh(criterion: &mut Criterion, work: &Work) {
    let mut group = criterion.benchmark_group(format!("server: {}, a connection each", work.name));
    let mut seen = Seen::default();
    let mut outgoing = Outgoing::default();
    group.bench_function("fcgi-proto", |bencher| {
        bencher.iter(|| {
            seen.body.clear();
            let mut ours = Ours::new(std::mem::take(&mut outgoing));
            ours.serve(black_box(&work.wire), &work.answer, &mut seen);
            outgoing = ours.outgoing;
        });
    });
    group.bench_function("tokio-fastcgi", |bencher| {
        bencher.iter(|| {
            seen.body.clear();
            let incoming = Incoming::once(black_box(&work.wire));
            TokioFastcgi::new(incoming, &mut outgoing).serve(&work.answer, &mut seen);
        });
    });
    group.finish();
}
