//! The three records with a body of fixed form, and the numbers in those bodies.
//!
//! Arrays of eight bytes come in and go out, so a wrong length cannot get here; reserved bytes are ignored
//! when read and zero when written. Unknown roles, flags and statuses are kept as they are: what to do
//! about them is decided by the connections. Source: FastCGI 1.0 sections 4.2, 5.1 and 5.5.

use std::fmt;

use crate::header::RecordType;

/// The body of `BEGIN_REQUEST`: role (2 bytes), flags, five reserved bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BeginRequest {
    /// What the application is asked to be.
    pub role: Role,
    /// Who closes the connection, and seven bits without a meaning.
    pub flags: Flags,
}

impl BeginRequest {
    /// The size of the body.
    pub const LEN: usize = 8;

    /// Reads the body.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [role1, role0, flags, ..] = bytes;
        Self { role: Role(u16::from_be_bytes([role1, role0])), flags: Flags(flags) }
    }

    /// Writes the body.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [role1, role0] = self.role.0.to_be_bytes();
        [role1, role0, self.flags.0, 0, 0, 0, 0, 0]
    }
}

/// The body of `END_REQUEST`: application status (4 bytes), protocol status, three reserved bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndRequest {
    /// What a CGI program would have given to `exit`.
    pub app_status: u32,
    /// Whether the request was served, and if not, why.
    pub protocol_status: ProtocolStatus,
}

impl EndRequest {
    /// The size of the body.
    pub const LEN: usize = 8;

    /// The end of a request that was served.
    pub const fn complete(app_status: u32) -> Self {
        Self { app_status, protocol_status: ProtocolStatus::REQUEST_COMPLETE }
    }

    /// The end of a request that was turned away.
    pub const fn rejected(protocol_status: ProtocolStatus) -> Self {
        Self { app_status: 0, protocol_status }
    }

    /// Reads the body.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [status3, status2, status1, status0, protocol_status, ..] = bytes;
        Self {
            app_status: u32::from_be_bytes([status3, status2, status1, status0]),
            protocol_status: ProtocolStatus(protocol_status),
        }
    }

    /// Writes the body.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [status3, status2, status1, status0] = self.app_status.to_be_bytes();
        [status3, status2, status1, status0, self.protocol_status.0, 0, 0, 0]
    }
}

/// The body of `UNKNOWN_TYPE`: the type that was not understood, seven reserved bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownType {
    /// The type that was not understood.
    pub record_type: RecordType,
}

impl UnknownType {
    /// The size of the body.
    pub const LEN: usize = 8;

    /// Reads the body.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self { record_type: RecordType(bytes[0]) }
    }

    /// Writes the body.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        [self.record_type.0, 0, 0, 0, 0, 0, 0, 0]
    }
}

/// What the application is asked to be. An unknown role is data; it is answered with
/// [`ProtocolStatus::UNKNOWN_ROLE`].
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Role(pub u16);

impl Role {
    /// Takes a request, gives an answer, as a CGI program does.
    pub const RESPONDER: Self = Self(1);
    /// Takes a request without its body and says whether it is allowed.
    pub const AUTHORIZER: Self = Self(2);
    /// Takes a request and a file, gives an answer made of both.
    pub const FILTER: Self = Self(3);
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RESPONDER => f.write_str("RESPONDER"),
            Self::AUTHORIZER => f.write_str("AUTHORIZER"),
            Self::FILTER => f.write_str("FILTER"),
            Self(other) => write!(f, "role {other}"),
        }
    }
}

/// The flags of `BEGIN_REQUEST`. Bits without a meaning are kept and ignored.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag: the application closes the connection after its answer.
    pub const NONE: Self = Self(0);
    /// The web server closes the connection when it wants to; the application does not.
    pub const KEEP_CONN: Self = Self(1);

    /// Whether the connection outlives the request.
    pub const fn keep_conn(self) -> bool {
        self.0 & Self::KEEP_CONN.0 != 0
    }
}

/// Whether a request was served. An unknown status is data.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ProtocolStatus(pub u8);

impl ProtocolStatus {
    /// The request was served.
    pub const REQUEST_COMPLETE: Self = Self(0);
    /// Turned away: the application takes one request at a time on a connection.
    pub const CANT_MPX_CONN: Self = Self(1);
    /// Turned away: the application is short of something.
    pub const OVERLOADED: Self = Self(2);
    /// Turned away: the application does not know the role.
    pub const UNKNOWN_ROLE: Self = Self(3);
}

impl fmt::Debug for ProtocolStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ProtocolStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::REQUEST_COMPLETE => f.write_str("REQUEST_COMPLETE"),
            Self::CANT_MPX_CONN => f.write_str("CANT_MPX_CONN"),
            Self::OVERLOADED => f.write_str("OVERLOADED"),
            Self::UNKNOWN_ROLE => f.write_str("UNKNOWN_ROLE"),
            Self(other) => write!(f, "protocol status {other}"),
        }
    }
}
