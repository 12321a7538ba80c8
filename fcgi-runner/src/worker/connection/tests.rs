//! What leaves a connection that requests share, where the peer reads late: whole records, and all of them. What comes of a body,
//! however it is cut: all of it, in order, and nothing of others.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use nix::sys::socket::{setsockopt, sockopt};
use proptest::collection::vec;
use proptest::prelude::*;

use super::direct::Wish;
use super::*;
use crate::app::{BodyReader, PlainBlocker, Request};
use crate::config::Limits;
use crate::worker::settings::{Courier, SpareBuffer};

/// A connection with two requests, and the web server's end of it.
struct Shared {
    connection: Arc<Connection>,
    peer: UnixStream,
    requests: [Arc<Request>; 2],
}

/// Content of the records that the peer got, by type and request id, in order.
type Got = BTreeMap<(u8, u16), Vec<u8>>;

const HEAD: &[u8] = b"Status: 200 OK\r\n\r\n";

impl Shared {
    fn new() -> Self {
        Self::with_bodies([0, 0])
    }

    /// Two requests that announce bodies of these lengths.
    fn with_bodies(lengths: [usize; 2]) -> Self {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        // Both sides have to wait for each other.
        setsockopt(&ours, sockopt::SndBuf, &4096).unwrap();
        setsockopt(&peer, sockopt::SndBuf, &20_000).unwrap();
        for (id, length) in [1, 2].into_iter().zip(lengths) {
            // BEGIN_REQUEST of a responder whose connection is kept, PARAMS.
            peer.write_all(&[1, 1, 0, id, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]).unwrap();
            peer.write_all(&[1, 4, 0, id, 0, 24, 0, 0]).unwrap();
            peer.write_all(format!("\x0e\x08CONTENT_LENGTH{length:08}").as_bytes()).unwrap();
            peer.write_all(&[1, 4, 0, id, 0, 0, 0, 0]).unwrap();
        }
        let connection = Connection::new(ours.into(), 0, false, Arc::new(settings()));
        let mut ready = Vec::new();
        connection.pump(&mut ready);
        let requests: Vec<_> = ready.iter().map(|work| work.request().clone()).collect();
        Self { connection, peer, requests: requests.try_into().unwrap() }
    }

    /// Reads the body of the first request into rooms of this size.
    fn read_body(&self, room: usize) -> Vec<u8> {
        let mut reader = BodyReader::new(self.requests[0].clone());
        let mut body = Vec::new();
        while reader.left() > 0 {
            let mut bytes = vec![0; room.min(usize::try_from(reader.left()).unwrap())];
            let mut free = &mut bytes[..];
            reader.read_into(&mut free, &PlainBlocker).unwrap();
            assert!(free.is_empty(), "it ends early");
            body.append(&mut bytes);
        }
        assert_eq!(self.requests[0].body().received(), body.len() as u64);
        body
    }

    fn write(&self, at: usize, parts: &[&[u8]], last: bool) {
        self.connection.stdout(self.requests[at].key(), parts, last, &PlainBlocker).unwrap();
    }

    /// Begins to read.
    fn read(&self) -> JoinHandle<Got> {
        let mut peer = self.peer.try_clone().unwrap();
        thread::spawn(move || {
            let (mut bytes, mut got) = (Vec::new(), Got::new());
            peer.read_to_end(&mut bytes).unwrap();
            let mut rest = &bytes[..];
            while let [1, kind, id1, id0, length1, length0, padding, 0, behind @ ..] = rest {
                let (content, behind) = behind.split_at(u16::from_be_bytes([*length1, *length0]).into());
                got.entry((*kind, u16::from_be_bytes([*id1, *id0]))).or_default().extend_from_slice(content);
                rest = &behind[usize::from(*padding)..];
            }
            assert!(rest.is_empty(), "not a record: {:?}", &rest[..rest.len().min(16)]);
            got
        })
    }
}

fn settings() -> Settings {
    let time = Duration::from_secs(60);
    let limits = Limits {
        request_buffer: 0,
        max_body: None,
        max_params: 1000,
        max_pairs: 10,
        max_active: 2,
        max_connections: None,
        max_drain: 0,
        header_timeout: time,
        read_timeout: time,
        write_timeout: time,
        drain_timeout: time,
        idle_timeout: time,
        queue_timeout: None,
    };
    let mut protocol = fcgi_proto::server::Settings::default();
    protocol.limits.max_active_requests = 2;
    Settings {
        protocol,
        limits,
        feeding: Feeding::Pull,
        siblings: false,
        spare: SpareBuffer::default(),
        courier: Courier::default(),
    }
}

#[test]
fn an_answer_that_is_taken_over_ends_behind_what_it_was_ahead() {
    let shared = Shared::new();
    let block = vec![b'x'; 100_000];
    shared.requests[0].note_status(200);
    shared.write(0, &[HEAD], false);
    shared.connection.input().push_ahead(&block);
    assert_eq!(shared.connection.carry(), Carried::Full, "a part of a record has left");
    // Nobody reads, and nobody waits.
    shared.connection.input().post(vec![1, 11, 0, 0, 0, 1, 0, 0, 7].into());
    shared.requests[0].take_over(504, b"");
    let got = shared.read();
    shared.write(1, &[HEAD, b"whole"], true);
    drop(shared);
    let expected = Got::from([
        ((6, 1), [HEAD, &block].concat()),
        ((3, 1), vec![0, 0, 0, 1, 0, 0, 0, 0]),
        ((11, 0), vec![7]),
        ((6, 2), [HEAD, b"whole"].concat()),
        ((3, 2), vec![0; 8]),
    ]);
    assert_eq!(got.join().unwrap(), expected);
}

