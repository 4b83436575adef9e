//! One change of one shard, on its way into a proposal.
//! Pure.

use super::document::Announced;
use super::notice::Change;
use crate::member::Membership;

/// One change of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposed<S: Ord, N: Ord> {
    pub(super) membership: Membership<N>,
    pub(super) change: Change<S, N>,
    /// A node that the document may not list yet.
    pub(super) node: Option<(N, Announced)>,
    /// An operator's words about what is lost by it.
    pub(super) loss: Option<String>,
}

impl<S: Ord, N: Ord> Proposed<S, N> {
    pub(super) fn of(membership: Membership<N>, change: Change<S, N>) -> Self {
        Self {
            membership,
            change,
            node: None,
            loss: None,
        }
    }
}
