//! Where a cluster on this machine has its topology: beside its nodes' data, and so from one start to the next; or, where nothing is kept, in its temporary folder.
//! Reaches: both folders. Never: touches what a node has written.
//! Invariants: no two clusters use a folder of data at a time; who has other shards or followers than it was made with is refused, for a node would get the
//! keys of others, or throw away its own.

use crate::folder::Folder;
use crate::{ClusterPlan, Failure, new_cluster, node_id};
use node::SHARD_MARK;
use shared::config::{read_file, replace_file};
use shared::topology::table::count;
use shared::topology::text::{self, Document};
use shared::topology::{Address, ClusterId, Topology};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that is locked as long as a cluster uses the folder.
const LOCK: &str = "up.lock";

/// The topology's file.
const TOPOLOGY: &str = "topology.toml";

/// Where a cluster has its topology.
#[derive(Debug)]
pub(crate) struct Home {
    folder: Folder,
    data: Option<Data>,
}

/// The folder of the nodes' data.
#[derive(Debug)]
struct Data {
    folder: PathBuf,
    /// The topology of the last start.
    kept: Option<Document>,
    /// Where there is none: the cluster to which nodes' folders belong.
    cluster: Option<ClusterId>,
    _lock: File,
}

impl Home {
    /// Takes the folders that `plan` needs.
    ///
    /// # Errors
    /// Another cluster uses the folder of data, or one of another shape has made it; or the operating system refuses.
    pub(crate) fn take(plan: &ClusterPlan) -> Result<Self, Failure> {
        let data = plan.node.data_dir.as_deref();
        let data = data.map(|folder| Data::take(folder, plan)).transpose()?;
        let folder = Folder::create()?;
        Ok(Self { folder, data })
    }

    /// The topology file that the proxy follows.
    pub(crate) fn topology_file(&self) -> PathBuf {
        match &self.data {
            Some(data) => data.folder.join(TOPOLOGY),
            None => self.folder.file(TOPOLOGY),
        }
    }

    /// A file of this name that nobody needs after the end.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// Writes the topology of nodes that are at `addresses` now, in the order of their numbers: the one that was kept, or a first one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn settle(
        &self,
        plan: &ClusterPlan,
        addresses: &[Address],
    ) -> Result<Topology, Failure> {
        let kept = self.data.as_ref().and_then(|data| data.kept.as_ref());
        let document = match kept {
            Some(kept) => moved(kept, addresses),
            None => Document {
                topology: Topology {
                    cluster: self.cluster_of(plan)?,
                    ..plan.topology(addresses)?
                },
                key_loss_accepted_at: None,
            },
        };
        replace_file(&self.topology_file(), &text::print_document(&document))?;
        Ok(document.topology)
    }

    /// Which cluster a first topology is of: that of the data that are there. Nodes that follow nobody are told nothing of it.
    fn cluster_of(&self, plan: &ClusterPlan) -> Result<Option<ClusterId>, Failure> {
        let known = self.data.as_ref().and_then(|data| data.cluster.clone());
        match known {
            None if plan.followers > 0 => new_cluster().map(Some),
            known => Ok(known),
        }
    }
}

impl Data {
    fn take(folder: &Path, plan: &ClusterPlan) -> Result<Self, Failure> {
        let failed = |source| Failure::System {
            what: "use the folder of the nodes' data",
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        // The path is still meant when somebody else reads it.
        let folder = std::path::absolute(folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Failure::InUse(folder)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let file = folder.join(TOPOLOGY);
        let mut cluster = None;
        let kept = if file.exists() {
            let document = text::read(&file, &read_file(&file)?)?;
            fits(&folder, Shape::of(&document.topology), plan)?;
            Some(document)
        } else {
            let nodes = nodes_in(&folder).map_err(failed)?;
            if nodes > 0 {
                let marks = marks_in(&folder, nodes);
                let clusters: BTreeSet<&str> = marks
                    .iter()
                    .flatten()
                    .filter_map(|mark| mark.1.as_ref())
                    .map(ClusterId::as_str)
                    .collect();
                if clusters.len() > 1 {
                    let names: Vec<&str> = clusters.into_iter().collect();
                    return Err(Failure::Usage(format!(
                        "{}: it holds folders of nodes of several clusters ({}), as switchyard.shard in each says; take away those that do not belong here",
                        folder.display(),
                        names.join(", ")
                    )));
                }
                tracing::warn!(folder = %folder.display(), "there are nodes' data and no topology.toml: it is made anew; rules [[colocate]] and slots that were moved by hand are not in it");
                fits(&folder, Shape::of_marks(&marks), plan)?;
                cluster = marks.into_iter().flatten().find_map(|mark| mark.1);
            }
            None
        };
        Ok(Self {
            folder,
            kept,
            cluster,
            _lock: lock,
        })
    }
}

/// How many shards with how many followers each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    shards: usize,
    followers: usize,
}

impl Shape {
    /// Of a topology that `up` has made, whatever has become of it since; `None` when somebody else has added or removed nodes.
    fn of(topology: &Topology) -> Option<Self> {
        let copies = topology.shards.first()?.copies;
        let shape = Self {
            shards: topology.shards.len(),
            followers: copies.checked_sub(1)?,
        };
        let are_equal = topology.shards.iter().all(|shard| shard.copies == copies);
        let nodes = topology.nodes.iter().enumerate();
        let are_ours = nodes.fold(true, |so_far, (place, node)| {
            so_far && node.id == node_id(place)
        });
        let is_whole = topology.nodes.len() == shape.shards * copies;
        (are_equal && are_ours && is_whole).then_some(shape)
    }

