//! `switchyard users show | put`: the users that all proxies of a topology share.
//! Never: puts anything there that proxies would refuse, or a password.

use crate::answer;
use crate::places::Place;
use crate::topology_args::UsersCommand;
use shared::access::{ChannelsByDefault, Users, without_passwords};
use shared::config::{Secret, read_file};
use std::path::Path;
use switchyard::Failure;

/// Does what was asked and prints the answer.
pub(crate) fn run(command: &UsersCommand) -> Result<(), Failure> {
    match command {
        UsersCommand::Show { from, store } => {
            let place = Place::open(from, store)?;
            match place.users()? {
                Some(text) => answer(text.trim_end()),
                None => Err(Failure::NoUsers(place.name().to_owned())),
            }
        }
        UsersCommand::Put {
            file,
            to,
            over,
            store,
        } => put(file, &Place::open(to, store)?, over.as_deref()),
    }
}

fn put(file: &Path, place: &Place, over: Option<&Path>) -> Result<(), Failure> {
    // Users beside nothing would be taken up by nobody.
    place.read()?;
    let text = without_passwords(&read_file(file)?);
    let name = file.display().to_string();
    // Which password the default user has whom nobody names, and which channels a user of whom no rule says it, is for each proxy to say.
    let (none, channels) = (Secret::default(), ChannelsByDefault::None);
    if let Err(wrong) = Users::of_file(&name, &text, &none, channels) {
        return Err(Failure::SharedUsers(wrong));
    }
    let count = count_of(&text);
    if count == 0 {
        return Err(Failure::SharedUsers(format!(
            "{name}: names no user, so that everybody would be the default one; leave users of proxies at \"own\" if that is meant"
        )));
    }
    let there = place.users()?;
    if let Some(over) = over {
        let expected = without_passwords(&read_file(over)?);
        if there.as_deref().map(str::trim_end) != Some(expected.trim_end()) {
            let words = format!(
                "the users at {} are others than these; look at them with: switchyard users show {}",
                place.name(),
                place.name()
            );
            return Err(Failure::Step(over.display().to_string(), words));
        }
    }
    place.put_users(there.as_deref(), &text)?;
    let place = place.name();
    answer(&match there {
        Some(there) => format!(
            "{place}: {count} users in the place of {}",
            count_of(&there)
        ),
        None => format!("{place}: {count} users, the first ones"),
    })
}

/// How many are named.
fn count_of(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}
