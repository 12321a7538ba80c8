//! Telling the service manager how things are, as `sd_notify(3)` does.
//!
//! In come the variables `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`; out go datagrams of `NAME=value` lines. No
//! descriptor stays open between two of them, so no worker inherits one.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The variables that are meant for this process alone.
pub const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Who wants to know how things are.
#[derive(Clone, Debug)]
pub struct ServiceManager {
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Finds it in the environment; `process` is this process. `None` where nobody asks, or where the address is none.
    pub fn find(variable: impl Fn(&str) -> Option<OsString>, process: u32) -> Option<Self> {
        let name = variable("NOTIFY_SOCKET")?;
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
            [b'/', ..] => SocketAddr::from_pathname(&name),
            _ => return None,
        };
        let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = variable("WATCHDOG_PID").is_none()
            || number("WATCHDOG_PID").is_some_and(|wanted| wanted == u64::from(process));
        let watchdog =
            number("WATCHDOG_USEC").filter(|limit| *limit > 0 && is_ours).map(Duration::from_micros);
        Some(Self { address: address.ok()?, watchdog })
    }

    /// The longest time that it lets pass without a sign of life.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it something, in lines of `NAME=value`.
    ///
    /// # Errors
    /// When nobody listens, or does not read for a second.
    pub fn tell(&self, text: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(Duration::from_secs(1)))?;
        socket.send_to_addr(text.as_bytes(), &self.address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(pairs: &[(&str, &str)]) -> Option<ServiceManager> {
        let find = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        ServiceManager::find(find, 42)
    }

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 100];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn tells_a_socket_in_a_folder_and_one_in_the_abstract() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        manager(&[("NOTIFY_SOCKET", path.to_str().unwrap())]).unwrap().tell("READY=1\n").unwrap();
        assert_eq!(heard(&socket), "READY=1\n");
        let name = format!("fcgi-run test {}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        manager(&[("NOTIFY_SOCKET", &format!("@{name}"))]).unwrap().tell("STOPPING=1").unwrap();
        assert_eq!(heard(&socket), "STOPPING=1");
    }

    #[test]
    fn nobody_asks_without_an_address() {
        for name in ["", "relative", "vsock:2:1"] {
            assert!(manager(&[("NOTIFY_SOCKET", name)]).is_none(), "{name:?}");
        }
        assert!(manager(&[("WATCHDOG_USEC", "1000000")]).is_none());
        let gone = manager(&[("NOTIFY_SOCKET", "/nowhere/at/all")]).unwrap();
        assert!(gone.tell("READY=1").is_err());
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let watchdog = |pairs: &[(&str, &str)]| {
            manager(&[&[("NOTIFY_SOCKET", "/n")], pairs].concat()).unwrap().watchdog()
        };
        let two = Some(Duration::from_secs(2));
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "2000000")]), two);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "42")]), two);
        for others in [
            &[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "43")][..],
            &[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "")],
            &[("WATCHDOG_USEC", "0")],
            &[("WATCHDOG_USEC", "soon")],
            &[],
        ] {
            assert_eq!(watchdog(others), None, "{others:?}");
        }
    }
}
