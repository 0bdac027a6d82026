//! What keeps a reader from giving its partitions away: commits on their way. Knows no Kafka.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How many hold, and who is told when one lets go.
#[derive(Debug, Default)]
struct Count {
    held: Mutex<usize>,
    fewer: Condvar,
}

/// The holds of one reader.
#[derive(Debug, Default)]
pub(super) struct Holds(Arc<Count>);

/// Holds until it is dropped.
#[derive(Debug)]
pub struct Hold(Arc<Count>);

impl Holds {
    /// One more.
    pub(super) fn hold(&self) -> Hold {
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Hold(Arc::clone(&self.0))
    }

    /// Waits until nobody holds.
    pub(super) fn wait(&self) {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.fewer.wait_while(held, |held| *held > 0));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.fewer.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    #[test]
    fn who_waits_waits_for_the_last_hold() {
        let holds = Holds::default();
        holds.wait();
        let (first, second) = (holds.hold(), holds.hold());
        let through = AtomicBool::new(false);
        let (told, waits) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                told.send(()).unwrap();
                holds.wait();
                through.store(true, Ordering::SeqCst);
            });
            waits.recv().unwrap();
            drop(first);
            assert!(!through.load(Ordering::SeqCst), "the second holds still");
            drop(second);
        });
        assert!(through.load(Ordering::SeqCst));
    }
}