    /// Of the folders of nodes, by the shards that they say they belong to. Where none does, it is of a version that kept no topology, and knew no followers.
    fn of_marks(marks: &[Option<Mark>]) -> Option<Self> {
        let named: BTreeSet<&str> = marks.iter().flatten().map(|mark| &*mark.0).collect();
        let (shards, followers) = match named.len() {
            0 => (marks.len(), 0),
            shards => (shards, (marks.len() / shards).checked_sub(1)?),
        };
        (marks.len() == shards * (followers + 1)).then_some(Self { shards, followers })
    }

    fn in_words(self) -> String {
        let shards = count(self.shards, "shard");
        format!("{shards} with {} each", count(self.followers, "follower"))
    }
}

/// Whether what the folder has is what is wanted.
fn fits(folder: &Path, kept: Option<Shape>, plan: &ClusterPlan) -> Result<(), Failure> {
    let wanted = Shape {
        shards: plan.shards.into(),
        followers: plan.followers.into(),
    };
    let folder = folder.display();
    let Some(kept) = kept else {
        return Err(Failure::Usage(format!(
            "{folder}/{TOPOLOGY}: it has other nodes than `up` has given it; start those with `switchyard node` and a proxy with `switchyard proxy`, or name another folder with --data-dir"
        )));
    };
    if kept == wanted {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{folder}: it holds the data of {}, and not of {}; start with --shards {} --followers {}, or name another folder with --data-dir",
        kept.in_words(),
        wanted.in_words(),
        kept.shards,
        kept.followers
    )))
}

/// The shard to which a node's folder belongs, and the cluster.
type Mark = (String, Option<ClusterId>);

/// What the folders of so many nodes say.
fn marks_in(folder: &Path, nodes: usize) -> Vec<Option<Mark>> {
    let mark = |number: usize| {
        let text = read_file(&folder.join(format!("n{number}")).join(SHARD_MARK)).ok()?;
        let told = text.trim_end();
        Some(match ClusterId::of_told(told) {
            Some((shard, cluster)) => (shard.to_owned(), Some(cluster)),
            None => (told.to_owned(), None),
        })
    };
    (1..=nodes).map(mark).collect()
}

/// Up to which number there are folders of nodes with something in them.
fn nodes_in(folder: &Path) -> io::Result<usize> {
    let mut last = 0;
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix('n'));
        let number: Option<usize> = number.and_then(|number| number.parse().ok());
        let has_something = || fs::read_dir(entry.path()).is_ok_and(|mut all| all.next().is_some());
        if let Some(number) = number.filter(|_| has_something()) {
            last = last.max(number);
        }
    }
    Ok(last)
}

