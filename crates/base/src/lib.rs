//! Words of every crate: time, names, sequence numbers, tenants, kinds of error, limits, tasks.
