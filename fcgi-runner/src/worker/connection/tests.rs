//! What leaves a connection that requests share, where the peer reads late: whole records, and all of them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use nix::sys::socket::{setsockopt, sockopt};

use super::*;
use crate::app::{PlainBlocker, Request};
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
        let (ours, mut peer) = UnixStream::pair().unwrap();
        setsockopt(&ours, sockopt::SndBuf, &4096).unwrap();
        for id in [1, 2] {
            // BEGIN_REQUEST of a responder whose connection is kept, PARAMS, no STDIN.
            peer.write_all(&[1, 1, 0, id, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]).unwrap();
            peer.write_all(&[1, 4, 0, id, 0, 19, 0, 0]).unwrap();
            peer.write_all(b"\x0e\x03REQUEST_METHODGET").unwrap();
            peer.write_all(&[1, 4, 0, id, 0, 0, 0, 0, 1, 5, 0, id, 0, 0, 0, 0]).unwrap();
        }
        let connection = Connection::new(ours.into(), 0, false, Arc::new(settings()));
        let mut ready = Vec::new();
        connection.pump(&mut ready);
        let requests: Vec<_> = ready.iter().map(|work| work.request().clone()).collect();
        Self { connection, peer, requests: requests.try_into().unwrap() }
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
