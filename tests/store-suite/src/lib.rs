//! One suite that every store runs.
