//! Kept connections that nobody uses, and the question whether requests may share one.

use std::fs::File;
use std::io::{self, Write};

use fcgi_tests::record::{END, GET_VALUES, Record, pairs, record, short_pairs};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::options::Options;

/// Opens connections, each of which has one answer and is kept, one after the other.
///
/// # Errors
/// When the server closes one, or refuses several requests at once on one although they are wanted.
pub(crate) fn hold(options: &Options) -> io::Result<Vec<File>> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    if options.active > 1 && !may_share(options)? {
        return Err(io::Error::other("the server does not answer FCGI_MPXS_CONNS with 1"));
    }
    let request = options.request(1, true);
    (0..options.held)
        .map(|number| {
            answered_once(options, &request)
                .map_err(|error| io::Error::other(format!("held connection {number}: {error}")))
        })
        .collect()
}

fn answered_once(options: &Options, request: &[u8]) -> io::Result<File> {
    let mut stream = File::from(options.address.open()?);
    stream.write_all(request)?;
    loop {
        let record = Record::read(&mut stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if record.kind == END {
            return Ok(stream);
        }
    }
}

/// FastCGI 1.0 section 4.1.
fn may_share(options: &Options) -> io::Result<bool> {
    let mut stream = File::from(options.address.open()?);
    stream.write_all(&record(GET_VALUES, 0, &pairs([("FCGI_MPXS_CONNS", "")])))?;
    let answer = Record::read(&mut stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(short_pairs(&answer.content).contains(&("FCGI_MPXS_CONNS".to_owned(), "1".to_owned())))
}
