//! Who may see how the server is doing: networks, and addresses in them.

use std::net::IpAddr;

use crate::os::peers::Network;

/// Networks whose addresses are let in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allowed(Vec<Network>);

impl Allowed {
    /// Takes networks: an address, and how many of its leading bits count.
    pub fn new(networks: Vec<(IpAddr, u8)>) -> Self {
        Self(networks.into_iter().map(|(address, bits)| Network { address, bits }).collect())
    }

    /// Whether an address is in one of them; IPv4 addresses that are written as IPv6 ones are IPv4 addresses.
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether an address in the text that CGI has for it is in one of them. What is no address is in none.
    pub fn has_text(&self, address: &[u8]) -> bool {
        let text = std::str::from_utf8(address).unwrap_or_default();
        text.parse().is_ok_and(|address| self.has(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_networks() {
        let networks = [("127.0.0.1", 32), ("10.0.0.0", 8), ("::1", 128), ("2001:db8::", 32)];
        let allowed = Allowed::new(networks.map(|(address, bits)| (address.parse().unwrap(), bits)).into());
        for inside in ["127.0.0.1", "10.200.3.4", "::1", "2001:db8:ffff::9", "::ffff:10.1.1.1"] {
            assert!(allowed.has_text(inside.as_bytes()), "{inside}");
        }
        for outside in
            ["127.0.0.2", "11.0.0.1", "::2", "2001:db9::", "", "unix:", "10.0.0", "::ffff:11.1.1.1"]
        {
            assert!(!allowed.has_text(outside.as_bytes()), "{outside}");
        }
        let all = Allowed::new(vec![("0.0.0.0".parse().unwrap(), 0), ("::".parse().unwrap(), 0)]);
        assert!(all.has_text(b"192.0.2.1") && all.has_text(b"2001:db8::1"));
        assert!(!Allowed::new(Vec::new()).has_text(b"127.0.0.1"));
    }
}
