//! What only the shell can do for a command, each in its one place: files, the node's end, a sleep. The reply goes into the client's outbox when it is done.
//! Decides nothing about keys. Invariant: an errand comes to its end whoever leaves meanwhile, and those of one client run one after the other.

use crate::client::ErrandTicket;
use crate::commands::{Errand, FinalSave, users_loaded, write_status};
use crate::node_state::{ClientKey, OrderNumber};
use crate::replication::{self, Have, orders};
use crate::saving::{self, SaveError};
use crate::settings::{Settings, Start};
use crate::shell::Shell;
use protocol::What;
use shared::config::{FileError, read_file, replace_file};
use shared::resp::{AccessError, ErrorReply, Protocol, ReplyWriter};
use shared::users_file::{read_users, write_users};
use shared::wait_time::Awaited;
use std::error::Error as _;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;
use tracing::warn;

/// What an errand comes to: `OK`, or what to say instead.
type Outcome = Result<Option<&'static str>, ErrorReply>;

/// Does what a client's command asked for, and answers, if that is wanted. To be spawned as a task of its own.
pub(crate) async fn carry_out(
    shell: Rc<Shell>,
    errand: Errand,
    client: ClientKey,
    wanted: Option<ErrandTicket>,
) {
    let outcome = match errand {
        Errand::RewriteConfig => rewrite_config(&shell).await,
        Errand::LoadUsers => load_users(&shell, client).await,
        Errand::SaveUsers => save_users(&shell).await,
        Errand::Shutdown { saves, is_forced } => shut_down(&shell, saves, is_forced).await,
        Errand::Save => match saving::save(&shell).await {
            Ok(()) => Ok(None),
            Err(SaveError::Busy) => Err(ErrorReply::SaveInProgress),
            Err(error) => Err(ErrorReply::Text(format!("ERR {error}").into())),
        },
        Errand::RewriteLog => rewrite_log(&shell),
        Errand::BackgroundSave { is_scheduled } => save_in_background(&shell, is_scheduled),
        Errand::Follow => {
            replication::follow(&shell).await;
            Ok(None)
        }
        Errand::Lead => lead(&shell),
        Errand::AbortFailover => replication::abort_failover(&shell).map(|()| None),
        Errand::Obey(number) => {
            return obey(&shell, number, client, wanted).await;
        }
        Errand::WaitForFollowers(awaited) => {
            let have = replication::wait_for_followers(&shell, client, awaited).await;
            return answer(&shell, client, wanted, |reply| match have {
                Ok(have) => tell(reply, awaited, have),
                Err(error) => reply.error(&error),
            });
        }
        Errand::Stall { us } => stall(Duration::from_micros(us)),
    };
    shell.recorded(false).await;
    if outcome.is_err() {
        let stats = &mut shell.core.borrow_mut().node.stats;
        stats.command_failed(errand.command());
    }
    answer(&shell, client, wanted, |reply| match outcome {
        Ok(None) => reply.ok(),
        Ok(Some(status)) => reply.simple(status),
        Err(error) => reply.error(&error),
    });
}

/// Where all is that was waited for.
fn tell(reply: &mut ReplyWriter<'_>, awaited: Awaited, have: Have) {
    if awaited.on_disk.is_some() {
        reply.array(2);
        reply.integer(have.is_on_disk.into());
    }
    reply.integer(i64::try_from(have.followers).unwrap_or(i64::MAX));
}

/// Gives the client its reply.
fn answer(
    shell: &Shell,
    client: ClientKey,
    wanted: Option<ErrandTicket>,
    write: impl FnOnce(&mut ReplyWriter<'_>),
) {
    let node = &mut shell.core.borrow_mut().node;
    let Some(client) = node.clients.get_mut(client) else {
        return;
    };
    let protocol = client.session.as_ref().map(|session| session.protocol);
    let mut reply = Vec::new();
    write(&mut ReplyWriter::new(
        &mut reply,
        protocol.unwrap_or_default(),
    ));
    if reply.starts_with(b"-") {
        node.stats.error_replied(&reply);
    }
    if let Some(ticket) = wanted {
        node.stats.output_bytes += reply.len() as u64;
        client.outbox.answer(ticket, reply);
    }
}

/// An order: the reply is what the node is then, or OK of a FENCE.
async fn obey(
    shell: &Rc<Shell>,
    number: OrderNumber,
    client: ClientKey,
    wanted: Option<ErrandTicket>,
) {
    let obeyed = orders::obey(shell, number, client).await;
    let mut reply = Vec::new();
    {
        let node = &shell.core.borrow().node;
        let mut writer = ReplyWriter::new(&mut reply, Protocol::Resp2);
        match obeyed {
            Ok(What::Fence) => writer.ok(),
            Ok(_) => write_status(node, &mut writer),
            Err(error) => writer.error(&error),
        }
    }
    let node = &mut shell.core.borrow_mut().node;
    let client = node.clients.get_mut(client);
    if let Some((client, ticket)) = client.zip(wanted) {
        client.outbox.answer(ticket, reply);
    }
}

/// REPLICAOF NO ONE
fn lead(shell: &Shell) -> Outcome {
    match replication::lead(shell) {
        Ok(()) => Ok(None),
        Err(error) => Err(replication::no_numbers(error)),
    }
}

/// Holds up the whole node, as DEBUG SLEEP is meant to.
#[expect(
    clippy::disallowed_methods,
    reason = "stalling everybody is the purpose of the command"
)]
fn stall(time: Duration) -> Outcome {
    std::thread::sleep(time);
    Ok(None)
}

