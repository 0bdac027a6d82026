//! Every limit of the intake in one place, with its default. Must not know where the values are configured.

use std::path::PathBuf;

const MIB: usize = 1 << 20;

/// What one reader may use. Memory is bounded by these figures, not by the input; whatever hits one is refused and counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes asked of the operating system at a time (default 1 MiB).
    pub block_bytes: usize,
    /// Longest line, row or message, in bytes (default 64 MiB). Longer ones are skipped and refused as `too_large`.
    pub line_bytes: usize,
    /// Largest file in document form (one pretty-printed object or array), in bytes (default 256 MiB).
    pub document_bytes: usize,
    /// How much of a refused record is kept, in bytes (default 64 KiB).
    pub kept_bytes: usize,
    /// Output bytes per compressed byte at which a stream counts as a bomb (default 200), looked at beyond `inflate_floor`.
    pub inflate_ratio: u64,
    /// Output below which the ratio is not looked at, in bytes (default 64 MiB).
    pub inflate_floor: u64,
    /// Most bytes that one compressed file may become (default 64 GiB).
    pub inflate_bytes: u64,
    /// Memory of one [`crate::Sorter`] or [`crate::Distinct`] before it spills, in bytes (default 64 MiB).
    pub sort_bytes: usize,
    /// Where spilled runs go; `None` is the system's folder for temporary files.
    pub temp_dir: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_bytes: MIB,
            line_bytes: 64 * MIB,
            document_bytes: 256 * MIB,
            kept_bytes: 64 << 10,
            inflate_ratio: 200,
            inflate_floor: 64 << 20,
            inflate_bytes: 64 << 30,
            sort_bytes: 64 * MIB,
            temp_dir: None,
        }
    }
}
