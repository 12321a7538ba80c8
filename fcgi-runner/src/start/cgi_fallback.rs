//! Plain CGI: one request from environment and standard input, its answer to standard output.
//!
//! For web hosts without FastCGI, and for a `.fcgi` file that is started as a CGI program by mistake. The request goes through
//! the same worker as any other: a thread plays the web server on the other end of a socket pair. Source: RFC 3875.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use bytes::BytesMut;
use fcgi_proto::client::{Connection, Event};
use fcgi_proto::{Flags, Params, Role};

use crate::os::stdio;

/// The connection that the worker serves, and the thread behind it.
pub(super) struct Bridge {
    pub(super) connection: OwnedFd,
    web_server: JoinHandle<io::Result<()>>,
}

impl Bridge {
    /// Takes the request over. Standard input is replaced by nothing, and standard output by standard error, so that what the
    /// application prints cannot get into the answer.
    pub(super) fn open() -> io::Result<Self> {
        let params: Params = std::env::vars_os()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect();
        let input = File::from(stdio::duplicate(stdio::INPUT)?);
        let output = File::from(stdio::duplicate(stdio::OUTPUT)?);
        stdio::close_input()?;
        stdio::output_to_errors()?;
        let (near, far) = UnixStream::pair()?;
        far.set_nonblocking(true)?;
        let length =
            params.get(b"CONTENT_LENGTH").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let web_server = std::thread::Builder::new()
            .name("fcgi-cgi".to_owned())
            .spawn(move || play_web_server(&near, &params, input.take(length.unwrap_or(0)), output))?;
        Ok(Self { connection: far.into(), web_server })
    }

    /// Waits until the answer is written.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.connection);
        self.web_server.join().unwrap_or_else(|_| Err(io::Error::other("the CGI bridge has panicked")))
    }
}

fn play_web_server(
    socket: &UnixStream,
    params: &Params,
    input: io::Take<File>,
    mut output: File,
) -> io::Result<()> {
    let mut protocol = Connection::new(fcgi_proto::Limits::default());
    let key = protocol.begin(Role::RESPONDER, Flags::default(), params).map_err(io::Error::other)?;
    std::thread::scope(|scope| {
        let mut sender = Sender { socket, input };
        let mut head = Vec::new();
        while let Some(piece) = protocol.poll_transmit() {
            head.extend_from_slice(&piece);
        }
        // The body goes out beside the answer coming in: an application may answer before it has read everything.
        let sending = scope.spawn(move || sender.send(&head, key.id()));
        let result = copy_answer(socket, &mut protocol, &mut output);
        let _ = socket.shutdown(std::net::Shutdown::Both);
        let _ = sending.join();
        result
    })
}

struct Sender<'s> {
    socket: &'s UnixStream,
    input: io::Take<File>,
}

impl Sender<'_> {
    fn send(&mut self, head: &[u8], id: fcgi_proto::RequestId) -> io::Result<()> {
        use fcgi_proto::{RecordType, encode};
        let mut socket = self.socket;
        socket.write_all(head)?;
        let mut buffer = vec![0; 65_528];
        loop {
            let got = self.input.read(&mut buffer)?;
            if got == 0 {
                return socket.write_all(&encode::stream_end(RecordType::STDIN, id));
            }
            let mut records = BytesMut::new();
            encode::encode_stream(&mut records, RecordType::STDIN, id, &buffer[..got]);
            socket.write_all(&records)?;
        }
    }
}

fn copy_answer(mut socket: &UnixStream, protocol: &mut Connection, output: &mut File) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    let mut chunk = vec![0; 65_536];
    loop {
        while let Some(event) = protocol.poll_event() {
            match event {
                Event::Stdout { data, .. } => output.write_all(&data)?,
                // The worker writes the same to standard error itself.
                Event::End { .. } => return output.flush(),
                _ => {}
            }
        }
        let got = socket.read(&mut chunk)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(&chunk[..got]);
        protocol.handle_input(&mut buffer).map_err(io::Error::other)?;
    }
}
