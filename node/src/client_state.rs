//! What one client has chosen and what is known of it: protocol, database, name, whether it has authenticated.
//! Pure. May read: nothing but what the shell and the handlers put here. Never: a socket, a clock.
//! Invariant: while a client's commands run, its state is out of the registry (`node_state::clients`) and in the hands of the executor.

use crate::store::DbIndex;
use shared::command::CommandSpec;
use shared::resp::Protocol;
use shared::session::{ClientType, ListedClient, Replies};

/// One client: its choices, and what CLIENT LIST shows of it.
#[derive(Clone, Debug)]
pub struct ClientState {
    /// Unique in this process, counted from 1.
    pub id: u64,
    /// Chosen with HELLO.
    pub protocol: Protocol,
    /// Chosen with SELECT.
    pub db: DbIndex,
    /// Chosen with CLIENT SETNAME, HELLO or by nobody; empty when there is none.
    pub name: Vec<u8>,
    /// Given with CLIENT SETINFO.
    pub library_name: Vec<u8>,
    /// Given with CLIENT SETINFO.
    pub library_version: Vec<u8>,
    /// Whether commands other than AUTH and the like may run. True from the start where no password is set.
    pub authenticated: bool,
    /// CLIENT REPLY.
    pub replies: Replies,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH: reads do not count as accesses.
    pub no_touch: bool,
    /// `ip:port` of the client.
    pub address: String,
    /// `ip:port` it connected to.
    pub local_address: String,
    /// Number of the socket in this process, for CLIENT LIST.
    pub socket_number: i64,
    /// Unix milliseconds.
    pub connected_ms: u64,
    /// When it last sent something, Unix milliseconds.
    pub last_active_ms: u64,
    /// Its latest command.
    pub last_command: Option<&'static CommandSpec>,
    /// Bytes received and not yet executed.
    pub input_bytes: usize,
    /// Room of its input buffer beyond that.
    pub input_spare_bytes: usize,
    /// Bytes of replies not yet written.
    pub output_bytes: usize,
    /// When it last read some of them, or began not to, Unix milliseconds.
    pub output_progress_ms: u64,
    /// Arguments of the present command that no log may show: bit by index.
    pub secret_args: u64,
    /// The connection ends once its replies are written.
    pub closing: bool,
}

impl ClientState {
    /// A client as it is right after it connected.
    #[must_use]
    pub fn new(id: u64, now_ms: u64) -> Self {
        Self {
            id,
            protocol: Protocol::Resp2,
            db: DbIndex::default(),
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            authenticated: true,
            replies: Replies::On,
            no_evict: false,
            no_touch: false,
            address: String::new(),
            local_address: String::new(),
            socket_number: -1,
            connected_ms: now_ms,
            last_active_ms: now_ms,
            last_command: None,
            input_bytes: 0,
            input_spare_bytes: 0,
            output_bytes: 0,
            output_progress_ms: now_ms,
            secret_args: 0,
            closing: false,
        }
    }

    /// Whether the client connected from this machine.
    #[must_use]
    pub fn is_of_this_machine(&self) -> bool {
        let address = self.address.parse::<std::net::SocketAddr>();
        address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }

    /// Back to how it was when it connected (RESET). What CLIENT SETINFO told stays.
    pub fn reset(&mut self, needs_password: bool) {
        self.protocol = Protocol::Resp2;
        self.db = DbIndex::default();
        self.name.clear();
        self.authenticated = !needs_password;
        self.replies = Replies::On;
        self.no_evict = false;
        self.no_touch = false;
    }
}

impl ListedClient for ClientState {
    fn id(&self) -> u64 {
        self.id
    }

    /// All that are connected here today.
    fn client_type(&self) -> ClientType {
        ClientType::Normal
    }

    fn is_from(&self, address: &[u8]) -> bool {
        self.address.as_bytes() == address
    }

    fn is_connected_to(&self, address: &[u8]) -> bool {
        self.local_address.as_bytes() == address
    }
}
