//! What an intake has read, on its way to the journal: one round is written and committed on a thread of its own while the next is
//! read. Knows rounds and whether they went through, not what is in them.
//!
//! At most one round is on its way, so that rounds are committed in the order in which they were read, and whoever finds one undone
//! knows that none after it was begun.

use super::Fault;
use crate::failure::failed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope;
use std::time::Duration;

/// Writes rounds one at a time.
pub(super) struct Outbox<R> {
    rounds: Sender<R>,
    done: Receiver<Result<(), Fault>>,
    busy: bool,
}

/// How it stands with the round that was posted last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// It is on its way.
    Under,
    /// It has just arrived.
    Arrived,
    /// None is on its way.
    Free,
}

impl<R: Send> Outbox<R> {
    /// Writes with `write`, on a thread that ends when the outbox is dropped and what is on its way has been written.
    pub(super) fn open<'scope, W>(scope: &'scope Scope<'scope, '_>, write: W) -> Self
    where
        R: 'scope,
        W: Fn(R) -> Result<(), Fault> + Send + 'scope,
    {
        let (rounds, posted) = channel::<R>();
        let (told, done) = channel();
        scope.spawn(move || {
            while let Ok(round) = posted.recv() {
                if told.send(write(round)).is_err() {
                    break;
                }
            }
        });
        Self { rounds, done, busy: false }
    }

    /// Posts a round. Whoever posts has seen that none is on its way.
    ///
    /// # Errors
    /// The thread that writes is gone.
    pub(super) fn post(&mut self, round: R) -> Result<(), Fault> {
        self.rounds.send(round).map_err(|_| gone())?;
        self.busy = true;
        Ok(())
    }

    /// Waits for the round that is on its way, no longer than this.
    ///
    /// # Errors
    /// It did not go through, and is on its way no more.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<Way, Fault> {
        if !self.busy {
            return Ok(Way::Free);
        }
        let told = match self.done.recv_timeout(limit) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => return Ok(Way::Under),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        };
        self.busy = false;
        told.map(|()| Way::Arrived)
    }
}

/// A thread ends only with its outbox, or by a panic that has been told already.
fn gone() -> Fault {
    Fault::Failure(failed("intake", "the thread that writes has ended; start the run again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use std::sync::Mutex;

    #[test]
    fn rounds_arrive_one_at_a_time_and_in_order_and_a_failure_is_told_once() {
        let written = Mutex::new(Vec::new());
        let (go, gate) = channel::<()>();
        let gate = Mutex::new(gate);
        std::thread::scope(|scope| {
            let mut outbox = Outbox::open(scope, |round: u32| {
                gate.lock().unwrap().recv().unwrap();
                if round == 2 {
                    return Err(Fault::Failure(Failure::Unavailable("no broker".into())));
                }
                written.lock().unwrap().push(round);
                Ok(())
            });
            assert_eq!(way(outbox.wait(Duration::ZERO)), Ok(Way::Free));
            outbox.post(1).unwrap_or_else(|_| panic!("the thread is there"));
            assert_eq!(way(outbox.wait(Duration::ZERO)), Ok(Way::Under), "nobody has let it through");
            go.send(()).unwrap();
            assert_eq!(way(outbox.wait(Duration::MAX)), Ok(Way::Arrived));
            assert_eq!(way(outbox.wait(Duration::MAX)), Ok(Way::Free), "arrived once");
            outbox.post(2).unwrap_or_else(|_| panic!("the thread is there"));
            go.send(()).unwrap();
            assert_eq!(way(outbox.wait(Duration::MAX)), Err("no broker".to_owned()));
            assert_eq!(way(outbox.wait(Duration::MAX)), Ok(Way::Free), "a failure is told once");
            outbox.post(3).unwrap_or_else(|_| panic!("the thread is there"));
            go.send(()).unwrap();
        });
        assert_eq!(*written.lock().unwrap(), [1, 3], "what was on its way when the outbox was dropped is written");
    }

    fn way(told: Result<Way, Fault>) -> Result<Way, String> {
        told.map_err(|fault| match fault {
            Fault::Kafka(fault) | Fault::Expelled(fault) => fault.to_string(),
            Fault::Failure(failure) => failure.to_string(),
        })
    }
}
