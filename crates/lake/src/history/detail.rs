//! Whole attributes as bytes, and back.
