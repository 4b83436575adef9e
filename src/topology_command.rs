//! `switchyard topology init | check | show | diff | get | put`: topologies in, text for people out. What running proxies are asked is in [`operator`].
//! Never: puts a topology where proxies would refuse it, or in the place of one that nobody has looked at.

use crate::places::{self, Place};
use crate::topology_args::{StoreArguments, TopologyCommand};
use crate::{answer, operator};
use shared::config::{SettingValue as _, TopologyPlace, create_file, replace_file};
use shared::topology::table::{count, summary, table};
use shared::topology::{
    ACCEPTANCE, Address, KeyLoss, Topology, differences, epoch_stands, key_loss, rules, text,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use switchyard::Failure;

/// The rights of a new topology file: its owner writes, everybody reads.
const READABLE: u32 = 0o644;

/// Does what was asked and prints the answer.
pub(crate) fn run(command: &TopologyCommand) -> Result<(), Failure> {
    match command {
        TopologyCommand::Init {
            nodes,
            followers,
            cluster,
            output,
            force,
            unless_there,
            store,
        } => {
            let mut topology = initial(nodes, usize::from(*followers))?;
            topology.cluster = match cluster {
                Some(cluster) => Some(cluster.clone()),
                // Nodes that follow nobody are told nothing, and remember nothing.
                None if *followers == 0 => None,
                None => Some(switchyard::new_cluster()?),
            };
            match output {
                None => answer(text::print(&topology).trim_end()),
                Some(place) => match write_first(place, store, &topology, *force) {
                    Err(taken) if *unless_there && taken.is_taken() => answer(&taken.to_string()),
                    end => end,
                },
            }
        }
        TopologyCommand::Check { file, after, store } => {
            let document = places::read(file, store)?;
            let before = after.as_ref().map(|after| load(after, store)).transpose()?;
            answer(&checked(&file.print(), &document, before.as_ref())?)
        }
        TopologyCommand::Show {
            file: Some(file),
            admin,
            store,
            ..
        } => {
            if admin.admin.is_some() {
                return Err(Failure::Usage(
                    "--admin names a running proxy, and the topology of a file or of etcd is to be shown; leave one out".to_owned(),
                ));
            }
            answer(&table(&load(file, store)?, |_, _, _| None))
        }
        TopologyCommand::Show { watch, admin, .. } => operator::show(admin, *watch),
        TopologyCommand::Advise { json, admin } => operator::advise(admin, *json),
        TopologyCommand::Failover(arguments) => operator::fail_over(arguments),
        TopologyCommand::Diff { old, new, store } => {
            compare(&load(old, store)?, &places::read(new, store)?)
        }
        TopologyCommand::Get { from, store } => {
            answer(text::print_document(&places::read(from, store)?).trim_end())
        }
        TopologyCommand::Put { file, to, store } => put(file, to, store),
    }
}

/// Puts a first topology where nothing is.
fn write_first(
    place: &TopologyPlace,
    how: &StoreArguments,
    topology: &Topology,
    force: bool,
) -> Result<(), Failure> {
    let Some(path) = place.file() else {
        if force {
            return Err(Failure::Usage(
                "--force replaces a file; in etcd `switchyard topology put` puts a topology in the place of the version before".to_owned(),
            ));
        }
        return Place::open(place, how)?.create(topology);
    };
    let is_new = !path.exists();
    let write = if force { replace_file } else { create_file };
    write(path, &text::print(topology))?;
    if is_new {
        let_others_read(path)?;
    }
    Ok(())
}

/// Puts what a person has written in the place of the version before, as proxies would take it up.
fn put(file: &Path, to: &TopologyPlace, how: &StoreArguments) -> Result<(), Failure> {
    let name = file.display().to_string();
    let next = places::read(&PathBuf::from(file).into(), how)?;
    let place = Place::open(to, how)?;
    let version = next.topology.version;
    let Some(there) = place.read_if_there()? else {
        place.create(&next.topology)?;
        if let Some(path) = to.file() {
            let_others_read(path)?;
        }
        return answer(&format!("{}: version {version} is the first", place.name()));
    };
    let before = there.topology;
    if before.version.next() != version {
        let at = place.name();
        let words = if before.version >= version {
            format!(
                "says version {version}, and {at} holds version {} already; look at what has changed, and say version {} to put it in its place",
                before.version,
                before.version.next()
            )
        } else {
            format!(
                "says version {version}, and {at} holds version {}; the next one is {}",
                before.version,
                before.version.next()
            )
        };
        return Err(Failure::Step(name, words));
    }
    checked(&name, &next, Some(&before))?;
    place.put(before.version, &next)?;
    answer(&format!(
        "{}: version {version} is in the place of version {}",
        place.name(),
        before.version
    ))
}

/// Says what differs.
fn compare(old: &Topology, new: &text::Document) -> Result<(), Failure> {
    for difference in differences(old, &new.topology) {
        answer(&difference.to_string())?;
    }
    for elsewhere in primaries_elsewhere(old, &new.topology) {
        answer(&elsewhere)?;
    }
    if let Some(stands) = epoch_stands(old, &new.topology) {
        answer(&format!("Proxies refuse it. {stands}"))?;
    }
    if let Some(loss) = key_loss(old, &new.topology) {
        answer(&format!(
            "{} in all without their keys, which do not travel: they stay behind, out of reach. {}",
            what_moves(&loss),
            what_proxies_do(new, &loss)
        ))?;
    }
    Ok(())
}

/// What changes hands, in few words.
fn what_moves(loss: &KeyLoss) -> String {
    let counts = [
        (loss.slots.len(), "slot"),
        (loss.keys.len(), "key pattern"),
        (loss.databases.len(), "database"),
    ];
    let counts = counts.into_iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = counts.map(|(number, what)| count(number, what)).collect();
    words.join(" and ")
}

fn load(place: &TopologyPlace, how: &StoreArguments) -> Result<Topology, Failure> {
    places::read(place, how).map(|document| document.topology)
}

/// All that is worth knowing of a topology that obeys the rules; an error where proxies that have taken up `before` would refuse it.
fn checked(
    place: &str,
    document: &text::Document,
    before: Option<&Topology>,
) -> Result<String, Failure> {
    let topology = &document.topology;
    let mut lines = vec![format!(
        "{place}: {} and obeys every rule",
        summary(topology)
    )];
    let mut note = |text: String| lines.push(format!("  note: {text}"));
    rules::remarks(topology).into_iter().for_each(&mut note);
    if let Some(version) = document.key_loss_accepted_at {
        note(format!(
            "{ACCEPTANCE} = {version}: at the step to version {version} slots may change hands and leave their keys behind"
        ));
    }
    let Some(before) = before else {
        return Ok(lines.join("\n"));
    };
    if topology.version <= before.version && topology != before {
        let stale = format!(
            "version {} does not follow version {}; proxies take up a greater one only",
            topology.version, before.version
        );
        return Err(Failure::Step(place.to_owned(), stale));
    }
    if let Some(stands) = epoch_stands(before, topology) {
        return Err(Failure::Step(place.to_owned(), stands.to_string()));
    }
    let elsewhere = primaries_elsewhere(before, topology);
    let has_moved = !elsewhere.is_empty();
    elsewhere.into_iter().for_each(&mut note);
    match key_loss(before, topology) {
        None if has_moved => note("no slot changes hands between shards".to_owned()),
        None => note("no slot changes hands without its keys".to_owned()),
        Some(loss) if document.accepts(&loss) => note(format!(
            "{} without their keys, as the file says",
            what_moves(&loss)
        )),
        Some(loss) => return Err(Failure::Step(place.to_owned(), loss.to_string())),
    }
    Ok(lines.join("\n"))
}

/// A topology holds no secret, and proxies may run as somebody else: who may read it is not the umask's business.
fn let_others_read(path: &Path) -> Result<(), Failure> {
    fs::set_permissions(path, Permissions::from_mode(READABLE)).map_err(|source| Failure::System {
        what: "let others read the new file",
        source,
    })
}

/// Shards whose slots stay with them, under a node that is at none of the addresses that the shard had: only who writes the file knows whether a process moved
/// and took its keys along, or an empty one takes the place of one that is gone. So it is said, and not refused.
fn primaries_elsewhere(old: &Topology, new: &Topology) -> Vec<String> {
    let pairs = new.shards.iter().filter_map(|shard| {
        let primary = new.node(&shard.primary)?;
        let mut before = old.shard(&shard.id)?.members();
        let is_known = before.any(|id| {
            old.node(id)
                .is_some_and(|node| node.address == primary.address)
        });
        (!is_known).then_some((shard, primary))
    });
    pairs
        .map(|(shard, primary)| {
            format!(
                "shard {}: its primary {} is at another address, {}, and keys do not travel: they are lost unless the same process, or one that has them, answers there",
                shard.id, primary.id, primary.address
            )
        })
        .collect()
}

/// Whether proxies take the step.
fn what_proxies_do(new: &text::Document, loss: &KeyLoss) -> String {
    if new.accepts(loss) {
        format!("Proxies take it up, for it says {ACCEPTANCE}")
    } else {
        format!(
            "Proxies refuse it unless it says {ACCEPTANCE} = {}",
            loss.to
        )
    }
}

fn initial(addresses: &[Address], followers: usize) -> Result<Topology, Failure> {
    Ok(switchyard::initial_topology(addresses, followers)?)
}
