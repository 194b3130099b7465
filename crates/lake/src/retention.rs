//! How long history is kept, and what is left of it then.
