//! What a node is told first, by what the topology says of it.
//! Pure.

use shared::config::Secret;
use shared::topology::Version;

use super::{Fence, NodeEntry};
use crate::pipe::Lane;
use crate::pipe::handshake::{ConnectionName, FenceWords, FirstWords, Following};

impl NodeEntry {
    /// The first words over a connection of this lane; `last` is the one before it, which the node is to cut.
    pub(crate) fn first_words(
        &self,
        lane: Lane,
        last: Option<ConnectionName>,
        password: Secret,
        version: Version,
    ) -> FirstWords {
        let (fence, follower) = match &self.fence {
            Fence::Unfenced if self.is_plain && self.has_deputy => (None, Some(Following::Nobody)),
            Fence::Unfenced => (None, None),
            Fence::Follows(following) => (None, Some(*following)),
            Fence::Held(fence) => {
                let words = FenceWords {
                    fence: fence.clone(),
                    node: self.id.clone(),
                    version,
                };
                (Some(words), None)
            }
        };
        FirstWords {
            lane,
            password,
            last,
            fence,
            follower,
            is_plain: self.is_plain,
            local_keys: self.local_keys.clone().filter(|_| !self.is_plain),
        }
    }
}
