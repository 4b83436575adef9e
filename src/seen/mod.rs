//! What whoever is on call asks of a running proxy: `switchyard status`, `top`, `slowlog`, `clients`, `events`, `explain`, over its API.
//! Reaches: the proxy's admin listener, and for [`top`] the terminal. [`text`] ◇ what people read. Never: changes anything.

mod args;
mod text;
mod top;

pub(crate) use args::{EventArguments, ExplainArguments, ListArguments, LookArguments};
pub(crate) use top::top;

use crate::admin_call::Admin;
use crate::{answer, answer_if_read};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;
use switchyard::Failure;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a proxy and its shards are.
struct Look {
    status: Value,
    shards: Value,
    nodes: Value,
}

impl Look {
    fn at(admin: &Admin) -> Result<Self, Failure> {
        Ok(Self {
            status: admin.api("status")?,
            shards: admin.api("shards")?["shards"].take(),
            nodes: admin.api("nodes")?["nodes"].take(),
        })
    }

    fn as_json(&self) -> String {
        let Self {
            status,
            shards,
            nodes,
        } = self;
        json!({ "status": status, "shards": shards, "nodes": nodes }).to_string()
    }
}

/// `switchyard status`.
pub(crate) fn status(arguments: &LookArguments) -> Result<(), Failure> {
    let look = Look::at(&arguments.admin.admin()?)?;
    answer(&match arguments.json {
        true => look.as_json(),
        false => text::status(&look.status, &look.shards, &look.nodes),
    })
}

/// `switchyard slowlog`.
pub(crate) fn slow_log(arguments: &ListArguments) -> Result<(), Failure> {
    list(arguments, "slow-log", text::slow_log)
}

/// `switchyard clients`.
pub(crate) fn clients(arguments: &ListArguments) -> Result<(), Failure> {
    list(arguments, "clients", text::clients)
}

fn list(
    arguments: &ListArguments,
    path: &str,
    in_words: fn(&Value) -> String,
) -> Result<(), Failure> {
    let admin = arguments.look.admin.admin()?;
    let said = admin.api(&format!("{path}?limit={}", arguments.limit))?;
    answer(&match arguments.look.json {
        true => said.to_string(),
        false => in_words(&said),
    })
}

/// `switchyard events`.
pub(crate) fn events(arguments: &EventArguments) -> Result<(), Failure> {
    let admin = arguments.look.admin.admin()?;
    let mut after = arguments.after;
    let in_words = |said: &Value| match arguments.look.json {
        true => text::each(&said["events"]),
        false => text::events(&said["events"]),
    };
    let first = admin.api(&format!("events?after={after}&limit={}", arguments.limit))?;
    if !arguments.follow {
        return answer(&match arguments.look.json {
            true => first.to_string(),
            false => in_words(&first),
        });
    }
    // Nobody says anything: it is for its deadline.
    let (_silent, nothing) = mpsc::channel::<()>();
    let mut said = first;
    let mut is_away = false;
    loop {
        let last = said["last_event"].as_u64().unwrap_or_default();
        let is_news = said["events"].as_array().is_some_and(|all| !all.is_empty());
        if is_news && !answer_if_read(&in_words(&said))? {
            return Ok(());
        }
        // A proxy that was started again counts from 1.
        after = last;
        said = loop {
            nothing.recv_timeout(LOOK_EVERY).ok();
            match admin.api(&format!("events?after={after}")) {
                Ok(said) if said["last_event"].as_u64() < Some(after) => after = 0,
                Ok(said) => {
                    is_away = false;
                    break said;
                }
                Err(failure) if is_away => drop(failure),
                Err(failure) => {
                    is_away = true;
                    if !arguments.look.json && !answer_if_read(&failure.in_words())? {
                        return Ok(());
                    }
                }
            }
        };
    }
}

/// `switchyard explain`.
pub(crate) fn explain(arguments: &ExplainArguments) -> Result<(), Failure> {
    let admin = arguments.look.admin.admin()?;
    let question = json!({
        "command": arguments.command,
        "database": arguments.database,
        "user": arguments.user,
    });
    let said = admin.api_order("explain", &question.to_string())?;
    answer(&match arguments.look.json {
        true => said.to_string(),
        false => text::explanation(&said),
    })
}
