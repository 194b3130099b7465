//! The limits of the lake, each with its reason.

/// Rows of one parcel: about 100 MB while they are being written.
pub const PARCEL_ROWS_MAX: u64 = 2_000_000;
/// Rows of a row group: what a reader decodes at once, per column a megabyte or less.
pub const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page: what a reader of one entity has to decode.
pub const PAGE_ROWS: usize = 4_096;
