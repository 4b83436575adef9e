//! CLIENT KILL and CLIENT LIST: which clients are meant.
//! Pure: looks at one client at a time; cutting and showing them is the shell's.

use crate::access::Users;
use crate::resp::{Args, ErrorReply, ReplyWriter, integer, is_word, yes_or_no};

/// Most ids that CLIENT LIST takes at once: a thousandth of a second's work, and more clients than one looks at.
const MOST_IDS: usize = 16 * 1024;

/// What kind of connection a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// One that sends commands.
    Normal,
    /// A follower.
    Replica,
    /// The primary that is followed.
    Master,
    /// A subscriber.
    Pubsub,
}

impl ClientType {
    fn read(word: &[u8]) -> Result<Self, ErrorReply> {
        let words = [
            ("normal", Self::Normal),
            ("slave", Self::Replica),
            ("replica", Self::Replica),
            ("master", Self::Master),
            ("pubsub", Self::Pubsub),
        ];
        let found = words.into_iter().find(|(name, _)| is_word(word, name));
        found
            .map(|(_, kind)| kind)
            .ok_or_else(|| ErrorReply::unknown_client_type(word))
    }
}

/// A client as filters see it.
pub trait ListedClient {
    /// Its number.
    fn id(&self) -> u64;
    /// What kind of connection it is.
    fn client_type(&self) -> ClientType;
    /// Whether it connected from there (`ip:port`).
    fn is_from(&self, address: &[u8]) -> bool;
    /// Whether it connected to there (`ip:port`).
    fn is_connected_to(&self, address: &[u8]) -> bool;
    /// Whether it has come in as this user.
    fn is_user(&self, name: &[u8]) -> bool;
}

/// Whom CLIENT KILL means: those who pass all that is given.
#[derive(Clone, Debug)]
pub struct KillFilter {
    id: Option<u64>,
    client_type: Option<ClientType>,
    address: Option<Box<[u8]>>,
    local_address: Option<Box<[u8]>>,
    user: Option<Box<[u8]>>,
    /// Who asks.
    caller: u64,
    /// … and is not meant, whatever else is given.
    spares_caller: bool,
    /// The old form with just an address: another reply.
    is_by_address: bool,
}

impl KillFilter {
    /// Means the client of this number, said by nobody who is a client.
    #[must_use]
    pub fn of_id(id: u64) -> Self {
        Self {
            id: Some(id),
            client_type: None,
            address: None,
            local_address: None,
            user: None,
            caller: 0,
            spares_caller: false,
            is_by_address: false,
        }
    }

    /// Reads CLIENT KILL address | \[ID id\] \[TYPE type\] \[ADDR address\] \[LADDR address\] \[USER name\] \[SKIPME yes | no\], said by client `caller`
    /// where there are these `users`.
    ///
    /// # Errors
    /// What Redis says of the first filter that is wrong.
    pub fn read(args: Args<'_>, caller: u64, users: &Users) -> Result<Self, ErrorReply> {
        let is_by_address = args.len() == 3;
        let mut filter = Self {
            id: None,
            client_type: None,
            address: is_by_address.then(|| args.at(2).into()),
            local_address: None,
            user: None,
            caller,
            spares_caller: !is_by_address,
            is_by_address,
        };
        let mut index = if is_by_address { args.len() } else { 2 };
        while let Some(option) = args.get(index) {
            let value = args.get(index + 1).ok_or(ErrorReply::Syntax)?;
            filter.narrow(option, value, users)?;
            index += 2;
        }
        Ok(filter)
    }

    fn narrow(&mut self, option: &[u8], value: &[u8], users: &Users) -> Result<(), ErrorReply> {
        if is_word(option, "id") {
            let id = integer(value).ok().filter(|id| *id > 0);
            self.id = Some(id.ok_or(ErrorReply::ClientIdNotPositive)?.unsigned_abs());
        } else if is_word(option, "type") {
            self.client_type = Some(ClientType::read(value)?);
        } else if is_word(option, "addr") {
            self.address = Some(value.into());
        } else if is_word(option, "laddr") {
            self.local_address = Some(value.into());
        } else if is_word(option, "user") {
            if users.get(value).is_none() {
                return Err(ErrorReply::no_such_user(value));
            }
            self.user = Some(value.into());
        } else if is_word(option, "skipme") {
            self.spares_caller = yes_or_no(value)?;
        } else {
            return Err(ErrorReply::Syntax);
        }
        Ok(())
    }

