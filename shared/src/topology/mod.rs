//! The nouns of the topology document: nodes, shards, epochs; which shard owns which slot.
