//! From files to rows: the archive that the store reads.
