//! Rows of the alert, Defender, Sentinel and Office formats.

use super::Export;

/// One row per format.
pub(super) const ROWS: &[Export] = &[];
