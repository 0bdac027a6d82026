//! What is known of identities, while the join asks about it elsewhere. The join may take seconds; evidence that comes
//! meanwhile waits here, and the journal is read on.

use crate::failure::{Failure, failed};
use caponier_identity::Store;
use caponier_model::{IdentityChange, NamingRule, Portion, Rows, Tenants};
use caponier_query::{Join, Parts, Queries, QueryError};
use std::thread::JoinHandle;

/// The store, or who has it.
pub struct Identities {
    store: Option<Store>,
    /// What came while the store was lent.
    waiting: Vec<Rows>,
}

impl Identities {
    /// With a store.
    pub const fn new(store: Store) -> Self {
        Self { store: Some(store), waiting: Vec::new() }
    }

    /// Takes rows in, or keeps them until the store is back.
    pub fn insert(&mut self, rows: Rows) {
        match &mut self.store {
            Some(store) => store.insert(&rows),
            None => self.waiting.push(rows),
        }
    }

    /// The store, where it is here.
    pub const fn here(&mut self) -> Option<&mut Store> {
        self.store.as_mut()
    }

    /// Lends the store, where it is here.
    pub const fn lend(&mut self) -> Option<Store> {
        self.store.take()
    }

    /// Has the store back, and puts in what has waited; true where something has.
    pub fn take_back(&mut self, mut store: Store) -> bool {
        let waited = !self.waiting.is_empty();
        self.waiting.drain(..).for_each(|rows| store.insert(&rows));
        self.store = Some(store);
        waited
    }
}

/// The join on a thread of its own, with what it was lent.
pub struct Asking(JoinHandle<Answer>);

/// What comes back.
pub struct Answer {
    /// The store.
    pub store: Store,
    /// The join, for the next time.
    pub join: Join,
    /// What follows from the evidence and was not told yet.
    pub changes: Result<Vec<IdentityChange>, QueryError>,
}

impl Asking {
    /// Asks about all that changed since the last time. `join` is the one of the last time, where there was one.
    ///
    /// # Errors
    /// The join cannot be set up, or there is no thread for it; the store is lost with it then, and the run must end.
    pub fn begin(mut store: Store, join: Option<Join>, naming: Vec<NamingRule>) -> Result<Self, Failure> {
        let join = match join {
            Some(join) => join,
            None => Join::new(Queries::embedded()).map_err(|e| failed("the identity join failed", e))?,
        };
        let asked = move || {
            let ask =
                |portions: &[Portion], tenants: &Tenants| join.parts(&Parts { portions, tenants, naming: &naming });
            let changes = store.settle(ask);
            Answer { store, join, changes }
        };
        let thread = std::thread::Builder::new().name("identities".into()).spawn(asked);
        thread.map(Self).map_err(|e| failed("cannot start a thread", e))
    }

    /// True once the answer is there.
    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    /// The answer; waits for it.
    ///
    /// # Errors
    /// The thread broke down.
    pub fn answer(self) -> Result<Answer, Failure> {
        self.0.join().map_err(|_| Failure::Failed("the identity join stopped".into()))
    }
}
