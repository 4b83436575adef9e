//! What our keys in etcd are called. Pure.

use shared::topology::ProxyId;

/// Every key begins with one prefix, which ends in `/`.
#[derive(Debug)]
pub(super) struct Keys {
    topology: String,
    leader: String,
    proxies: String,
    gossip_key: String,
    users: String,
}

impl Keys {
    pub(super) fn new(mut prefix: String) -> Self {
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        let below = |name| format!("{prefix}{name}");
        Self {
            topology: below("topology"),
            leader: below("leader"),
            proxies: below("proxies/"),
            gossip_key: below("gossip-key"),
            users: below("users"),
        }
    }

    /// Where the document is.
    pub(super) fn topology(&self) -> &str {
        &self.topology
    }

    /// Where the name of who leads is.
    pub(super) fn leader(&self) -> &str {
        &self.leader
    }

    /// Where the key is that proxies share.
    pub(super) fn gossip_key(&self) -> &str {
        &self.gossip_key
    }

    /// Where the users are that proxies share.
    pub(super) fn users(&self) -> &str {
        &self.users
    }

    /// How the keys of proxies begin.
    pub(super) fn proxies(&self) -> &str {
        &self.proxies
    }

    /// Where a proxy says what it has applied.
    pub(super) fn proxy(&self, proxy: &ProxyId) -> String {
        format!("{}{proxy}", self.proxies)
    }

    /// Whose key this is.
    pub(super) fn proxy_of(&self, key: &str) -> Option<ProxyId> {
        key.strip_prefix(&self.proxies)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_below_the_prefix_however_it_is_written() {
        for prefix in ["/a", "/a/"] {
            let keys = Keys::new(prefix.to_owned());
            assert_eq!(keys.topology(), "/a/topology");
            assert_eq!(keys.gossip_key(), "/a/gossip-key");
            assert_eq!(keys.users(), "/a/users");
            let proxy: ProxyId = "p1".parse().unwrap();
            assert_eq!(keys.proxy(&proxy), "/a/proxies/p1");
            assert_eq!(keys.proxy_of("/a/proxies/p1"), Some(proxy));
            assert_eq!(keys.proxy_of("/a/proxies/p 1"), None);
            assert_eq!(keys.proxy_of("/a/leader"), None);
        }
    }
}
