//! The exit statuses of `fcgi-run`, which are a promise to scripts and service managers.
//!
//! The launcher of a daemon exits with the verdict of the daemon's start, so that `fcgi-run ... && echo serving`
//! tells the truth.

use std::process::ExitCode;

/// How a process of `fcgi-run` ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Stopped as asked, or, for a launcher, the daemon serves.
    Stopped = 0,
    /// Something failed while running.
    Failure = 1,
    /// The options or the configuration cannot be used; nothing was started.
    Usage = 2,
    /// The application cannot be imported.
    AppImport = 3,
    /// The address or the pidfile is in use, or may not be used.
    AddressInUse = 4,
}

impl ExitStatus {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Stopped, Self::Failure, Self::Usage, Self::AppImport, Self::AddressInUse];

    /// The status of this number, if it is one of ours.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| i32::from(*status) == code)
    }

    /// What the status says, for the help and the man page.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Stopped => "stopped as asked; of a launcher: the daemon serves",
            Self::Failure => "a failure while running",
            Self::Usage => "an option or the configuration cannot be used",
            Self::AppImport => "the application cannot be imported",
            Self::AddressInUse => "the address or the pidfile is in use, or may not be used",
        }
    }
}

impl From<ExitStatus> for i32 {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus;

    #[test]
    fn numbers_are_a_promise() {
        let numbers = ExitStatus::ALL.map(i32::from);
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert_eq!(ExitStatus::from_code(3), Some(ExitStatus::AppImport));
        assert_eq!(ExitStatus::from_code(5), None);
        assert_eq!(ExitStatus::from_code(-1), None);
    }
}
