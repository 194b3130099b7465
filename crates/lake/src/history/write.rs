//! From rows to files.