/// SHUTDOWN: nobody is answered, and the connection ends with the node, unless it is to save its keys and cannot.
async fn shut_down(shell: &Shell, saves: FinalSave, is_forced: bool) -> Outcome {
    let saved = saving::save_before_end(shell, saves).await;
    if saved.is_err() && !is_forced {
        return Err(ErrorReply::ShutdownFailed);
    }
    shell.final_save.set(saves);
    shell.shutdown.notify_one();
    pending().await
}

/// BGREWRITEAOF
fn rewrite_log(shell: &Rc<Shell>) -> Outcome {
    let persistence = &mut shell.core.borrow_mut().node.persistence;
    if persistence.saving.is_some() {
        persistence.is_rewrite_scheduled = true;
        return Ok(Some("Background append only file rewriting scheduled"));
    }
    tokio::task::spawn_local(saving::rewrite_in_background(Rc::clone(shell)));
    Ok(Some("Background append only file rewriting started"))
}

/// BGSAVE: begins at this moment, so what the client does next is not in the snapshot.
fn save_in_background(shell: &Rc<Shell>, is_scheduled: bool) -> Outcome {
    let persistence = &mut shell.core.borrow_mut().node.persistence;
    if persistence.saving.is_some() {
        if !is_scheduled {
            return Err(ErrorReply::RewriteInProgress);
        }
        persistence.is_save_scheduled = true;
        return Ok(Some("Background saving scheduled"));
    }
    tokio::task::spawn_local(saving::save_in_background(Rc::clone(shell)));
    Ok(Some("Background saving started"))
}

/// CONFIG REWRITE: the settings of this moment, written beside the thread that serves.
async fn rewrite_config(shell: &Shell) -> Outcome {
    let settings = shell.core.borrow().node.settings.clone();
    let start = shell.start.clone();
    let _one_at_a_time = shell.rewriting.lock().await;
    let written = tokio::task::spawn_blocking(move || write_settings(&settings, &start)).await;
    match written {
        Ok(outcome) => outcome,
        Err(error) => Err(rewrite_failed(&error.to_string())),
    }
}

/// ACL LOAD: read beside the thread that serves; a file of which anything is wrong changes nothing.
async fn load_users(shell: &Shell, client: ClientKey) -> Outcome {
    let _one_at_a_time = shell.rewriting.lock().await;
    let start = shell.start.config.clone();
    let (password, channels) = {
        let hot = &shell.core.borrow().node.settings.hot;
        (hot.password.clone(), hot.channels_by_default)
    };
    let Some(path) = start.aclfile else {
        return Err(AccessError::NoFile.into());
    };
    let read = tokio::task::spawn_blocking(move || read_users(&path, &password, channels)).await;
    let read = read.unwrap_or_else(|error| Err(error.to_string()));
    let users = read.map_err(|wrong| {
        warn!(%wrong, "users stay as they were");
        ErrorReply::users_not_loaded(&wrong)
    })?;
    let node = &mut shell.core.borrow_mut().node;
    users_loaded(node, users);
    let mut condemned = node.clients.take_condemned();
    // Whoever has asked gets the answer first.
    condemned.retain(|id| {
        *id != client.id() || {
            if let Some(client) = node.clients.get_mut(client) {
                client.is_parting = true;
            }
            false
        }
    });
    shell.cut(&condemned);
    Ok(None)
}

/// ACL SAVE: the users of this moment, written beside the thread that serves.
async fn save_users(shell: &Shell) -> Outcome {
    let _one_at_a_time = shell.rewriting.lock().await;
    let users = shell.core.borrow().node.access.users.clone();
    let Some(path) = shell.start.config.aclfile.clone() else {
        return Err(AccessError::NoFile.into());
    };
    let written = tokio::task::spawn_blocking(move || write_users(&path, &users)).await;
    let written = written.unwrap_or_else(|error| Err(error.to_string()));
    written.map(|()| None).map_err(|wrong| {
        warn!(%wrong, "users were not saved");
        AccessError::NotSaved.into()
    })
}

fn write_settings(settings: &Settings, start: &Start) -> Outcome {
    let Some(path) = &start.config_file else {
        return Err(ErrorReply::NoConfigFile);
    };
    let in_words = |error: FileError| match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let result = read_file(path)
        .map_err(in_words)
        .and_then(|text| settings.rewritten(path, &text, &start.config))
        .and_then(|text| replace_file(path, &text).map_err(in_words));
    result
        .map(|()| None)
        .map_err(|reason| rewrite_failed(&reason))
}

fn rewrite_failed(reason: &str) -> ErrorReply {
    warn!(%reason, "settings were not written");
    ErrorReply::Text(format!("ERR Rewriting config file: {reason}").into())
}
