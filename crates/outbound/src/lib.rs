//! HTTP to the outside, guarded: no private addresses unless allowed, capped sizes, deadlines.
