//! The limits of records, each with its reason.

/// Tables of one tenant: each costs a partition a day.
pub const TABLES_MAX: usize = 1_000;
/// Columns of a table: the widest tables of cities' data portals have some two hundred.
pub const COLUMNS_MAX: usize = 256;
/// Bytes of a name: of a table, a column.
pub const NAME_BYTES_MAX: usize = 63;
/// Bytes of a description.
pub const DESCRIPTION_BYTES_MAX: usize = 2_048;
/// Bytes of the id of a batch.
pub const BATCH_ID_BYTES_MAX: usize = 128;
/// Bytes of the body of a batch: it is decoded as it comes, but somebody has to send it again when
/// it breaks off.
pub const BATCH_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of a text or of binary data: longer ones belong into an object store.
pub const CELL_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one row as text.
pub const ROW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Days of one batch: each becomes a file. A year and some late ones.
pub const DAYS_MAX: usize = 400;
/// Rows that are sorted and written as one file: about eight row groups.
pub const FILE_ROWS: usize = 1_048_576;
/// Bytes of columns in memory that are sorted and written as one file.
pub const FILE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of one message of Arrow, which is decoded as a whole.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Rows that are checked at once.
pub const SLICE_ROWS: usize = 65_536;
/// Bytes that all batches under way may take in memory.
pub const MEMORY_BYTES: u64 = 768 * 1024 * 1024;
/// The least that a batch under way counts as.
pub const MEMORY_BYTES_MIN: u64 = 256 * 1024;
/// What a batch of unknown or great length takes at most, the body of Parquet not counted: the rows of a
/// file, once as they came, once sorted, and the file itself.
pub const MEMORY_BYTES_OF_A_BATCH: u64 = 3 * FILE_BYTES as u64;
/// How long the sender of a batch may be silent, in microseconds.
pub const SILENCE_MICROS_MAX: i64 = 30_000_000;
/// How long a batch may take to come, in microseconds.
pub const BATCH_MICROS_MAX: i64 = 900_000_000;
/// How long the id of a batch is remembered, in microseconds: a week.
pub const REMEMBERED_MICROS: i64 = 7 * 86_400_000_000;
/// How often ids that are remembered too long are looked for, in microseconds.
pub const SWEEP_MICROS: i64 = 3_600_000_000;
/// Rows of a batch that is written together with others of its table and day that came meanwhile.
pub const SMALL_ROWS: usize = 20_000;
/// Edits that become one commit.
pub const EDITS_TOGETHER: usize = 256;
/// Rows of a page that is read back when nobody says how many.
pub const ROWS_DEFAULT: usize = 1_000;
/// Rows of a page that is read back.
pub const ROWS_MAX: usize = 100_000;
/// Bytes in memory of a page that is read back.
pub const ROWS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Files with at least so many rows are not merged with others.
pub const MERGED_ROWS: u64 = 524_288;
