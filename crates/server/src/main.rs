//! The binary `chorsu`.

fn main() {}