    /// Whether this client is the one that asks: it gets its reply even if it is meant itself.
    #[must_use]
    pub fn is_caller(&self, client: &impl ListedClient) -> bool {
        self.caller == client.id()
    }

    /// Whether this client is meant.
    pub fn accepts(&self, client: &impl ListedClient) -> bool {
        let is_wanted = |wanted: Option<&[u8]>, is: &dyn Fn(&[u8]) -> bool| wanted.is_none_or(is);
        !(self.spares_caller && self.is_caller(client))
            && self.id.is_none_or(|id| id == client.id())
            && self
                .client_type
                .is_none_or(|kind| kind == client.client_type())
            && is_wanted(self.address.as_deref(), &|at| client.is_from(at))
            && is_wanted(self.local_address.as_deref(), &|at| {
                client.is_connected_to(at)
            })
            && is_wanted(self.user.as_deref(), &|name| client.is_user(name))
    }

    /// The reply when so many were killed.
    ///
    /// # Errors
    /// The one that an address named is not there.
    pub fn reply(&self, killed: usize, reply: &mut ReplyWriter<'_>) -> Result<(), ErrorReply> {
        match (self.is_by_address, killed) {
            (true, 0) => return Err(ErrorReply::NoSuchClient),
            (true, _) => reply.ok(),
            (false, _) => reply.integer(i64::try_from(killed).unwrap_or(i64::MAX)),
        }
        Ok(())
    }
}

/// Whom CLIENT LIST shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFilter {
    /// All.
    All,
    /// Those of a kind.
    Type(ClientType),
    /// Those with these numbers, in ascending order.
    Ids(Vec<u64>),
}

impl ListFilter {
    /// Reads CLIENT LIST \[TYPE type\] | \[ID id …\].
    ///
    /// # Errors
    /// What Redis says, and that there are too many ids, which Redis takes.
    pub fn read(args: Args<'_>) -> Result<Self, ErrorReply> {
        Self::read_from(args, 2)
    }

    /// Whether CLIENT LIST says ALL first, as proxies take it.
    #[must_use]
    pub fn is_of_all(args: Args<'_>) -> bool {
        args.get(2).is_some_and(|word| is_word(word, "all"))
    }

    /// Reads what stands behind CLIENT LIST ALL.
    ///
    /// # Errors
    /// As of CLIENT LIST.
    pub fn read_of_all(args: Args<'_>) -> Result<Self, ErrorReply> {
        Self::read_from(args, 3)
    }

    fn read_from(args: Args<'_>, at: usize) -> Result<Self, ErrorReply> {
        match args.get(at) {
            None => Ok(Self::All),
            Some(option) if is_word(option, "type") && args.len() == at + 2 => {
                Ok(Self::Type(ClientType::read(args.at(at + 1))?))
            }
            Some(option) if is_word(option, "id") && args.len() > at + 1 => ids(args, at + 1),
            Some(_) => Err(ErrorReply::Syntax),
        }
    }

    /// Whether this client is shown.
    pub fn accepts(&self, client: &impl ListedClient) -> bool {
        match self {
            Self::All => true,
            Self::Type(kind) => client.client_type() == *kind,
            Self::Ids(ids) => ids.binary_search(&client.id()).is_ok(),
        }
    }
}

