//! What a peer may make us keep. Nothing is allocated by a length that the peer only announced.

/// The bounds of one connection. Every one is checked before memory is spent.
///
/// ```
/// use fcgi_proto::Limits;
///
/// let limits = Limits { max_active_requests: 16, ..Limits::default() };
/// assert_eq!(limits.max_params_bytes, 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The bytes of one request's PARAMS stream, lengths included. Default: 1 MiB.
    pub max_params_bytes: usize,
    /// The pairs of one request's PARAMS stream. Default: 4096.
    pub max_params_pairs: usize,
    /// The requests that may be active on the connection at once; 1 means that it is not multiplexed, and 0
    /// counts as 1. Default: 1.
    pub max_active_requests: usize,
    /// The bytes of records skipped (those of requests that are not active or were refused) while no
    /// request is being served. Default: 16 MiB.
    pub max_skipped_bytes: usize,
    /// The content of one `GET_VALUES` or `GET_VALUES_RESULT` record. Default: 65535, the most that a
    /// record can hold.
    pub max_management_bytes: usize,
    /// The bytes of STDIN and DATA of one request that may arrive before its PARAMS have ended. Default: 64
    /// KiB.
    pub max_early_bytes: usize,
    /// The `UNKNOWN_TYPE` records sent on the connection; further management records of unknown type are
    /// ignored. Default: 32.
    pub max_unknown_type_answers: usize,
    /// The warnings told on the connection; further ones are kept quiet. Default: 16.
    pub max_warnings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_params_bytes: 1024 * 1024,
            max_params_pairs: 4096,
            max_active_requests: 1,
            max_skipped_bytes: 16 * 1024 * 1024,
            max_management_bytes: 65535,
            max_early_bytes: 64 * 1024,
            max_unknown_type_answers: 32,
            max_warnings: 16,
        }
    }
}
