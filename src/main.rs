//! The one binary, `switchyard`: arguments in, one call out.

fn main() {}
