//! The answers to ACL and its subcommands; node and proxy say the same.
//! Pure: what there is is passed in, what is to be done about clients and files is told. Texts and order of checks as in Redis 7.0.

use std::sync::Arc;

use super::command_set::Category;
use super::log::AccessLog;
use super::login::Login;
use super::password::PasswordDice;
use super::rule::until_nul;
use super::selector::{ChannelsByDefault, Selector};
use super::user::User;
use super::users::{Changed, Users};
use crate::command::{self, CommandId, CommandSpec};
use crate::resp::{AccessError, Args, ErrorReply, ReplyWriter, integer, is_word};

/// Entries of ACL LOG that are shown where no number is given.
const SHOWN_ENTRIES: usize = 10;

/// Bits of a password of ACL GENPASS: where no number is given, and the most.
const PASSWORD_BITS: i64 = 256;
const MOST_PASSWORD_BITS: i64 = 4_096;

/// What an answer is made of.
#[derive(Debug)]
pub struct AccessDesk<'a> {
    /// Who there is.
    pub users: &'a mut Arc<Users>,
    /// What was refused.
    pub log: &'a mut AccessLog,
    /// Throws passwords.
    pub dice: &'a mut PasswordDice,
    /// Who asks.
    pub login: &'a Login,
    /// Whether there is a file of users.
    pub has_file: bool,
    /// `acl-pubsub-default`
    pub channels: ChannelsByDefault,
    /// Unix milliseconds.
    pub now_ms: u64,
}

/// What is to come behind an answer.
#[derive(Debug)]
pub enum AfterAccess {
    /// Nothing.
    Done,
    /// These users are others: their clients are to hear of it.
    Changed(Vec<Changed>),
    /// The users are to be read from their file; then the answer comes.
    Load,
    /// They are to be written there; then the answer comes.
    Save,
}

/// Whether a row's command is served here.
type IsServed<'a> = &'a dyn Fn(&CommandSpec) -> bool;

/// Writes the answer to a subcommand of ACL; arity has been checked. HELP is the caller's.
///
/// # Errors
/// What Redis says.
pub fn answer(
    spec: &CommandSpec,
    args: Args<'_>,
    desk: &mut AccessDesk<'_>,
    is_served: impl Fn(&CommandSpec) -> bool,
    reply: &mut ReplyWriter<'_>,
) -> Result<AfterAccess, ErrorReply> {
    let is_served: IsServed<'_> = &is_served;
    match spec.id {
        CommandId::AclWhoami => reply.bulk(desk.login.user().name()),
        CommandId::AclUsers => {
            reply.array(desk.users.iter().len());
            desk.users.iter().for_each(|user| reply.bulk(user.name()));
        }
        CommandId::AclList => {
            reply.array(desk.users.iter().len());
            desk.users
                .iter()
                .for_each(|user| reply.bulk(&user.describe()));
        }
        CommandId::AclGetuser => match desk.users.get(args.at(2)) {
            Some(user) => show_user(user, reply),
            None => reply.null(),
        },
        CommandId::AclSetuser => {
            let rules = args.iter_from(3);
            let users = Arc::make_mut(desk.users);
            let changed = users.set(args.at(2), rules, desk.channels)?;
            reply.ok();
            return Ok(AfterAccess::Changed(vec![changed]));
        }
        CommandId::AclDeluser => {
            let gone = Arc::make_mut(desk.users).delete(args.iter_from(2))?;
            reply.integer(i64::try_from(gone.len()).unwrap_or(i64::MAX));
            return Ok(AfterAccess::Changed(gone));
        }
        CommandId::AclCat => show_categories(args, is_served, reply)?,
        CommandId::AclDryrun => dry_run(args, desk.users, is_served, reply)?,
        CommandId::AclGenpass => reply.bulk(generate_password(args, desk.dice)?.as_bytes()),
        CommandId::AclLog => show_log(args, desk.log, desk.now_ms, reply)?,
        CommandId::AclLoad | CommandId::AclSave if !desk.has_file => {
            return Err(AccessError::NoFile.into());
        }
        CommandId::AclLoad => return Ok(AfterAccess::Load),
        CommandId::AclSave => return Ok(AfterAccess::Save),
        _ => return Err(command::unknown_command(args)),
    }
    Ok(AfterAccess::Done)
}

/// Which arguments of ACL no log may show: bit by index.
#[must_use]
pub fn secret_args(command: CommandId) -> u64 {
    match command {
        CommandId::AclSetuser => !0b11,
        _ => 0,
    }
}

