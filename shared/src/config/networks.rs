//! Networks: whose addresses count as named.
//! Pure.

use super::value::SettingValue;
use ipnet::IpNet;
use std::net::IpAddr;

/// Most networks of one setting.
const MOST_NETWORKS: usize = 64;

/// Some networks; none holds nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether this address is in one of them. An IPv4 address that came over an IPv6 socket is one of IPv4.
    #[must_use]
    pub fn hold(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let alone = text.parse::<IpAddr>().map(IpNet::from);
    let network = alone.or_else(|_| text.parse::<IpNet>());
    let network = network.map_err(|_| {
        format!(
            "\"{text}\" is no network; write an address, or a network as in 10.0.0.0/8 or fd00::/8"
        )
    })?;
    if network != network.trunc() {
        return Err(format!(
            "{text} has bits behind its length; the network is {}",
            network.trunc()
        ));
    }
    Ok(network)
}

impl SettingValue for Networks {
    const SHAPE: &'static str = "NETWORKS";

    fn parse(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim);
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        if words.len() > MOST_NETWORKS {
            return Err(format!("these are more than {MOST_NETWORKS} networks"));
        }
        let networks = words.into_iter().map(network);
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }

    fn print(&self) -> String {
        let words = self.0.iter().map(ToString::to_string);
        words.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, inside: &[&str], outside: &[&str]) {
        let networks = Networks::parse(text).unwrap();
        let holds = |address: &&str| networks.hold(address.parse().unwrap());
        assert!(inside.iter().all(&holds), "{text}");
        assert!(!outside.iter().any(holds), "{text}");
        assert_eq!(Networks::parse(&networks.print()), Ok(networks));
    }

    #[test]
    fn addresses_are_found_in_their_networks() {
        check("", &[], &["127.0.0.1", "::1"]);
        check(
            "10.0.0.0/8, 127.0.0.1",
            &["10.255.0.1", "::ffff:10.1.1.1", "127.0.0.1"],
            &["11.0.0.1", "127.0.0.2", "::1"],
        );
        check(
            "fd00::/8,::1",
            &["fd12::1", "::1"],
            &["fe80::1", "10.0.0.1"],
        );
        check("0.0.0.0/0", &["1.2.3.4"], &["::1"]);
    }

    #[test]
    fn what_is_no_network_is_told() {
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "haproxy", "10.0.0.0/8;::1"] {
            assert!(Networks::parse(wrong).is_err(), "{wrong}");
        }
        let many = vec!["10.0.0.1"; MOST_NETWORKS + 1].join(",");
        assert!(Networks::parse(&many).is_err());
    }
}
