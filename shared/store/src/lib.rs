//! Where the one topology document is kept, and how it is changed: by compare-and-set, version by version, whoever does it.
//!
//! - [`TopologyStore`]: a file ([`FileStore`], one host) or etcd ([`EtcdStore`], many hosts). Load, compare-and-set, watch; who is alive; who leads.
//! - Beside it lie the users that proxies share, a text of which nothing is known here.
//! - [`Watch`]: what is there, whenever it changes. [`Announcement`]: this proxy is alive, has applied so much, and is told what others see there.
//!   [`Leadership`]: one at a time changes things. [`GossipKey`]: what proxies of this store know, and nobody else.
//!
//! Knows how a document is read and written as text. Never: decides what is to change, publishes anything to a proxy's threads, talks to a node.
//! Invariants: a document takes another's place only by a compare-and-set that expected that one's version, so no change is lost; who cannot know whether a change was
//! made is told that, and not that it failed; every call ends in bounded time; safety rests on the compare-and-set alone: announcements and leadership are
//! for order, and may be wrong for a while.

mod announcement;
mod document;
mod error;
mod etcd;
mod file;
mod gossip_key;
mod leadership;
mod said;
mod store;
mod task;
mod watch;

pub use announcement::{Announcement, LiveProxy};
pub use error::{CasError, EtcdError, Holder, StoreError, in_one_line};
pub use etcd::{EtcdSettings, EtcdStore, EtcdTls, EtcdUser, MOST_DOCUMENT_BYTES};
pub use file::FileStore;
pub use gossip_key::GossipKey;
pub use leadership::Leadership;
pub use store::TopologyStore;
pub use watch::{Looks, Watch};