fn ids(args: Args<'_>, from: usize) -> Result<ListFilter, ErrorReply> {
    if args.len() - from > MOST_IDS {
        return Err(ErrorReply::TooManyNames);
    }
    let mut ids = Vec::new();
    for id in args.iter_from(from) {
        let id = integer(id).map_err(|_| ErrorReply::InvalidClientId)?;
        // Nobody has a negative one.
        ids.extend(u64::try_from(id));
    }
    ids.sort_unstable();
    Ok(ListFilter::Ids(ids))
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_args;
    use super::*;
    use crate::resp::Protocol;

    struct Client(u64);

    impl ListedClient for Client {
        fn id(&self) -> u64 {
            self.0
        }
        fn client_type(&self) -> ClientType {
            ClientType::Normal
        }
        fn is_from(&self, address: &[u8]) -> bool {
            address == format!("10.0.0.{}:1", self.0).as_bytes()
        }
        fn is_connected_to(&self, address: &[u8]) -> bool {
            address == b"10.0.0.9:6379"
        }
        fn is_user(&self, name: &[u8]) -> bool {
            name == b"default"
        }
    }

    /// Which of the clients 1, 2 and 3 are meant, and what is said to client 1, who asks.
    fn check_kill(line: &str, meant: &[u64], reply: &str) {
        let filter = match with_args(line, |args| KillFilter::read(args, 1, &Users::default())) {
            Ok(filter) => filter,
            Err(error) => return assert_eq!(error.to_string(), reply, "{line}"),
        };
        let accepted: Vec<u64> = (1..=3).filter(|id| filter.accepts(&Client(*id))).collect();
        assert_eq!(accepted, meant, "{line}");
        let mut out = Vec::new();
        let mut writer = ReplyWriter::new(&mut out, Protocol::Resp2);
        if let Err(error) = filter.reply(accepted.len(), &mut writer) {
            writer.error(&error);
        }
        assert_eq!(String::from_utf8_lossy(&out), reply, "{line}");
        assert!(filter.is_caller(&Client(1)) && !filter.is_caller(&Client(2)));
    }

    #[test]
    fn filters_choose_and_the_caller_is_spared_unless_it_says_otherwise() {
        check_kill("CLIENT KILL 10.0.0.2:1", &[2], "+OK\r\n");
        check_kill("CLIENT KILL 10.0.0.1:1", &[1], "+OK\r\n");
        check_kill("CLIENT KILL 10.0.0.7:1", &[], "-ERR No such client\r\n");
        check_kill("CLIENT KILL ID 3", &[3], ":1\r\n");
        check_kill("CLIENT KILL ID 1", &[], ":0\r\n");
        check_kill("CLIENT KILL ID 1 SKIPME no", &[1], ":1\r\n");
        check_kill("CLIENT KILL ID 3 ADDR 10.0.0.2:1", &[], ":0\r\n");
        check_kill("CLIENT KILL TYPE normal", &[2, 3], ":2\r\n");
        check_kill("CLIENT KILL TYPE pubsub SKIPME no", &[], ":0\r\n");
        check_kill("CLIENT KILL LADDR 10.0.0.9:6379", &[2, 3], ":2\r\n");
        check_kill("CLIENT KILL USER default SKIPME yes", &[2, 3], ":2\r\n");
    }

    #[test]
    fn the_first_filter_that_is_wrong_is_named() {
        let positive = "ERR client-id should be greater than 0";
        check_kill("CLIENT KILL ID 0", &[], positive);
        check_kill("CLIENT KILL ID x ADDR", &[], positive);
        check_kill("CLIENT KILL USER x", &[], "ERR No such user 'x'");
        check_kill("CLIENT KILL TYPE x", &[], "ERR Unknown client type 'x'");
        check_kill("CLIENT KILL SKIPME z", &[], "ERR syntax error");
        check_kill("CLIENT KILL ID 1 ADDR", &[], "ERR syntax error");
        check_kill("CLIENT KILL a b c", &[], "ERR syntax error");
    }

    #[test]
    fn lists_are_narrowed_by_kind_or_by_number() {
        let check = |line: &str, shown: Result<&[u64], &str>| {
            let found = with_args(line, ListFilter::read)
                .map(|filter| {
                    (1..=3)
                        .filter(|id| filter.accepts(&Client(*id)))
                        .collect::<Vec<_>>()
                })
                .map_err(|error| error.to_string());
            let expected = shown.map(<[u64]>::to_vec).map_err(str::to_owned);
            assert_eq!(found, expected, "{line}");
        };
        check("CLIENT LIST", Ok(&[1, 2, 3]));
        check("CLIENT LIST TYPE normal", Ok(&[1, 2, 3]));
        check("CLIENT LIST TYPE replica", Ok(&[]));
        check("CLIENT LIST ID 3 -1 1 99 3", Ok(&[1, 3]));
        check("CLIENT LIST ID 1 x", Err("ERR Invalid client ID"));
        check("CLIENT LIST ID", Err("ERR syntax error"));
        check("CLIENT LIST TYPE", Err("ERR syntax error"));
        check("CLIENT LIST TYPE x", Err("ERR Unknown client type 'x'"));
        let many = format!("CLIENT LIST ID{}", " 2".repeat(MOST_IDS));
        check(&many, Ok(&[2]));
        check(
            &format!("{many} 2"),
            Err("ERR too many names in one request, ask for fewer at a time"),
        );
    }
}
