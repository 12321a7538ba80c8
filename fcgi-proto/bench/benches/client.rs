//! Whole conversations of a web server, fcgi-proto and fastcgi-client.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use fcgi_proto_bench::client::{FastcgiClient, Ours, fastcgi_client_pieces};
use fcgi_proto_bench::inputs::{self, LARGE, Pair};
use fcgi_proto_bench::socket::{Incoming, Outgoing, Socket};
use fcgi_proto_bench::{check, criterion};

/// One request and its answer.
struct Work {
    name: &'static str,
    pairs: Vec<Pair>,
    body: Bytes,
    stdout: Bytes,
    wire: Vec<u8>,
    throughput: Option<Throughput>,
}

fn main() {
    let mut criterion = criterion();
    for work in works() {
        check(&work);
        whole(&mut criterion, &work);
        pieces(&mut criterion, &work);
    }
    criterion.final_summary();
}

fn works() -> Vec<Work> {
    let (small, large) = (inputs::page(64), inputs::page(LARGE));
    let bytes = Some(Throughput::Bytes(LARGE as u64));
    let work = |name, body, stdout: &Bytes, piece, throughput: &Option<Throughput>| Work {
        name,
        pairs: inputs::nginx_pairs(),
        body: Bytes::from(inputs::content(body)),
        stdout: stdout.clone(),
        wire: inputs::answer(stdout, piece),
        throughput: throughput.clone(),
    };
    vec![
        work("GET, 26 parameters", 0, &small, 32768, &None),
        work("POST of 1 KiB", 1024, &small, 32768, &None),
        work("upload of 1 MiB", LARGE, &small, 32768, &bytes),
        work("answer of 1 MiB, records of 32 KiB", 0, &large, 32768, &bytes),
        work("answer of 1 MiB, records of 64 bytes", 0, &large, 64, &bytes),
    ]
}

/// Both requests say the same, and both see the same answer.
fn check(work: &Work) {
    let expected = check::request(&work.pairs, &work.body);

    let mut ours = Ours::new(Outgoing::default());
    let mut stdout = Vec::new();
    ours.ask(&work.pairs, &work.body, &work.wire, |data| stdout.extend_from_slice(&data));
    assert_eq!(stdout, work.stdout, "{}", work.name);
    assert_eq!(check::sent(ours.outgoing.bytes()), expected, "{}", work.name);

    let mut socket = Socket { incoming: Incoming::once(&work.wire), outgoing: Outgoing::default() };
    let outgoing = {
        let mut pieces = Vec::new();
        let take = |data: Bytes| pieces.extend_from_slice(&data);
        let outgoing = fastcgi_client_pieces(&work.pairs, &work.body, &work.wire, Outgoing::default(), take);
        assert_eq!(pieces, work.stdout, "{}", work.name);
        outgoing
    };
    assert_eq!(check::sent(outgoing.bytes()), expected, "{}", work.name);
    let stdout = FastcgiClient::new(&mut socket).ask(&work.pairs, &work.body);
    assert_eq!(stdout, work.stdout, "{}", work.name);
}

/// The answer as one piece of memory, on a connection that is kept.
fn whole(criterion: &mut Criterion, work: &Work) {
    let mut group = criterion.benchmark_group(format!("client: {}, kept connection", work.name));
    if let Some(throughput) = &work.throughput {
        group.throughput(throughput.clone());
    }
    let mut ours = Ours::new(Outgoing::default());
    group.bench_function("fcgi-proto", |bencher| {
        bencher.iter(|| {
            let mut pieces = Vec::new();
            ours.ask(&work.pairs, &work.body, black_box(&work.wire), |data| pieces.push(data));
            pieces.concat()
        });
    });
    let mut socket = Socket { incoming: Incoming::repeated(&work.wire), outgoing: Outgoing::default() };
    let mut theirs = FastcgiClient::new(&mut socket);
    group.bench_function("fastcgi-client", |bencher| {
        bencher.iter(|| theirs.ask(black_box(&work.pairs), &work.body));
    });
    group.finish();
}

/// The answer in the pieces in which it came, on a connection of its own.
fn pieces(criterion: &mut Criterion, work: &Work) {
    let mut group = criterion.benchmark_group(format!("client: {}, a connection each, in pieces", work.name));
    if let Some(throughput) = &work.throughput {
        group.throughput(throughput.clone());
    }
    let mut outgoing = Outgoing::default();
    group.bench_function("fcgi-proto", |bencher| {
        bencher.iter(|| {
            let mut ours = Ours::new(std::mem::take(&mut outgoing));
            ours.ask(&work.pairs, &work.body, black_box(&work.wire), |data| drop(black_box(data)));
            outgoing = ours.outgoing;
        });
    });
    group.bench_function("fastcgi-client", |bencher| {
        bencher.iter(|| {
            let sent = std::mem::take(&mut outgoing);
            let wire = black_box(&work.wire);
            outgoing =
                fastcgi_client_pieces(&work.pairs, &work.body, wire, sent, |data| drop(black_box(data)));
        });
    });
    group.finish();
}
