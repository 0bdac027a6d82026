//! Progress on a terminal, silence elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar over `bytes` of input; draws only when stderr is a terminal.
pub fn bytes(bytes: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(8));
    let style =
        ProgressStyle::with_template("{msg:>12} {bar:32} {bytes:>10}/{total_bytes} {bytes_per_sec:>12} {eta:>4}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("━━╌"));
    }
    bar.set_message(what);
    bar
}

/// A spinner for a step without a known length.
pub fn step(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template("{msg:>12} {spinner}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A bar over the rows of a sweep; draws only when stderr is a terminal.
pub fn rows(rows: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template("{msg:>12} {bar:32} {pos:>5}/{len} rows {eta:>4}") {
        bar.set_style(style.progress_chars("━━╌"));
    }
    bar.set_message("correlating");
    bar
}
