//! The limits of the lake, each with its reason.

/// Rows of one parcel: as files about 10 MB, and never more than these are gathered at once.
pub const PARCEL_ROWS_MAX: u64 = 800_000;
/// Rows that are gathered before they are packed, in bytes: a parcel may touch many days at once.
pub const GATHERED_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Rows of a row group: what a reader decodes at once, per column a megabyte or less.
pub const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page: what a reader of one entity has to decode.
pub const PAGE_ROWS: usize = 4_096;
/// Files of a partition above which they are merged, however large they are.
pub const FILES_MAX: usize = 8;
/// A file of that size is left as it is: a merge is bounded work.
pub const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Footers that readers keep: those of a year of one sensor's days take about 15 MB.
pub const FOOTERS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows that one read decodes before they are asked for, because they lie beside those that were:
/// about 15 MB.
pub const READ_AHEAD_ROWS_MAX: usize = 100_000;
