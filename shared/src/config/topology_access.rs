//! As whom etcd is asked for the topology, and how who is asked is known: a user with a password, and the files of TLS. Plain data. Pure.

use super::secret::Secret;
use super::settings::Conflict;
use super::topology_place::TopologyPlace;
use super::value::SettingValue;
use std::fmt;
use std::path::PathBuf;

/// Longest name of a user, bytes: more than anybody types.
const LONGEST_NAME: usize = 256;

/// The name of a user of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl SettingValue for UserName {
    const SHAPE: &'static str = "NAME";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST_NAME || text.contains(char::is_control) {
            return Err(format!(
                "a user's name has 1 to {LONGEST_NAME} bytes, and no control characters"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn print(&self) -> String {
        self.0.clone()
    }
}

/// What beside its place must be known to reach a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopologyAccess {
    /// As whom etcd is asked; nobody where it lets everybody in.
    pub user: Option<UserName>,
    /// That user's password.
    pub password: Secret,
    /// Who may have signed the certificates of etcd's members.
    pub ca_file: Option<PathBuf>,
    /// The certificate that they are shown.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}

impl TopologyAccess {
    /// What does not go together, in the words of settings and of flags, which have the same names.
    #[must_use]
    pub fn conflicts(&self, place: &TopologyPlace) -> Vec<Conflict> {
        const USER: &str = "topology-user";
        const PASSWORD: &str = "topology-password";
        const CA: &str = "topology-ca-file";
        const CERTIFICATE: &str = "topology-cert-file";
        const KEY: &str = "topology-key-file";
        let (is_etcd, is_tls) = match place {
            TopologyPlace::File(_) => (false, false),
            TopologyPlace::Etcd { is_tls, .. } => (true, *is_tls),
        };
        let mut found = Vec::new();
        let mut add = |is_wrong: bool, between: [&'static str; 2], text: &str| {
            if is_wrong {
                let text = text.to_owned();
                found.push(Conflict { between, text });
            }
        };
        let (has_user, has_password) = (self.user.is_some(), !self.password.is_empty());
        add(
            has_user && !has_password,
            [USER, PASSWORD],
            "topology-user without topology-password: etcd asks for both",
        );
        add(
            has_password && !has_user,
            [PASSWORD, USER],
            "topology-password without topology-user: etcd asks for both",
        );
        add(
            has_user && !is_etcd,
            [USER, "topology"],
            "topology-user is for etcd, and the topology is in a file",
        );
        add(
            is_tls && self.ca_file.is_none(),
            ["topology", CA],
            "etcds:// needs topology-ca-file, which says whose certificates are trusted",
        );
        let files = [
            (CA, &self.ca_file),
            (CERTIFICATE, &self.cert_file),
            (KEY, &self.key_file),
        ];
        for (name, file) in files {
            let text = format!("{name} is for TLS; write etcds:// where the topology is in etcd");
            add(file.is_some() && !is_tls, [name, "topology"], &text);
        }
        let (has_certificate, has_key) = (self.cert_file.is_some(), self.key_file.is_some());
        add(
            has_certificate && !has_key,
            [CERTIFICATE, KEY],
            "topology-cert-file needs topology-key-file",
        );
        add(
            has_key && !has_certificate,
            [KEY, CERTIFICATE],
            "topology-key-file needs topology-cert-file",
        );
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name() {
        for good in ["root", "a b", "ü", &"x".repeat(LONGEST_NAME)] {
            assert_eq!(UserName::parse(good).unwrap().print(), good);
        }
        for wrong in ["", "a\nb", "\0", &"x".repeat(LONGEST_NAME + 1)] {
            assert!(UserName::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    fn check(place: &str, change: impl Fn(&mut TopologyAccess), expected: &[[&str; 2]]) {
        let mut access = TopologyAccess::default();
        change(&mut access);
        let conflicts = access.conflicts(&TopologyPlace::parse(place).unwrap());
        let between: Vec<_> = conflicts.iter().map(|conflict| conflict.between).collect();
        assert_eq!(between, expected, "{place} {access:?}");
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        let user = |access: &mut TopologyAccess| {
            access.user = UserName::parse("root").ok();
            access.password = Secret::new("x");
        };
        let ca = |access: &mut TopologyAccess| access.ca_file = Some("ca.pem".into());
        let pair = |access: &mut TopologyAccess| {
            ca(access);
            access.cert_file = Some("c.pem".into());
            access.key_file = Some("k.pem".into());
        };
        check("t.toml", |_| {}, &[]);
        check("etcd://a:1", user, &[]);
        check("etcds://a:1", ca, &[]);
        check("etcds://a:1", pair, &[]);
        check("t.toml", user, &[["topology-user", "topology"]]);
        check("etcds://a:1", |_| {}, &[["topology", "topology-ca-file"]]);
        check("etcd://a:1", ca, &[["topology-ca-file", "topology"]]);
        let half = |access: &mut TopologyAccess| {
            pair(access);
            access.key_file = None;
        };
        let apart = ["topology-cert-file", "topology-key-file"];
        check("etcds://a:1", half, &[apart]);
        let other_half = |access: &mut TopologyAccess| {
            pair(access);
            access.cert_file = None;
        };
        check("etcds://a:1", other_half, &[[apart[1], apart[0]]]);
        let no_password = |access: &mut TopologyAccess| access.user = UserName::parse("a").ok();
        let names = ["topology-user", "topology-password"];
        check("etcd://a:1", no_password, &[names]);
        let no_user = |access: &mut TopologyAccess| access.password = Secret::new("x");
        check("etcd://a:1", no_user, &[[names[1], names[0]]]);
    }
}
