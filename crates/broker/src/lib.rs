//! The heart: the one door for writes, the reads, the contexts, the tails.