/// The same cluster at other addresses. Lives stay as they were: that they are over is for the proxy to find out.
fn moved(kept: &Document, addresses: &[Address]) -> Document {
    let mut document = kept.clone();
    let topology = &mut document.topology;
    topology.version = topology.version.next();
    for (node, address) in topology.nodes.iter_mut().zip(addresses) {
        node.address = address.clone();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{addresses, plan};
    use shared::topology::{Incarnation, NodeId, Version};

    fn kept_in(folder: &Path, shards: u16, followers: u16) -> ClusterPlan {
        let mut plan = plan(shards, followers);
        plan.node.data_dir = Some(folder.to_path_buf());
        plan
    }

    fn refusal(folder: &Path, shards: u16, followers: u16) -> String {
        let taken = Home::take(&kept_in(folder, shards, followers));
        let shown = folder.display().to_string();
        taken.unwrap_err().to_string().replace(&shown, "DIR")
    }

    #[test]
    fn a_topology_is_kept_beside_the_data_and_follows_its_nodes_to_new_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let plan = kept_in(folder.path(), 2, 1);
        let home = Home::take(&plan).unwrap();
        let mut first = home.settle(&plan, &addresses(7001, 4)).unwrap();
        assert_eq!(first.version, Version::FIRST);
        // What a proxy does: n2 leads, all lives are known.
        first.version = Version(8);
        let shard = &mut first.shards[0];
        let life = |number: usize| (NodeId::numbered(number), Some(Incarnation(number as u64)));
        shard.primary = NodeId::numbered(2);
        shard.in_sync = [life(2)].into();
        shard.learners = [life(1)].into();
        replace_file(&home.topology_file(), &text::print(&first)).unwrap();
        drop(home);

        let home = Home::take(&plan).unwrap();
        let second = home.settle(&plan, &addresses(8001, 4)).unwrap();
        assert_eq!(second.version, Version(9));
        assert_eq!(second.shards, first.shards);
        let ports: Vec<u16> = second.nodes.iter().map(|it| it.address.port()).collect();
        assert_eq!(ports, [8001, 8002, 8003, 8004]);
        let file = folder.path().join("topology.toml");
        let written = text::parse(&file, &read_file(&file).unwrap());
        assert_eq!(written, Ok(second));
    }

    #[test]
    fn a_topology_that_was_lost_is_made_anew_for_the_data_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        for (node, mark) in [(1, "s1.abc"), (2, "s1.abc"), (3, "s2.abc"), (4, "s2.abc")] {
            let own = folder.path().join(format!("n{node}"));
            fs::create_dir(&own).unwrap();
            fs::write(own.join(SHARD_MARK), mark).unwrap();
        }
        let refused = refusal(folder.path(), 4, 0);
        assert!(refused.contains("--shards 2 --followers 1"), "{refused}");
        let plan = kept_in(folder.path(), 2, 1);
        let home = Home::take(&plan).unwrap();
        let topology = home.settle(&plan, &addresses(7001, 4)).unwrap();
        assert_eq!(topology.cluster, Some("abc".parse().unwrap()));
        drop(home);
        // A new folder is another cluster's.
        let other = tempfile::tempdir().unwrap();
        let plan = kept_in(other.path(), 2, 1);
        let home = Home::take(&plan).unwrap();
        let other = home.settle(&plan, &addresses(7001, 4)).unwrap();
        assert!(other.cluster.is_some() && other.cluster != topology.cluster);
    }

    #[test]
    fn another_shape_is_refused_and_said_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let plan = kept_in(folder.path(), 2, 1);
        let home = Home::take(&plan).unwrap();
        home.settle(&plan, &addresses(7001, 4)).unwrap();
        assert_eq!(
            refusal(folder.path(), 2, 1),
            "DIR: another cluster uses this folder; stop that one, or name another folder with --data-dir"
        );
        drop(home);
        assert_eq!(
            refusal(folder.path(), 3, 0),
            "DIR: it holds the data of 2 shards with 1 follower each, and not of 3 shards with 0 followers each; start with --shards 2 --followers 1, or name another folder with --data-dir"
        );
        let home = Home::take(&plan).unwrap();
        let mut grown = home.settle(&plan, &addresses(7001, 4)).unwrap();
        drop(home);
        let mut spare = grown.nodes[0].clone();
        (spare.id, spare.address) = (NodeId::numbered(9), Address::loopback(9));
        grown.nodes.push(spare);
        let file = folder.path().join("topology.toml");
        replace_file(&file, &text::print(&grown)).unwrap();
        let refused = refusal(folder.path(), 2, 1);
        assert!(
            refused.starts_with("DIR/topology.toml: it has other nodes"),
            "{refused}"
        );
    }

    #[test]
    fn data_of_a_version_without_kept_topologies_is_that_of_shards_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["n1", "n3", "n7", "m9", "nx"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["n1", "n3"] {
            fs::write(folder.path().join(name).join("dump.rdb"), "x").unwrap();
        }
        let refused = refusal(folder.path(), 1, 1);
        assert!(
            refused.contains("start with --shards 3 --followers 0,"),
            "{refused}"
        );
        assert!(Home::take(&kept_in(folder.path(), 3, 0)).is_ok());
    }
}
