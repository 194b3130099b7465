//! A city that lives by itself: deterministic from a seed, its files and its readings.
