//! The eight bytes that open every record, and the two numbers in them that have a meaning of their own.
//!
//! In comes an array of eight bytes, out goes a checked [`RecordHeader`], and the other way round. Nothing
//! here looks at the content of a record. Source: FastCGI 1.0 sections 3.3 and 8.

use std::fmt;
use std::num::NonZeroU16;

use crate::error::ProtocolError;

/// The header of one record.
///
/// | byte | 0 | 1 | 2, 3 | 4, 5 | 6 | 7 |
/// |---|---|---|---|---|---|---|
/// | | version, 1 | type | request id | content length | padding length | reserved |
///
/// Numbers are big-endian. The version is not kept because only 1 is known; the reserved byte is written as
/// zero and not looked at when read.
///
/// ```
/// use fcgi_proto::{RecordHeader, RecordType};
///
/// let header = RecordHeader::from_bytes([1, 5, 0, 1, 0, 5, 3, 0])?;
/// assert_eq!(header.record_type, RecordType::STDIN);
/// assert_eq!((header.content_length, header.padding_length), (5, 3));
/// assert_eq!(header.record_len(), 16);
/// assert_eq!(header.to_bytes(), [1, 5, 0, 1, 0, 5, 3, 0]);
/// # Ok::<(), fcgi_proto::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordHeader {
    /// What the record is.
    pub record_type: RecordType,
    /// The request that the record belongs to, 0 for a management record.
    pub request_id: u16,
    /// The bytes of content that follow the header.
    pub content_length: u16,
    /// The bytes of padding that follow the content.
    pub padding_length: u8,
}

impl RecordHeader {
    /// The size of a header.
    pub const LEN: usize = 8;

    /// The only version there is.
    pub const VERSION: u8 = 1;

    /// What stands where no header has been read.
    pub(crate) const NONE: Self =
        Self { record_type: RecordType(0), request_id: 0, content_length: 0, padding_length: 0 };

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnsupportedVersion`] if the first byte is not 1. The size of the record is unknown
    /// then, so the connection cannot go on.
    #[inline]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Result<Self, ProtocolError> {
        let [version, record_type, id1, id0, content1, content0, padding_length, _reserved] = bytes;
        if version != Self::VERSION {
            return Err(ProtocolError::UnsupportedVersion { version });
        }
        Ok(Self {
            record_type: RecordType(record_type),
            request_id: u16::from_be_bytes([id1, id0]),
            content_length: u16::from_be_bytes([content1, content0]),
            padding_length,
        })
    }

    /// Writes the header.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [id1, id0] = self.request_id.to_be_bytes();
        let [content1, content0] = self.content_length.to_be_bytes();
        [Self::VERSION, self.record_type.0, id1, id0, content1, content0, self.padding_length, 0]
    }

    /// The bytes of the whole record: header, content and padding; 65798 at most.
    pub const fn record_len(self) -> usize {
        Self::LEN + self.content_length as usize + self.padding_length as usize
    }
}

/// The type of a record. An unknown one is data, not an error.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordType(pub u8);

impl RecordType {
    /// Begins a request; from the web server.
    pub const BEGIN_REQUEST: Self = Self(1);
    /// Asks for the early end of a request; from the web server.
    pub const ABORT_REQUEST: Self = Self(2);
    /// Ends a request; from the application.
    pub const END_REQUEST: Self = Self(3);
    /// A part of the stream of name-value pairs; from the web server.
    pub const PARAMS: Self = Self(4);
    /// A part of the request's body; from the web server.
    pub const STDIN: Self = Self(5);
    /// A part of the answer; from the application.
    pub const STDOUT: Self = Self(6);
    /// A part of the error messages; from the application.
    pub const STDERR: Self = Self(7);
    /// A part of the file that a filter works on; from the web server.
    pub const DATA: Self = Self(8);
    /// Asks for values of the application; management, from the web server.
    pub const GET_VALUES: Self = Self(9);
    /// Answers [`Self::GET_VALUES`]; management, from the application.
    pub const GET_VALUES_RESULT: Self = Self(10);
    /// Answers a management record of unknown type; management, from the application.
    pub const UNKNOWN_TYPE: Self = Self(11);

    /// The name that the specification gives to the type, without `FCGI_`.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::BEGIN_REQUEST => "BEGIN_REQUEST",
            Self::ABORT_REQUEST => "ABORT_REQUEST",
            Self::END_REQUEST => "END_REQUEST",
            Self::PARAMS => "PARAMS",
            Self::STDIN => "STDIN",
            Self::STDOUT => "STDOUT",
            Self::STDERR => "STDERR",
            Self::DATA => "DATA",
            Self::GET_VALUES => "GET_VALUES",
            Self::GET_VALUES_RESULT => "GET_VALUES_RESULT",
            Self::UNKNOWN_TYPE => "UNKNOWN_TYPE",
            _ => return None,
        })
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "type {}", self.0),
        }
    }
}

/// The number of a request on its connection, 1 to 65535. 0 belongs to the management records.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(NonZeroU16);

impl RequestId {
    /// The smallest id, the only one that most web servers use.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// Makes an id of a number, `None` for 0.
    pub const fn new(value: u16) -> Option<Self> {
        match NonZeroU16::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number itself.
    pub const fn value(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
