//! Networks as they are typed: addresses, and how many of their leading bits count. No name is looked up here.

use std::net::IpAddr;

/// Reads a list with commas or blanks between its items; `None` when one of them is no network.
pub(super) fn read_networks(text: &str) -> Option<Vec<(IpAddr, u8)>> {
    let items = text.split([',', ' ', '\t', '\n']).filter(|item| !item.is_empty());
    items.map(read_network).collect()
}

fn read_network(item: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = item.split_once('/').map_or((item, None), |(address, bits)| (address, Some(bits)));
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = bare.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => whole,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    (bits <= whole).then_some((address, bits))
}

#[cfg(test)]
mod tests {
    use super::read_networks;

    #[test]
    fn networks_are_read() {
        let read = read_networks("127.0.0.1, 10.0.0.0/8,[::1] fd00::/8").unwrap();
        let wanted = [("127.0.0.1", 32), ("10.0.0.0", 8), ("::1", 128), ("fd00::", 8)];
        assert_eq!(read, wanted.map(|(address, bits)| (address.parse().unwrap(), bits)));
        assert_eq!(read_networks(""), Some(Vec::new()), "nobody");
        for text in ["localhost", "10.0.0.0/33", "::1/129", "10.0.0/8", "1.2.3.4/+8", "1.2.3.4/", "any"] {
            assert_eq!(read_networks(text), None, "{text}");
        }
    }
}
