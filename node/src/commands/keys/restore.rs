//! RESTORE: a key made of bytes that DUMP gave, here or at a redis-server; at once or, when there is much in them, a piece at a time with other clients' commands between.
//! Pure. Invariants: a payload is taken as a whole or not at all; effects name Unix time, whatever the client said.

use crate::commands::arguments::{integer, is_word};
use crate::commands::{Action, Call};
use crate::rdb::{Checksum, Loader, is_long};
use crate::store::Wording;
use shared::resp::{Args, ErrorReply};

/// Where the time to live stands, and the payload.
const TTL: usize = 2;
const PAYLOAD: usize = 3;
/// Where options begin.
const FIRST_OPTION: usize = 4;

/// RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
pub(super) fn restore(call: &mut Call<'_>) -> Result<Action, ErrorReply> {
    let mut restoring = None;
    while !Restoring::go_on(&mut restoring, call)? {}
    Ok(Action::Continue)
}

/// What else is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    replaces: bool,
    is_absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, ErrorReply> {
        let mut options = Self::default();
        let mut words = args.iter_from(FIRST_OPTION);
        while let Some(word) = words.next() {
            if is_word(word, "REPLACE") {
                options.replaces = true;
            } else if is_word(word, "ABSTTL") {
                options.is_absolute = true;
            } else if is_word(word, "IDLETIME") && options.frequency.is_none() && words.len() > 0 {
                let seconds = integer(words.next().unwrap_or_default())?;
                let seconds = u64::try_from(seconds).map_err(|_| ErrorReply::InvalidIdleTime)?;
                options.idle_seconds = Some(seconds);
            } else if is_word(word, "FREQ") && options.idle_seconds.is_none() && words.len() > 0 {
                let frequency = integer(words.next().unwrap_or_default())?;
                let frequency =
                    u8::try_from(frequency).map_err(|_| ErrorReply::InvalidFrequency)?;
                options.frequency = Some(frequency);
            } else {
                return Err(ErrorReply::Syntax);
            }
        }
        Ok(options)
    }
}

/// A RESTORE under way.
#[derive(Debug)]
pub(crate) struct Restoring {
    options: Options,
    /// As the client said it.
    ttl: i64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The payload is being summed.
    Checking(Checksum),
    /// A value is made of its first bytes, so many.
    Loading(Box<Loader>, usize),
    /// Nothing is left to be done.
    Over,
}

impl Restoring {
    /// Whether there is so much to do.
    pub(crate) fn is_long(args: Args<'_>) -> bool {
        args.get(PAYLOAD).is_some_and(is_long)
    }

    /// A step of the work; whether it was the last. On `Err` nothing is left of what it made.
    pub(crate) fn go_on(work: &mut Option<Self>, call: &mut Call<'_>) -> Result<bool, ErrorReply> {
        let Some(restoring) = work else {
            *work = Some(Self::begin(call)?);
            return Ok(false);
        };
        let payload = call.args.at(PAYLOAD);
        match std::mem::replace(&mut restoring.stage, Stage::Over) {
            Stage::Checking(mut checksum) => {
                restoring.stage = match checksum.check_some(payload)? {
                    None => Stage::Checking(checksum),
                    Some(len) => Stage::Loading(begin_value(call, len)?, len),
                };
                Ok(false)
            }
            Stage::Loading(mut loader, len) => match loader.go_on(&payload[..len], call.store) {
                Ok(false) => {
                    restoring.stage = Stage::Loading(loader, len);
                    Ok(false)
                }
                // What stands behind the value nobody looks at, as in Redis.
                Ok(true) => {
                    restoring.put(call, *loader)?;
                    Ok(true)
                }
                Err(fault) => {
                    loader.give_up(call.store);
                    Err(fault.into())
                }
            },
            Stage::Over => Ok(true),
        }
    }

    /// Looks at the arguments, in Redis' order.
    fn begin(call: &mut Call<'_>) -> Result<Self, ErrorReply> {
        let options = Options::parse(call.args)?;
        let (db, key) = (call.db(), call.key(1));
        if !options.replaces && call.store.exists(db, key) {
            return Err(ErrorReply::BusyKey);
        }
        let ttl = integer(call.args.at(TTL))?;
        if ttl < 0 {
            return Err(ErrorReply::InvalidTtl);
        }
        Ok(Self {
            options,
            ttl,
            stage: Stage::Checking(Checksum::from(0)),
        })
    }

    /// Puts the value, and says so; one whose time has come already is not put, and takes what is there with it.
    fn put(&self, call: &mut Call<'_>, loader: Loader) -> Result<(), ErrorReply> {
        let (db, key, args) = (call.db(), call.key(1), call.args);
        let now = i64::try_from(call.now_ms).unwrap_or(i64::MAX);
        let deadline = match self.ttl {
            0 => None,
            // Beyond 64 bits it is one that is past, as in Redis.
            ttl if self.is_relative() => Some(ttl.wrapping_add(now)),
            ttl => Some(ttl),
        };
        if deadline.is_some_and(|deadline| deadline <= now) {
            loader.give_up(call.store);
            call.store.remove(db, key);
            call.reply.ok();
            return Ok(());
        }
        let expiry = deadline.and_then(|deadline| u64::try_from(deadline).ok());
        let digits = expiry.unwrap_or_default().to_string();
        let mut words: Vec<&[u8]> = args.iter_from(0).collect();
        words[TTL] = digits.as_bytes();
        if expiry.is_some() && self.is_relative() {
            words.push(b"ABSTTL");
        }
        loader.put(call.store, key, db, expiry, Wording::Words(&words))?;
        let Options {
            idle_seconds,
            frequency,
            ..
        } = self.options;
        call.store.set_usage(db, key, idle_seconds, frequency);
        call.reply.ok();
        Ok(())
    }

    fn is_relative(&self) -> bool {
        !self.options.is_absolute
    }
}

/// The value that the payload's first `len` bytes are, of which nothing is made yet.
fn begin_value(call: &Call<'_>, len: usize) -> Result<Box<Loader>, ErrorReply> {
    let small = call.node.settings.hot.small;
    let limits = |kind| small.of_kind(kind);
    let bytes = &call.args.at(PAYLOAD)[..len];
    let key = call.args.at(1);
    let room = call.node.settings.hot.bulk_bytes;
    let loader = Loader::begin(bytes, call.db(), key, limits, room)?;
    Ok(Box::new(loader))
}
