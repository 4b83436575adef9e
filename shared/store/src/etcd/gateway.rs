//! The members of etcd as one: who is asked, and who next.
//! Reaches: connections. Invariants: a question goes from one member to the next until one answers; an order is sent to one member at most, so that nothing is done
//! twice; both end within the deadline.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::topology::Address;
use tokio::time::timeout;

use super::http::{Connection, Read, Stream};
use super::identity::{EtcdUser, Identity, Known, is_open, is_stale};
use super::messages::{self, Condition, Found, Message, Put};
use super::tls::Tls;
use crate::error::EtcdError;

/// gRPC's codes for what was decided before anything was done: the request is wrong, not allowed, too much, or against what is there.
const DID_NOTHING: &[u64] = &[3, 5, 6, 7, 8, 9, 11, 12, 16];

impl EtcdError {
    /// Whether surely nothing was done.
    pub(super) fn did_nothing(&self) -> bool {
        match self {
            Self::Refused { code, .. } => DID_NOTHING.contains(code),
            Self::Silent { .. } | Self::Broken { .. } | Self::NotUnderstood { .. } => false,
            Self::Nobody(errors) => errors.iter().all(Self::did_nothing),
            Self::NoEndpoint
            | Self::NotLetIn { .. }
            | Self::NobodyTrusted
            | Self::Unreadable(_)
            | Self::Unfit { .. }
            | Self::LeaseEnded
            | Self::Unreachable { .. }
            | Self::Missing { .. }
            | Self::Foreign { .. }
            | Self::TooLong { .. } => true,
        }
    }

    /// Whether another member may know better.
    fn is_of_one_member(&self) -> bool {
        match self {
            Self::Refused { code, .. } => !DID_NOTHING.contains(code),
            Self::NotLetIn { source, .. } => source.is_of_one_member(),
            _ => true,
        }
    }
}

/// What a request carries.
fn token_of(known: &Known) -> Option<String> {
    match known {
        Known::Token(token) => Some(token.clone()),
        Known::Nothing | Known::Open => None,
    }
}

#[derive(Debug)]
pub(super) struct Gateway {
    endpoints: Vec<Address>,
    /// The place of who has answered last.
    preferred: AtomicUsize,
    deadline: Duration,
    tls: Option<Tls>,
    identity: Option<Identity>,
}

impl Gateway {
    /// `endpoints` are one at least.
    pub(super) fn new(endpoints: Vec<Address>, deadline: Duration) -> Self {
        Self {
            endpoints,
            preferred: AtomicUsize::new(0),
            deadline,
            tls: None,
            identity: None,
        }
    }

    /// Over TLS, as this user, or without either.
    pub(super) fn with(self, tls: Option<Tls>, user: Option<EtcdUser>) -> Self {
        Self {
            tls,
            identity: user.map(Identity::new),
            ..self
        }
    }

    /// Who is asked first.
    pub(super) fn preferred(&self) -> usize {
        self.preferred.load(Ordering::Relaxed)
    }

    /// What a range finds.
    pub(super) async fn read(&self, range: Message) -> Result<Found, EtcdError> {
        self.ask(&range, messages::read_found).await
    }

    /// Whether a put counted.
    pub(super) async fn put_if(
        &self,
        condition: Condition,
        put: &Put<'_>,
    ) -> Result<bool, EtcdError> {
        let order = messages::put_if(condition, put);
        self.order(&order, messages::read_put_if).await
    }

    /// Puts an entry, whatever is there.
    pub(super) async fn put(&self, put: &Put<'_>) -> Result<(), EtcdError> {
        self.order(&messages::put(put), messages::read_done).await
    }

    /// Asks one member after the other until one answers. Only for what may be done twice.
    pub(super) async fn ask<T>(&self, question: &Message, read: Read<T>) -> Result<T, EtcdError> {
        let share = self.share(1);
        let mut errors = Vec::new();
        for place in self.turns() {
            let endpoint = &self.endpoints[place];
            let attempt = async {
                let connection = self.open(endpoint, share).await?;
                self.ask_over(connection, place, question, read, share)
                    .await
            };
            let silent = |_| EtcdError::silent(endpoint, share);
            match timeout(share, attempt).await.map_err(silent).flatten() {
                Err(error) if error.is_of_one_member() => errors.push((place, error)),
                other => {
                    self.prefer(place);
                    return other;
                }
            }
        }
        Err(self.nobody(errors))
    }

