//! The stateless proxy: routes clients to nodes over shared, pipelined connections.
//! Never imports the node; they meet on the wire.
