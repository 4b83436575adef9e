//! `switchyard topology init | check | show | diff`: files in, text for people out.

use crate::answer;
use crate::args::TopologyCommand;
use shared::config::{create_file, read_file, replace_file};
use shared::slot::SLOT_COUNT;
use shared::topology::{
    ACCEPTANCE, Address, KeyLoss, Member, Node, NodeKind, Shard, Topology, differences, key_loss,
    rules, text,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use switchyard::Failure;

/// The rights of a new topology file: its owner writes, everybody reads.
const READABLE: u32 = 0o644;

/// Does what was asked and prints the answer.
pub(crate) fn run(command: &TopologyCommand) -> Result<(), Failure> {
    match command {
        TopologyCommand::Init {
            nodes,
            followers,
            output,
            force,
        } => {
            let topology = initial(nodes, usize::from(*followers))?;
            let text = text::print(&topology);
            match output {
                None => answer(text.trim_end())?,
                Some(path) => {
                    let is_new = !path.exists();
                    let write = if *force { replace_file } else { create_file };
                    write(path, &text)?;
                    if is_new {
                        let_others_read(path)?;
                    }
                }
            }
        }
        TopologyCommand::Check { file, after } => {
            let document = read(file)?;
            let before = after.as_deref().map(load).transpose()?;
            answer(&checked(file, &document, before.as_ref())?)?;
        }
        TopologyCommand::Show { file } => answer(&show(&load(file)?))?,
        TopologyCommand::Diff { old, new } => {
            let (old, new) = (load(old)?, read(new)?);
            for difference in differences(&old, &new.topology) {
                answer(&difference.to_string())?;
            }
            for elsewhere in primaries_elsewhere(&old, &new.topology) {
                answer(&elsewhere)?;
            }
            if let Some(loss) = key_loss(&old, &new.topology) {
                let slots = count(loss.slots.len(), "slot");
                answer(&format!(
                    "{slots} in all without their keys, which do not travel: they stay behind, out of reach. {}",
                    what_proxies_do(&new, &loss)
                ))?;
            }
        }
    }
    Ok(())
}

fn load(path: &Path) -> Result<Topology, Failure> {
    read(path).map(|document| document.topology)
}

fn read(path: &Path) -> Result<text::Document, Failure> {
    Ok(text::read(path, &read_file(path)?)?)
}

/// All that is worth knowing of a file that obeys the rules; an error where proxies that have taken up `before` would refuse it.
fn checked(
    file: &Path,
    document: &text::Document,
    before: Option<&Topology>,
) -> Result<String, Failure> {
    let topology = &document.topology;
    let mut lines = vec![format!(
        "{}: {} and obeys every rule",
        file.display(),
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
        return Err(Failure::Step(file.to_path_buf(), stale));
    }
    let elsewhere = primaries_elsewhere(before, topology);
    let has_moved = !elsewhere.is_empty();
    elsewhere.into_iter().for_each(&mut note);
    match key_loss(before, topology) {
        None if has_moved => note("no slot changes hands between shards".to_owned()),
        None => note("no slot changes hands without its keys".to_owned()),
        Some(loss) if document.accepts(&loss) => note(format!(
            "{} without their keys, as the file says",
            count(loss.slots.len(), "slot")
        )),
        Some(loss) => return Err(Failure::Step(file.to_path_buf(), loss.to_string())),
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

fn summary(topology: &Topology) -> String {
    format!(
        "version {} has {} and {}",
        topology.version,
        count(topology.shards.len(), "shard"),
        count(topology.nodes.len(), "node")
    )
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A table: a line per shard, and one per node in it.
fn show(topology: &Topology) -> String {
    let mut lines = vec![summary(topology)];
    for shard in &topology.shards {
        let slots = shard.slots.len();
        let percent = slots * 1_000 / usize::from(SLOT_COUNT);
        lines.push(format!(
            "\nshard {}  epoch {}  weight {}  {}{} ({}.{} %)",
            shard.id,
            shard.epoch,
            shard.weight,
            copies(shard),
            count(slots, "slot"),
            percent / 10,
            percent % 10
        ));
        for (role, member) in roles(shard) {
            if let Some(node) = topology.node(&member.node) {
                let mut line = format!("  {role:<8} {}", node_line(node));
                if let Some(incarnation) = member.incarnation {
                    line.push_str(&format!(", incarnation {incarnation}"));
                }
                lines.push(line);
            }
        }
        lines.push(format!("  slots    {}", shard.slots));
    }
    let spare = topology
        .nodes
        .iter()
        .filter(|node| topology.shard_of_node(&node.id).is_none());
    lines.extend(spare.map(|node| format!("\nspare      {}", node_line(node))));
    lines.extend(topology.losses.iter().map(|loss| format!("\n{loss}")));
    lines.join("\n")
}

/// `2 copies, 1 in sync at least  `; nothing for a shard that is a single plain node.
fn copies(shard: &Shard) -> String {
    if !shard.is_guarded() {
        return String::new();
    }
    let copies = if shard.copies == 1 { "copy" } else { "copies" };
    format!(
        "{} {copies}, {} in sync at least  ",
        shard.copies, shard.min_in_sync
    )
}

/// Everybody in the shard, the primary first. A node that was in sync and copies in its next life is there twice.
fn roles(shard: &Shard) -> impl Iterator<Item = (&'static str, Member)> {
    let (primary, in_sync): (Vec<Member>, Vec<Member>) =
        Member::all(&shard.in_sync).partition(|member| member.node == shard.primary);
    let primary = primary.into_iter().map(|member| ("primary", member));
    let in_sync = in_sync.into_iter().map(|member| ("in sync", member));
    let learners = Member::all(&shard.learners).map(|member| ("learner", member));
    primary.chain(in_sync).chain(learners)
}

fn node_line(node: &Node) -> String {
    let mut line = format!("{} at {}", node.id, node.address);
    if node.kind != NodeKind::Switchyard {
        line.push_str(&format!(", {}", node.kind));
    }
    if let Some(zone) = &node.zone {
        line.push_str(&format!(", zone {zone}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::topology::Incarnation;

    #[test]
    fn a_topology_is_shown_by_shard_and_node() {
        let addresses: Vec<Address> = (7001..=7002).map(Address::loopback).collect();
        let topology = initial(&addresses, 1).unwrap();
        assert_eq!(
            show(&topology),
            "\
version 1 has 1 shard and 2 nodes

shard s1  epoch 1  weight 100  2 copies, 1 in sync at least  16384 slots (100.0 %)
  primary  n1 at 127.0.0.1:7001
  learner  n2 at 127.0.0.1:7002
  slots    0-16383"
        );
    }

    #[test]
    fn lives_are_shown_where_they_are_known() {
        let addresses: Vec<Address> = (7001..=7002).map(Address::loopback).collect();
        let mut topology = initial(&addresses, 1).unwrap();
        let shard = &mut topology.shards[0];
        let node = shard.learners.first_key_value().unwrap().0.clone();
        shard.in_sync.insert(node.clone(), Some(Incarnation(1)));
        shard.learners.insert(node, Some(Incarnation(2)));
        let shown = show(&topology);
        let members: Vec<&str> = shown.lines().skip(3).take(3).collect();
        assert_eq!(
            members,
            [
                "  primary  n1 at 127.0.0.1:7001",
                "  in sync  n2 at 127.0.0.1:7002, incarnation 0000000000000001",
                "  learner  n2 at 127.0.0.1:7002, incarnation 0000000000000002",
            ]
        );
    }
}
