//! How much of a file is ever held at once, whatever is in it.

/// The most bytes of one row: more is a quote that was never closed, or no file of rows.
pub const ROW_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most bytes of one field: no command says more, and a row has several.
pub const FIELD_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes of the line that names the columns.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;

/// The most columns of a file, and the most keys of a JSON object: far more than any command has.
pub const COLUMNS_MAX: usize = 4096;

/// How often its own size a packed file may become: text of rows reaches a tenth of it, a file made
/// to fill a disk or a processor goes beyond.
pub const RATIO_MAX: u64 = 200;

/// From this size on the ratio is looked at: small files that are all alike pack very well.
pub const RATIO_FROM_BYTES: u64 = 64 * 1024 * 1024;

/// The largest window that a zst file may ask for, which is held in memory: what `zstd` uses at its
/// highest ordinary level, and twice that.
pub const WINDOW_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most bytes in which a Parquet file describes itself: a thousand row groups of a hundred
/// columns need half of it.
pub const SELF_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most bytes that are held of a Parquet file: a page and a dictionary of every column, which
/// writers end at one MiB each.
pub const HELD_BYTES_MAX: usize = 128 * 1024 * 1024;

/// How often its own size the rows of a Parquet file may be, from [`RATIO_FROM_BYTES`] on: it says
/// only once what many rows have in common.
pub const PARQUET_RATIO_MAX: u64 = 2_000;

/// The bytes that are read from a file, unpacked or decoded at once: enough that a disk reads at its
/// own speed.
pub(crate) const BUFFER_BYTES: usize = 128 * 1024;
