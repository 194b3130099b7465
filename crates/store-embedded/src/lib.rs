//! The embedded store: a log of deltas on disk, compact indexed state in memory.
