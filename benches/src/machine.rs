//! What the machine says of this process: memory held and work done.

use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of memory that the process has; 0 where the machine does not say.
pub fn resident() -> usize {
    let said = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    said.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Seconds of work so far: of this thread where the machine says so, else by the clock. A shared machine takes the core away for
/// seconds, and what takes seconds itself cannot be measured in rounds.
pub fn busy() -> f64 {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = said.split(' ').next().and_then(|n| n.parse::<f64>().ok()).map(|n| n / 1e9);
    nanos.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()))
}
