//! Writes whose clients were told that nobody knows what became of them. As long as the node may still carry such a write out, what its client asks of the same
//! node goes by the same pipe, behind it: by another one it could be acknowledged first, and undone by the write that comes late.
//! Pure. Invariant: a client is here for a pipe until the pipe has answered its writes, or its next connection has cut the one in which they may lie.

use std::collections::HashMap;

use super::set::PipeNumber;
use crate::slab::Key;

/// One client's late writes in one pipe.
#[derive(Clone, Copy, Debug)]
struct Late {
    pipe: PipeNumber,
    /// Requests without an answer.
    requests: u32,
}

/// The late writes of all clients of a thread; usually none.
#[derive(Debug, Default)]
pub(crate) struct LateWrites {
    by_client: HashMap<Key, Vec<Late>>,
    /// How many clients have some in each pipe.
    by_pipe: HashMap<PipeNumber, usize>,
}

impl LateWrites {
    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// Whether this pipe may still carry some to its node.
    pub(crate) fn are_in(&self, pipe: PipeNumber) -> bool {
        self.by_pipe.contains_key(&pipe)
    }

    /// The pipes in which writes of this client may lie.
    pub(crate) fn pipes_of(&self, client: Key) -> impl Iterator<Item = PipeNumber> {
        let late = self.by_client.get(&client).map_or(&[][..], Vec::as_slice);
        late.iter().map(|late| late.pipe)
    }

    /// The client was told that nobody knows about so many requests in this pipe.
    pub(crate) fn note(&mut self, client: Key, pipe: PipeNumber, requests: u32) {
        let of_client = self.by_client.entry(client).or_default();
        match of_client.iter_mut().find(|late| late.pipe == pipe) {
            Some(late) => late.requests = late.requests.saturating_add(requests),
            None => {
                of_client.push(Late { pipe, requests });
                *self.by_pipe.entry(pipe).or_default() += 1;
            }
        }
    }

    /// The node has answered so many of them after all.
    pub(crate) fn answered(&mut self, client: Key, pipe: PipeNumber, requests: u32) {
        self.keep(client, |late| {
            if late.pipe == pipe {
                late.requests = late.requests.saturating_sub(requests);
            }
            late.requests > 0
        });
    }

    /// The node will see no more of what was sent over this pipe before.
    pub(crate) fn cut(&mut self, pipe: PipeNumber) {
        if !self.are_in(pipe) {
            return;
        }
        let clients: Vec<Key> = self.by_client.keys().copied().collect();
        for client in clients {
            self.keep(client, |late| late.pipe != pipe);
        }
    }

    /// The client has gone: nobody can say any more what came first.
    pub(crate) fn forget(&mut self, client: Key) {
        if !self.is_empty() {
            self.keep(client, |_| false);
        }
    }

    /// Keeps those of the client that are to `stay`.
    fn keep(&mut self, client: Key, mut stay: impl FnMut(&mut Late) -> bool) {
        let Some(of_client) = self.by_client.get_mut(&client) else {
            return;
        };
        let by_pipe = &mut self.by_pipe;
        of_client.retain_mut(|late| {
            let stays = stay(late);
            if !stays && let Some(clients) = by_pipe.get_mut(&late.pipe) {
                *clients -= 1;
                if *clients == 0 {
                    by_pipe.remove(&late.pipe);
                }
            }
            stays
        });
        if of_client.is_empty() {
            self.by_client.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    fn clients() -> [Key; 2] {
        let mut slab = Slab::new();
        [slab.insert(()), slab.insert(())]
    }

    fn pipes(late: &LateWrites, client: Key) -> Vec<PipeNumber> {
        late.pipes_of(client).collect()
    }

    #[test]
    fn a_write_is_late_until_all_of_it_is_answered() {
        let [client, other] = clients();
        let mut late = LateWrites::default();
        late.note(client, 3, 2);
        late.note(client, 3, 1);
        late.note(other, 3, 1);
        late.answered(client, 4, 9);
        late.answered(client, 3, 2);
        assert_eq!(pipes(&late, client), [3]);
        late.answered(client, 3, 1);
        assert!(pipes(&late, client).is_empty());
        assert!(late.are_in(3), "another client's");
        late.forget(other);
        assert!(late.is_empty() && !late.are_in(3));
    }

    #[test]
    fn a_cut_settles_what_lay_in_that_pipe_alone() {
        let [client, other] = clients();
        let mut late = LateWrites::default();
        late.note(client, 1, 7);
        late.note(client, 2, 7);
        late.note(other, 1, 7);
        late.cut(5);
        late.cut(1);
        assert_eq!(
            (pipes(&late, client), pipes(&late, other)),
            (vec![2], vec![])
        );
        assert!(!late.are_in(1) && late.are_in(2));
        late.cut(2);
        assert!(late.is_empty());
    }
}