    /// Sends an order to the first member that takes it.
    async fn order<T>(&self, order: &Message, read: Read<T>) -> Result<T, EtcdError> {
        let (connection, place) = self.connect().await?;
        let (endpoint, rest) = (&self.endpoints[place], self.deadline / 2);
        let asked = self.ask_over(connection, place, order, read, rest);
        let silent = |_| EtcdError::silent(endpoint, rest);
        let answer = timeout(rest, asked).await.map_err(silent).flatten();
        self.leave_if_failed(place, answer)
    }

    /// Asks over a connection to the member at this place, and again over another one when all that was wrong is the token.
    async fn ask_over<T>(
        &self,
        connection: Connection,
        place: usize,
        message: &Message,
        read: Read<T>,
        longest: Duration,
    ) -> Result<T, EtcdError> {
        let endpoint = &self.endpoints[place];
        let known = self.known(endpoint, longest).await?;
        let connection = connection.with_token(token_of(&known));
        match (connection.ask(message, read, longest).await, &self.identity) {
            (Err(error), Some(identity)) if is_stale(&error) => {
                // It has been refused, so it is not done twice.
                identity.forget(&known);
                let token = token_of(&self.known(endpoint, longest).await?);
                let connection = self.open(endpoint, longest).await?;
                connection
                    .with_token(token)
                    .ask(message, read, longest)
                    .await
            }
            (answer, _) => answer,
        }
    }

    /// What is known of the way in; this member is asked where nothing is.
    async fn known(&self, endpoint: &Address, longest: Duration) -> Result<Known, EtcdError> {
        let Some(identity) = &self.identity else {
            return Ok(Known::Open);
        };
        let known = identity.known();
        if known != Known::Nothing {
            return Ok(known);
        }
        let question = identity.question();
        let asked = async {
            let connection = self.open(endpoint, longest).await?;
            connection
                .ask(&question, messages::read_token, longest)
                .await
        };
        let known = match asked.await {
            Ok(token) => Known::Token(token),
            Err(error) if is_open(&error) => Known::Open,
            Err(source) => {
                return Err(EtcdError::NotLetIn {
                    endpoint: endpoint.clone(),
                    user: identity.name().to_owned(),
                    source: Box::new(source),
                });
            }
        };
        identity.learn(&known);
        Ok(known)
    }

    async fn open(&self, endpoint: &Address, longest: Duration) -> Result<Connection, EtcdError> {
        Connection::open(endpoint, self.tls.as_ref(), longest).await
    }

    /// Listens to the first member that can be connected to, and says which that is.
    pub(super) async fn listen(&self, question: &Message) -> Result<(Stream, usize), EtcdError> {
        let (connection, place) = self.connect().await?;
        let rest = self.deadline / 2;
        // Whoever listens has just read, so that a token is known that counts.
        let known = self.known(&self.endpoints[place], rest).await?;
        let connection = connection.with_token(token_of(&known));
        let stream = connection.listen(question, rest).await;
        Ok((self.leave_if_failed(place, stream)?, place))
    }

    /// Who has just failed is not asked first next time.
    fn leave_if_failed<T>(&self, place: usize, done: Result<T, EtcdError>) -> Result<T, EtcdError> {
        if done.as_ref().is_err_and(EtcdError::is_of_one_member) {
            self.prefer((place + 1) % self.endpoints.len());
        }
        done
    }

    /// The first that can be connected to, within half of the deadline, and its place.
    async fn connect(&self) -> Result<(Connection, usize), EtcdError> {
        let share = self.share(2);
        let mut errors = Vec::new();
        for place in self.turns() {
            match self.open(&self.endpoints[place], share).await {
                Ok(connection) => {
                    self.prefer(place);
                    return Ok((connection, place));
                }
                Err(error) => errors.push((place, error)),
            }
        }
        Err(self.nobody(errors))
    }

    /// So much of the deadline, the part of it being given, falls to each member.
    fn share(&self, part: u32) -> Duration {
        let members = u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX);
        self.deadline / members.saturating_mul(part).max(1)
    }

    /// Every place once, the preferred one first.
    fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.preferred(), self.endpoints.len());
        (0..count).map(move |turn| (first + turn) % count)
    }

    fn prefer(&self, place: usize) {
        self.preferred.store(place, Ordering::Relaxed);
    }

    /// In the order of the endpoints, so that the same trouble has the same words.
    fn nobody(&self, mut errors: Vec<(usize, EtcdError)>) -> EtcdError {
        errors.sort_by_key(|(place, _)| *place);
        let mut errors: Vec<EtcdError> = errors.into_iter().map(|(_, error)| error).collect();
        match errors.pop() {
            Some(only) if errors.is_empty() => only,
            last => {
                errors.extend(last);
                EtcdError::Nobody(errors)
            }
        }
    }
}
