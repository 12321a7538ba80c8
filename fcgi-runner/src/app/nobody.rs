//! The request of nobody, for what belongs to one request after the other, and to none in between.

use std::sync::{Arc, Weak};

use bytes::BufMut;
use fcgi_proto::{Params, RequestKey, Role};

use super::{Blocker, Body, FilePart, Link, LinkGone, Request, RequestParts};

impl Request {
    /// A request that is over, has nothing in it, and came from nowhere.
    pub fn of_nobody() -> Arc<Self> {
        let (key, role, params) = (RequestKey::OF_NOBODY, Role::RESPONDER, Params::default());
        let request = Self::new(RequestParts { key, role, params, link: Weak::<Nowhere>::new() });
        request.mark_ended();
        Arc::new(request)
    }
}

/// The connection of such a request, which there is none of.
enum Nowhere {}

impl Link for Nowhere {
    fn stdout(&self, _: RequestKey, _: &[&[u8]], _: bool, _: &dyn Blocker) -> Result<(), LinkGone> {
        match *self {}
    }

    fn stdout_file(&self, _: RequestKey, _: FilePart, _: &dyn Blocker) -> Result<(), LinkGone> {
        match *self {}
    }

    fn stderr(&self, _: RequestKey, _: &[u8], _: &dyn Blocker) {
        match *self {}
    }

    fn cut(&self, _: RequestKey, _: &dyn Blocker) {
        match *self {}
    }

    fn end_with(&self, _: &Request, _: u16, _: &[u8]) {
        match *self {}
    }

    fn wait_for_input(&self, _: &Request, _: &Body, _: &mut dyn BufMut, _: &dyn Blocker) {
        match *self {}
    }

    fn peer(&self) -> String {
        match *self {}
    }
}
