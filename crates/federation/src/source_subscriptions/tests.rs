//! Who is told of which registration, and when.
