//! Arbitrary bytes as the body of a snapshot, checksum and all: an error, or an engine whose time can pass.
#![no_main]

use caponier_correlate::{Engine, seal};
use caponier_model::{
    AccountFacts, AccountKey, Binding, EventTime, Handle, IdentityChange, Persons, TenantId,
};
use libfuzzer_sys::fuzz_target;

/// Nobody is known.
struct Nobody;

impl Persons for Nobody {
    fn account(&self, _: TenantId, _: Handle<'_>, _: EventTime) -> Option<AccountKey> {
        None
    }

    fn bind(&self, account: AccountKey, _: EventTime) -> Binding {
        Binding { person: account, via: None, possible: Vec::new() }
    }

    fn facts(&self, _: AccountKey, _: EventTime) -> Option<AccountFacts> {
        None
    }

    fn apply(&mut self, _: IdentityChange) -> Vec<AccountKey> {
        Vec::new()
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(mut engine) = Engine::restore(&seal(data), &["alert"], Nobody) {
        engine.handle_time(EventTime::MAX);
        while engine.poll_change().is_some() {}
        engine.snapshot();
    }
});
