//! Rows of the Entra, Azure and directory formats.

use super::Export;

/// One row per format.
pub(super) const ROWS: &[Export] = &[];
