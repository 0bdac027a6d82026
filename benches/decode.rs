//! `cargo bench -p caponier-benches --bench decode`: records + decode against the faster of two typed parses of the same bytes.

use caponier_benches::load::Load;
use caponier_benches::rounds::{Contestant, compare, report};
use caponier_benches::{load, parse};
use caponier_model::{Body, Outcome, Tenants};
use caponier_wire::{Context, decode, records};
use std::io::Write;

fn main() -> std::io::Result<()> {
    let batches = Load::new(7, 5000).batches(100);
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    let split = |payload: &[u8]| records(payload, &context.limits).filter_map(Result::ok).map(|r| r.bytes.len()).sum();
    let all = |payload: &[u8]| {
        let mut sum = 0;
        for record in records(payload, &context.limits).filter_map(Result::ok) {
            let Ok(event) = decode(&context, &record.bytes) else { continue };
            let Body::SignIn(sign_in) = &event.body else { continue };
            sum += event.id.as_deref().map_or(0, str::len) + usize::from(event.outcome == Some(Outcome::Failure));
            sum += usize::from(sign_in.home != sign_in.resource);
        }
        sum
    };
    let mut contestants = [
        Contestant::new("serde_json, borrowed structs", parse::serde_json),
        Contestant::new("sonic-rs, the same structs", parse::sonic),
        Contestant::new("records", split),
        Contestant::new("records + decode", all),
    ];
    let rates = compare(&batches, 31, &mut contestants);
    let bytes: usize = batches.iter().map(Vec::len).sum();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "sign-ins of {} bytes in batches of {}, medians of interleaved rounds",
        bytes / (batches.len() * load::BATCH),
        load::BATCH
    )?;
    report(&mut out, &contestants, &rates)
}
