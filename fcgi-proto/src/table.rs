//! The active requests of one connection, for either side.
//!
//! The table is a list sorted by id: most connections have one request, and the search is over before a
//! hash would be computed.

use std::fmt;

use crate::error::UsageError;
use crate::header::RequestId;

/// Names one request of one connection, also after its id was given to another: commands with the key of a
/// request that has ended do nothing but return [`UsageError::NotActive`].
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RequestKey {
    id: RequestId,
    generation: u64,
}

impl RequestKey {
    /// Names no request of any connection: commands with it are [`UsageError::NotActive`] everywhere.
    pub const OF_NOBODY: Self = Self { id: RequestId::ONE, generation: 0 };

    /// The id that the request has in its records.
    pub const fn id(self) -> RequestId {
        self.id
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestKey({}#{})", self.id, self.generation)
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// Requests in the order of their ids.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Vec<(RequestKey, T)>,
    generation: u64,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), generation: 0 }
    }

    /// Adds a request, unless its id is active.
    pub(crate) fn insert(&mut self, id: RequestId, request: T) -> Option<RequestKey> {
        let at = self.position(id).err()?;
        self.generation += 1;
        let key = RequestKey { id, generation: self.generation };
        self.entries.insert(at, (key, request));
        Some(key)
    }

    /// Takes a request out.
    pub(crate) fn remove(&mut self, key: RequestKey) -> Result<T, UsageError> {
        match self.position(key.id) {
            Ok(at) if self.entries[at].0 == key => Ok(self.entries.remove(at).1),
            _ => Err(UsageError::NotActive { id: key.id }),
        }
    }

    /// Takes out the requests for which `keep` is false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(RequestKey, &mut T) -> bool) {
        self.entries.retain_mut(|(key, request)| keep(*key, request));
    }

    /// Finds the request that has an id now.
    pub(crate) fn find(&mut self, id: RequestId) -> Option<(RequestKey, &mut T)> {
        let at = self.position(id).ok()?;
        self.entries.get_mut(at).map(|(key, request)| (*key, request))
    }

    /// Finds the request that a key names.
    pub(crate) fn get_mut(&mut self, key: RequestKey) -> Result<&mut T, UsageError> {
        match self.find(key.id) {
            Some((found, request)) if found == key => Ok(request),
            _ => Err(UsageError::NotActive { id: key.id }),
        }
    }

    pub(crate) fn get(&self, key: RequestKey) -> Option<&T> {
        let at = self.position(key.id).ok()?;
        self.entries.get(at).filter(|(found, _)| *found == key).map(|(_, request)| request)
    }

    pub(crate) fn contains_id(&self, id: RequestId) -> bool {
        self.position(id).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(RequestKey, T)> {
        self.entries.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The smallest id that is not active.
    pub(crate) fn smallest_free_id(&self) -> Option<RequestId> {
        let mut taken = self.entries.iter().map(|(key, _)| key.id.value());
        (1..=u16::MAX).find(|candidate| taken.next() != Some(*candidate)).and_then(RequestId::new)
    }

    #[inline]
    fn position(&self, id: RequestId) -> Result<usize, usize> {
        match self.entries.first() {
            None => return Err(0),
            Some((key, _)) if key.id == id => return Ok(0),
            Some(_) => {}
        }
        self.entries.binary_search_by_key(&id, |(key, _)| key.id)
    }
}