#[test]
fn answers_of_the_protocol_and_of_an_application_do_not_cut_each_other() {
    let block = vec![b'x'; 100_000];
    let own = vec![b'o'; 0xfff8];
    let post = |shared: &Shared| {
        let record = [&[1, 10, 0, 0, 0xff, 0xf8, 0, 0][..], &own].concat();
        shared.connection.input().post(record.into());
        shared.connection.flush_outbox();
    };
    // Whichever comes first leaves in part, and nothing can leave behind it.
    for own_first in [true, false] {
        let shared = Shared::new();
        shared.write(0, &[HEAD], false);
        if own_first {
            post(&shared);
        }
        shared.connection.input().push_ahead(&block);
        assert_eq!(shared.connection.carry(), Carried::Full);
        if !own_first {
            post(&shared);
        }
        let got = shared.read();
        shared.write(0, &[b"the end"], true);
        drop(shared);
        let expected = Got::from([
            ((10, 0), own.clone()),
            ((6, 1), [HEAD, &block, b"the end"].concat()),
            ((3, 1), vec![0; 8]),
        ]);
        assert_eq!(got.join().unwrap(), expected);
    }
}

/// The loop reads what a peer has left that hangs up, also while a thread waits.
#[test]
fn what_somebody_else_has_read_of_a_body_comes_first() {
    let mut shared = Shared::with_bodies([120_000, 0]);
    for part in [vec![b'a'; 10_000], vec![b'b'; 5_000]] {
        shared.peer.write_all(&[1, 5, 0, 1, 0x27, 0x10, 0, 0]).unwrap();
        shared.peer.write_all(&part).unwrap();
        shared.connection.pump(&mut Vec::new());
    }
    let request = &shared.requests[0];
    assert!(request.body().has_news());
    let mut bytes = vec![0; 80_000];
    let mut room = &mut bytes[..];
    shared
        .connection
        .read_for(&mut shared.connection.input(), &mut Wish::new(request, request.body(), &mut room));
    assert_eq!(room.len(), 80_000, "it is read in another order");
}

/// A record of one of the bodies, or of nobody's.
#[derive(Clone, Debug)]
struct Part {
    id: u8,
    length: u16,
    padding: u8,
}

impl Part {
    /// Mostly of the first body, and of the `usual` length.
    fn any(usual: u16) -> impl Strategy<Value = Self> {
        let as_usual = (Just(1), Just(usual), Just(0));
        let of_another_length = (Just(1), 1..60_000_u16, Just(0));
        let padded = (Just(1), 1..60_000_u16, 0..=255_u8);
        let others = (prop_oneof![Just(0), Just(2), Just(3)], 1..9000_u16, 0..=255_u8);
        prop_oneof![12 => as_usual, 2 => of_another_length, 1 => padded, 1 => others]
            .prop_map(|(id, length, padding)| Self { id, length, padding })
    }

    fn many() -> impl Strategy<Value = Vec<Self>> {
        prop_oneof![Just(8192), Just(32_768), Just(65_528)]
            .prop_flat_map(|usual| vec(Self::any(usual), 1..40))
    }

    fn write(&self, out: &mut Vec<u8>, bodies: &mut [Vec<u8>; 2]) {
        let before = out.len();
        let content: Vec<u8> =
            (0..usize::from(self.length)).map(|at| ((before + at) % 251).to_le_bytes()[0]).collect();
        let [high, low] = self.length.to_be_bytes();
        // What belongs to nobody is a question of the future, or a body that was never announced.
        let kind = if self.id == 0 { 200 } else { 5 };
        out.extend_from_slice(&[1, kind, 0, self.id, high, low, self.padding, 0]);
        out.extend_from_slice(&content);
        out.extend_from_slice(&vec![1; self.padding.into()]);
        if let Some(body) = usize::from(self.id).checked_sub(1).and_then(|at| bodies.get_mut(at)) {
            body.extend_from_slice(&content);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_body_comes_whole_however_it_is_cut(
        parts in Part::many(),
        room in prop_oneof![Just(32_768_usize), Just(65_536), 1..300_000_usize],
        sends in vec(1..60_000_usize, 1..20),
    ) {
        let (mut bytes, mut bodies) = (Vec::new(), [Vec::new(), Vec::new()]);
        for part in &parts {
            part.write(&mut bytes, &mut bodies);
        }
        bytes.extend_from_slice(&[1, 5, 0, 2, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0]);
        let shared = Shared::with_bodies([bodies[0].len(), bodies[1].len()]);
        let mut peer = shared.peer.try_clone().unwrap();
        let sender = thread::spawn(move || {
            let (mut rest, mut sends) = (&bytes[..], sends.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*sends.next().unwrap()));
                peer.write_all(now).unwrap();
                rest = later;
            }
        });
        let first = shared.read_body(room);
        while !shared.requests.iter().all(|request| request.body().is_ended()) {
            shared.connection.pump(&mut Vec::new());
            thread::yield_now();
        }
        sender.join().unwrap();
        let second = BodyReader::new(shared.requests[1].clone()).read(None, &PlainBlocker).unwrap().concat();
        prop_assert!(first == bodies[0] && second == bodies[1]);
        prop_assert!(shared.connection.input().buffer.is_empty());
    }
}
