//! The control socket: an operator asks, the master answers, between two turns of its loop.
//!
//! In come connections to a Unix socket that its owner alone may open; each is asked for its user as well. A question is a line
//! of JSON (see [`message`]), read and answered without ever waiting: who sends nothing, or takes no answer, is given up after
//! a while, and costs the master no more than a look. There are never more than [`MOST_CLIENTS`]; others wait in the
//! socket's queue.

mod answers;
mod client;
pub mod message;
mod picture;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use self::answers::Renewal;
use self::client::{Awaited, Client, Heard, Stage};
use self::message::{Answer, Introduction, Question};
use super::Master;
use super::policy::WorkerId;
use crate::messages::Code;
use crate::os::channel;
use crate::os::heritage::Bequest;
use crate::os::listener::Listener;
use crate::os::poller::Token;
use crate::os::socket::{self, Accepted};

/// The name under which a server hands its socket to the next.
pub const HEIRLOOM: &str = "control";

/// The socket and those who have connected to it. In a forked process it is dropped, which closes everything there and removes
/// nothing.
#[derive(Debug, Default)]
pub struct Control {
    listener: Option<Listener>,
    introduction: Introduction,
    /// Users that may ask, beside root.
    users: Vec<u32>,
    clients: BTreeMap<Token, Client>,
    renewal: Option<Renewal>,
    /// What the workers that were asked have told so far.
    stacks: BTreeMap<WorkerId, String>,
    opened: usize,
    /// The listener is left alone until then: there are too many clients, or too few descriptors.
    paused_until: Option<Instant>,
}

impl Control {
    /// Answers on a socket that listens already, to these users and to root.
    pub fn new(listener: Listener, users: Vec<u32>, introduction: Introduction) -> Self {
        Self { listener: Some(listener), introduction, users, ..Self::default() }
    }

    /// Takes no more connections and removes the socket's file, if it still is ours.
    pub fn close_address(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.remove_file();
        }
    }

    /// Hands the socket to the server that takes the place of this one.
    pub fn bequeath(&self, bequest: &mut Bequest) {
        if let Some(listener) = &self.listener {
            listener.bequeath(HEIRLOOM, bequest);
        }
    }

    /// Takes no more connections, and leaves the file: another server answers there.
    pub(super) fn leave_address(&mut self) -> Option<Listener> {
        self.listener.take()
    }

    /// Whether somebody has asked for what a worker tells of its threads, and this piece has room in the answer.
    pub(super) fn wants_stacks(&self, id: WorkerId, piece: &str, more: bool) -> bool {
        let is_something = !piece.is_empty() || !more;
        self.stacks
            .get(&id)
            .is_some_and(|so_far| is_something && so_far.len() + piece.len() <= channel::MAX_STACKS)
    }

    fn is_full(&self) -> bool {
        self.clients.len() >= MOST_CLIENTS
    }

    /// The client that has been without a question for longest, if there is one.
    fn least_busy(&self) -> Option<Token> {
        let idle = self.clients.iter().filter(|(_, client)| client.stage() == Stage::Idle);
        idle.min_by_key(|(_, client)| client.since()).map(|(token, _)| *token)
    }
}

