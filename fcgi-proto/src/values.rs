//! What a web server may ask of the application as a whole: `GET_VALUES` and its result.
//!
//! Contents of management records come in and go out. Each known name is answered once, however often it
//! was asked for, so an answer holds three pairs at most. Source: FastCGI 1.0 section 4.1.

use bytes::{Bytes, BytesMut};

use crate::error::ProtocolError;
use crate::limits::Limits;
use crate::params::{Params, encode_pair};

/// The most connections that the application takes at once.
pub const FCGI_MAX_CONNS: &[u8] = b"FCGI_MAX_CONNS";

/// The most requests that the application takes at once.
pub const FCGI_MAX_REQS: &[u8] = b"FCGI_MAX_REQS";

/// Whether the application takes several requests at once on one connection, `0` or `1`.
pub const FCGI_MPXS_CONNS: &[u8] = b"FCGI_MPXS_CONNS";

/// What the application tells about itself. Whether it multiplexes follows from
/// [`Limits::max_active_requests`](crate::Limits::max_active_requests).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerValues {
    /// The value of `FCGI_MAX_CONNS`. Default: 1.
    pub max_conns: u32,
    /// The value of `FCGI_MAX_REQS`. Default: 1.
    pub max_reqs: u32,
}

impl Default for ServerValues {
    fn default() -> Self {
        Self { max_conns: 1, max_reqs: 1 }
    }
}

impl ServerValues {
    /// Makes the content of the result for the content of a query, in the order in which the names were
    /// first asked for.
    pub(crate) fn answer(
        self,
        multiplexes: bool,
        query: Bytes,
        limits: &Limits,
    ) -> Result<BytesMut, ProtocolError> {
        let query = parse_pairs(query, limits)?;
        let mut unanswered = [
            (FCGI_MAX_CONNS, Some(self.max_conns)),
            (FCGI_MAX_REQS, Some(self.max_reqs)),
            (FCGI_MPXS_CONNS, Some(u32::from(multiplexes))),
        ];
        let mut result = BytesMut::new();
        for (name, _) in &query {
            let known = unanswered.iter_mut().find(|(known, _)| *known == name);
            if let Some(value) = known.and_then(|(_, value)| value.take()) {
                encode_pair(&mut result, name, value.to_string().as_bytes());
            }
        }
        Ok(result)
    }
}

/// What an application told about itself; `None` where it said nothing, or nothing that can be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReportedValues {
    /// The value of `FCGI_MAX_CONNS`.
    pub max_conns: Option<u32>,
    /// The value of `FCGI_MAX_REQS`.
    pub max_reqs: Option<u32>,
    /// The value of `FCGI_MPXS_CONNS`.
    pub mpxs_conns: Option<bool>,
}

impl ReportedValues {
    /// Reads the content of a result.
    pub(crate) fn parse(content: Bytes, limits: &Limits) -> Result<Self, ProtocolError> {
        let pairs = parse_pairs(content, limits)?;
        let number = |name| std::str::from_utf8(pairs.get(name)?).ok()?.parse().ok();
        Ok(Self {
            max_conns: number(FCGI_MAX_CONNS),
            max_reqs: number(FCGI_MAX_REQS),
            mpxs_conns: match pairs.get(FCGI_MPXS_CONNS) {
                Some(b"0") => Some(false),
                Some(b"1") => Some(true),
                _ => None,
            },
        })
    }
}

/// Makes the content of a query for all three values.
pub(crate) fn query() -> BytesMut {
    let mut content = BytesMut::new();
    for name in [FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS] {
        encode_pair(&mut content, name, b"");
    }
    content
}

fn parse_pairs(content: Bytes, limits: &Limits) -> Result<Params, ProtocolError> {
    let (length, limit) = (content.len(), limits.max_management_bytes);
    if length > limit {
        return Err(ProtocolError::ManagementTooLarge { length, limit });
    }
    // A record bounds the pairs to 32767, and they are walked without being kept.
    let whole_record = Limits { max_params_bytes: limit, max_params_pairs: usize::MAX, ..*limits };
    Params::parse(content, &whole_record).map_err(|_| ProtocolError::MalformedValues)
}