fn show_user(user: &User, reply: &mut ReplyWriter<'_>) {
    let (own, others) = user.selectors();
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.password_hashes().len());
    user.password_hashes()
        .for_each(|hash| reply.bulk(hash.as_bytes()));
    show_selector(own, reply);
    reply.bulk(b"selectors");
    reply.array(others.len());
    for selector in others {
        reply.map(3);
        show_selector(selector, reply);
    }
}

fn show_selector(selector: &Selector, reply: &mut ReplyWriter<'_>) {
    reply.bulk(b"commands");
    reply.bulk(&selector.description);
    let mut keys = Vec::new();
    selector.describe_keys(&mut keys);
    reply.bulk(b"keys");
    reply.bulk(&keys);
    let mut channels = Vec::new();
    selector.describe_channels(&mut channels);
    reply.bulk(b"channels");
    reply.bulk(&channels);
}

/// ACL CAT \[category\]
fn show_categories(
    args: Args<'_>,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    check_length("ACL", args)?;
    let Some(word) = args.get(2) else {
        reply.array(Category::all().len());
        for category in Category::all() {
            reply.bulk(category.word.as_bytes());
        }
        return Ok(());
    };
    let category = Category::find(until_nul(word));
    let category = category.ok_or_else(|| ErrorReply::unknown_category(word))?;
    let is_listed = |row: &&CommandSpec| {
        let has_served = row.subcommands().iter().any(is_served);
        category.rows.contains(row.id) && (is_served(row) || has_served)
    };
    reply.array(command::all().filter(is_listed).count());
    for row in command::all().filter(is_listed) {
        reply.bulk(row.name.as_bytes());
    }
    Ok(())
}

/// ACL DRYRUN user command \[argument …\]
fn dry_run(
    args: Args<'_>,
    users: &Users,
    is_served: IsServed<'_>,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    let user = users.get(args.at(2));
    let user = user.ok_or_else(|| ErrorReply::user_not_found(args.at(2)))?;
    let asked = args.skip(3);
    let spec = command::resolve_served(asked, is_served).map_err(|error| match error {
        ErrorReply::Arity(_) | ErrorReply::TooManyArguments(_) => error,
        _ => ErrorReply::command_not_found(args.at(3)),
    })?;
    let Err(denied) = user.check(spec, asked) else {
        reply.ok();
        return Ok(());
    };
    let (before, object, after): (_, &[u8], _) = match denied {
        super::Denied::Command => ("run the '", spec.name.as_bytes(), "' command"),
        super::Denied::Key(at) => ("access the '", asked.at(at), "' key"),
        super::Denied::Channel(at) => ("access the '", asked.at(at), "' channel"),
        super::Denied::TooMany => return Err(ErrorReply::TooManyNames),
    };
    let mut text = b"This user has no permissions to ".to_vec();
    text.extend_from_slice(before.as_bytes());
    text.extend_from_slice(until_nul(object));
    text.extend_from_slice(after.as_bytes());
    reply.bulk(&text);
    Ok(())
}

/// ACL GENPASS \[bits\]
fn generate_password(args: Args<'_>, dice: &mut PasswordDice) -> Result<String, ErrorReply> {
    check_length("ACL", args)?;
    let bits = args.get(2).map_or(Ok(PASSWORD_BITS), integer)?;
    let digits = usize::try_from(bits).ok().map(|bits| bits.div_ceil(4));
    let is_allowed = (1..=MOST_PASSWORD_BITS).contains(&bits);
    let digits = digits.filter(|_| is_allowed);
    Ok(dice.throw(digits.ok_or(AccessError::PasswordBits)?))
}

/// ACL LOG \[count | RESET\]
fn show_log(
    args: Args<'_>,
    log: &mut AccessLog,
    now_ms: u64,
    reply: &mut ReplyWriter<'_>,
) -> Result<(), ErrorReply> {
    check_length("ACL", args)?;
    let count = match args.get(2) {
        None => SHOWN_ENTRIES,
        Some(word) if is_word(word, "reset") => {
            log.clear();
            reply.ok();
            return Ok(());
        }
        // Below nought are none.
        Some(word) => usize::try_from(integer(word)?).unwrap_or(0),
    };
    log.write(count, now_ms, reply);
    Ok(())
}

/// One argument behind the subcommand, or none.
fn check_length(container: &str, args: Args<'_>) -> Result<(), ErrorReply> {
    match args.len() {
        ..=3 => Ok(()),
        _ => Err(ErrorReply::unknown_subcommand_or_arity(
            container,
            args.at(1),
        )),
    }
}