impl Master<'_> {
    /// Begins to listen to the socket, where there is one.
    pub(super) fn open_control(&mut self) {
        if let Some(listener) = &self.job.control.listener
            && let Err(error) = self.poller.watch(listener, CONTROL)
        {
            tracing::error!(code = %Code::NOT_WATCHED, %error, "the control socket cannot be heard");
        }
    }

    /// Hears who has connected, and who has something to say.
    pub(super) fn hear_control(&mut self, token: Token, hung_up: bool) {
        if token == CONTROL {
            self.accept_clients();
        } else {
            self.look_at_client(token, hung_up);
        }
    }

    fn accept_clients(&mut self) {
        for _ in 0..AT_ONCE {
            if self.job.control.is_full() {
                match self.job.control.least_busy() {
                    Some(token) => self.drop_client(token),
                    None => return self.pause_control(PAUSE),
                }
            }
            let Some(listener) = &self.job.control.listener else { return };
            match socket::accept(listener.as_fd(), false) {
                Ok(Accepted::Connection(fd)) => self.take_client(Client::new(fd, Instant::now())),
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::Exhausted(error)) => {
                    tracing::warn!(
                        code = %Code::CONTROL_CONNECTION,
                        %error,
                        "a connection to the control socket has to wait"
                    );
                    return self.pause_control(EXHAUSTED);
                }
                Err(error) => {
                    tracing::error!(code = %Code::CONTROL_CONNECTION, %error, "the control socket is broken");
                    return self.pause_control(Duration::from_secs(3600));
                }
            }
        }
    }

    fn take_client(&mut self, mut client: Client) {
        let control = &mut *self.job.control;
        let token = CONTROL + 1 + control.opened;
        control.opened += 1;
        if let Err(error) = self.poller.watch(&client, token) {
            tracing::warn!(
                code = %Code::CONTROL_CONNECTION,
                %error,
                "a connection to the control socket cannot be heard"
            );
            return;
        }
        let user = socket::peer_user(client.as_fd());
        if !user.is_some_and(|user| user == 0 || control.users.contains(&user)) {
            tracing::warn!(
                code = %Code::MAY_NOT_CONTROL,
                peer = socket::peer_name(client.as_fd()),
                "the control socket is not for this user"
            );
            let answer = Answer::bad("this user may not control the server");
            client.dismiss(answer.line(), Instant::now());
        }
        control.clients.insert(token, client);
        self.look_at_client(token, false);
    }

    fn look_at_client(&mut self, token: Token, hung_up: bool) {
        let now = Instant::now();
        let Some(client) = self.job.control.clients.get_mut(&token) else { return };
        // Who has hung up may have left a question, but nobody takes the answer; it is carried out all the same.
        let heard = match client.look(now) {
            Heard::Nothing if hung_up => Heard::Gone,
            heard => heard,
        };
        match heard {
            Heard::Nothing => {}
            Heard::Gone => return self.drop_client(token),
            Heard::TooLong => {
                let answer = Answer::bad("this is no question: the line is too long");
                client.dismiss(answer.line(), now);
            }
            Heard::Line(line) => match Question::read(&line) {
                Ok(wish) => self.grant(token, wish),
                Err(error) => client.answer(Answer::bad(error).line(), now),
            },
        }
        self.want_of_client(token);
    }

    fn want_of_client(&mut self, token: Token) {
        if let Some(client) = self.job.control.clients.get(&token) {
            let (input, output) = client.wants();
            if self.poller.want(client, token, input, output).is_err() {
                self.drop_client(token);
            }
        }
    }

    /// Answers a client that is still there.
    fn answer(&mut self, token: Token, answer: &Answer) {
        if let Some(client) = self.job.control.clients.get_mut(&token) {
            let now = Instant::now();
            client.answer(answer.line(), now);
            // The master may be about to end.
            client.send(now);
            self.want_of_client(token);
        }
    }

    /// Answers all who wait for something.
    fn answer_waiting(&mut self, awaited: Awaited, answer: &Answer) {
        let clients = self.job.control.clients.iter();
        let waiting: Vec<Token> = clients
            .filter(|(_, client)| client.stage() == Stage::Waiting(awaited))
            .map(|(token, _)| *token)
            .collect();
        for token in waiting {
            self.answer(token, answer);
        }
    }

    fn drop_client(&mut self, token: Token) {
        if let Some(client) = self.job.control.clients.remove(&token) {
            let _ = self.poller.forget(&client);
            // There is room for another.
            self.resume_control();
        }
    }

    fn pause_control(&mut self, time: Duration) {
        if let Some(listener) = &self.job.control.listener {
            let _ = self.poller.pause(listener, CONTROL);
            self.job.control.paused_until = Some(Instant::now() + time);
        }
    }

    fn resume_control(&mut self) {
        if self.job.control.paused_until.take().is_some()
            && let Some(listener) = &self.job.control.listener
        {
            let _ = self.poller.resume(listener, CONTROL);
        }
    }

    /// Gives up those whose time is over.
    pub(super) fn mind_control(&mut self, now: Instant) {
        if self.job.control.paused_until.is_some_and(|at| now >= at) {
            self.resume_control();
        }
        let clients = self.job.control.clients.iter();
        let late: Vec<Token> = clients
            .filter(|(_, client)| client.limit().is_some_and(|limit| now >= limit))
            .map(|(token, _)| *token)
            .collect();
        for token in late {
            self.drop_client(token);
        }
    }

    /// When [`Master::mind_control`] has something to do, if nothing else happens.
    pub(super) fn control_wants_at(&self) -> Option<Instant> {
        let control = &*self.job.control;
        control.clients.values().filter_map(Client::limit).chain(control.paused_until).min()
    }
}

/// The token of the socket, and those of its clients above it; above all others.
pub(super) const CONTROL: Token = 1 << 44;

/// Connections at once.
const MOST_CLIENTS: usize = 32;

/// Connections that are taken between two turns of the loop.
const AT_ONCE: usize = 16;

/// Time in which a client may go, when all of them are busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Time in which a descriptor may become free.
const EXHAUSTED: Duration = Duration::from_secs(1);
