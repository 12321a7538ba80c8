//! Input of requests that have ended, and that the web server has not finished sending.

use super::request::OpenStreams;
use crate::header::RequestId;

/// The streams that are still open of requests that have ended, in the order of the ids; one entry an id.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Vec<(RequestId, OpenStreams)>);

impl Leftovers {
    /// Takes note of a request that has ended before its streams.
    pub(super) fn add(&mut self, id: RequestId, open: OpenStreams) {
        match self.position(id) {
            Ok(at) => self.0[at].1 = open,
            Err(at) => self.0.insert(at, (id, open)),
        }
    }

    /// Takes note of the end of a stream.
    pub(super) fn close(&mut self, id: RequestId, stream: OpenStreams) {
        if let Ok(at) = self.position(id) {
            self.0[at].1.close(stream);
            if self.0[at].1.is_empty() {
                self.0.remove(at);
            }
        }
    }

    /// Takes note that the id is used anew, or was given up.
    pub(super) fn forget(&mut self, id: RequestId) {
        if let Ok(at) = self.position(id) {
            self.0.remove(at);
        }
    }

    /// Takes note that nothing more comes, or that it will not be read.
    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, id: RequestId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(id, _)| *id)
    }
}
