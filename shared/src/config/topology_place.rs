//! Where a topology is kept, as a setting: a file of this host, or etcd for many. Pure.

use super::value::SettingValue;
use crate::topology::Address;
use std::path::{Path, PathBuf};

/// How a place in etcd begins.
const ETCD: &str = "etcd://";

/// … and one in an etcd that speaks TLS.
const ETCD_TLS: &str = "etcds://";

/// How our keys in etcd begin where nothing else is said.
const PREFIX: &str = "/switchyard/";

/// Where the topology is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopologyPlace {
    /// A file, for proxies of one host.
    File(PathBuf),
    /// etcd, for proxies of many hosts.
    Etcd {
        /// Its members; the next is asked where one does not answer.
        endpoints: Vec<Address>,
        /// How the keys begin: `/switchyard/`.
        prefix: String,
        /// Whether they are spoken to over TLS.
        is_tls: bool,
    },
}

impl TopologyPlace {
    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Etcd { .. } => None,
        }
    }
}

impl From<PathBuf> for TopologyPlace {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// `topology.toml`, `etcd://10.0.0.1:2379,10.0.0.2:2379` or `etcd://10.0.0.1:2379/caches/blue`; `etcds://` over TLS.
impl SettingValue for TopologyPlace {
    const SHAPE: &'static str = "FILE|etcd://HOST:PORT,…";

    fn parse(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix(ETCD).map(|rest| (rest, false));
        let place = plain.or_else(|| Some((text.strip_prefix(ETCD_TLS)?, true)));
        let Some((rest, is_tls)) = place else {
            return PathBuf::parse(text).map(Self::File);
        };
        let (endpoints, prefix) = match rest.split_once('/') {
            Some((endpoints, prefix)) => (endpoints, format!("/{}/", prefix.trim_matches('/'))),
            None => (rest, PREFIX.to_owned()),
        };
        if endpoints.is_empty() {
            return Err(format!(
                "\"{text}\" names no member of etcd; write etcd://HOST:PORT, or several with commas between them"
            ));
        }
        let prefix = if prefix == "//" {
            PREFIX.to_owned()
        } else {
            prefix
        };
        let endpoints: Result<_, _> = endpoints.split(',').map(Address::parse).collect();
        endpoints.map(|endpoints| Self::Etcd {
            endpoints,
            prefix,
            is_tls,
        })
    }

    fn print(&self) -> String {
        match self {
            Self::File(path) => path.print(),
            Self::Etcd {
                endpoints,
                prefix,
                is_tls,
            } => {
                let scheme = if *is_tls { ETCD_TLS } else { ETCD };
                let endpoints: Vec<String> = endpoints.iter().map(Address::print).collect();
                let prefix = match prefix.as_str() {
                    PREFIX => "",
                    prefix => prefix.trim_end_matches('/'),
                };
                format!("{scheme}{}{prefix}", endpoints.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_etcd_and_prints_as_it_was_written() {
        for text in [
            "topology.toml",
            "/etc/switchyard/topology.toml",
            "etcd://127.0.0.1:2379",
            "etcd://a:2379,b:2379/caches/blue",
            "etcds://a:2379",
            "etcds://a:2379,b:2379/caches/blue",
        ] {
            assert_eq!(TopologyPlace::parse(text).unwrap().print(), text);
        }
        let TopologyPlace::Etcd {
            endpoints, prefix, ..
        } = TopologyPlace::parse("etcd://a:1,b:2/x/").unwrap()
        else {
            panic!("etcd");
        };
        assert_eq!((endpoints.len(), prefix.as_str()), (2, "/x/"));
        assert_eq!(
            TopologyPlace::parse("etcd://a:1/").unwrap().print(),
            "etcd://a:1"
        );
        for wrong in [
            "",
            "etcd://",
            "etcd:///x",
            "etcd://a",
            "etcd://a:1,,b:2",
            "etcds://",
            "etcds:///x",
        ] {
            assert!(TopologyPlace::parse(wrong).is_err(), "{wrong}");
        }
    }
}
