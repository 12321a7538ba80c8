//! Networks as they are typed: addresses, and how many of their leading bits count. No name is looked up here.

use std::net::IpAddr;

/// Reads a list; `None` when one of its items is no network.
pub(super) fn read_networks(text: &str) -> Option<Vec<(IpAddr, u8)>> {
    items(text).map(read_network).collect()
}

/// The items of a list that has commas or blanks between them.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t', '\n']).filter(|item| !item.is_empty())
}

/// Reads one network. One of IPv4 is given as such although it is written as one of IPv6, which is how the kernel shows IPv4 peers
/// of an IPv6 socket.
pub(super) fn read_network(item: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = item.split_once('/').map_or((item, None), |(address, bits)| (address, Some(bits)));
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = bare.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = match bits {
        None => whole,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    if bits > whole {
        return None;
    }
    let mapped = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().zip(bits.checked_sub(96)),
        IpAddr::V4(_) => None,
    };
    Some(mapped.map_or((address, bits), |(address, bits)| (address.into(), bits)))
}

#[cfg(test)]
mod tests {
    use super::read_networks;

    #[test]
    fn networks_are_read() {
        let read = read_networks("127.0.0.1, 10.0.0.0/8,[::1] fd00::/8 ::ffff:10.0.0.0/104 ::/0").unwrap();
        let wanted =
            [("127.0.0.1", 32), ("10.0.0.0", 8), ("::1", 128), ("fd00::", 8), ("10.0.0.0", 8), ("::", 0)];
        assert_eq!(read, wanted.map(|(address, bits)| (address.parse().unwrap(), bits)));
        assert_eq!(read_networks(""), Some(Vec::new()), "nobody");
        for text in ["localhost", "10.0.0.0/33", "::1/129", "10.0.0/8", "1.2.3.4/+8", "1.2.3.4/", "any"] {
            assert_eq!(read_networks(text), None, "{text}");
        }
    }
}
