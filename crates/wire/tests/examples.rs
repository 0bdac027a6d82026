//! Every row of the format table has a folder under `schemas/exports`, every example in it decodes as its own row, and no
//! mutation of an example makes a decoder panic.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its own helpers too")]

use caponier_model::{Body, Tenants};
use caponier_wire::{Context, Export, decode, exports, fuzz_one, records};
use std::path::{Path, PathBuf};

/// Mutations of each example. `CAPONIER_FUZZ` sets another number for a long run.
const MUTATIONS: usize = 2000;

fn folder(row: &Export) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/exports").join(row.name)
}

fn examples(row: &Export) -> Vec<(String, Vec<u8>)> {
    let folder = folder(row).join("examples");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths.into_iter().map(|p| (p.display().to_string(), std::fs::read(&p).unwrap())).collect()
}

#[test]
fn every_example_decodes_as_its_own_row() {
    let tenants = Tenants::default();
    for row in exports() {
        assert!(folder(row).join("schema.json").is_file(), "{} has no schema", row.name);
        let examples = examples(row);
        assert!(!examples.is_empty(), "{} has no example", row.name);
        for (path, bytes) in examples {
            let context = Context::discovering(&tenants);
            let mut read = 0;
            for record in records(&bytes, &context.limits) {
                let record = record.unwrap_or_else(|b| panic!("{path}: {}", b.reject));
                let context = Context { odata: record.odata.as_deref(), ..context };
                let event = decode(&context, &record.bytes).unwrap_or_else(|r| panic!("{path}: {r}"));
                assert_eq!(event.format, row.name, "{path}");
                read += 1;
            }
            assert!(read > 0, "{path} holds no record");
        }
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = exports().map(|row| row.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn invitations_and_claims_come_out_of_the_examples() {
    let tenants = Tenants::default();
    let read = |name: &str, example: &str| {
        let bytes =
            std::fs::read(folder(exports().find(|r| r.name == name).unwrap()).join("examples").join(example)).unwrap();
        let context = Context::discovering(&tenants);
        let record = records(&bytes, &context.limits).next().unwrap().unwrap().bytes.into_owned();
        format!("{:?}", decode(&context, &record).unwrap().body)
    };
    for (name, example, redeemed) in [
        ("audit_diag", "invite.json", false),
        ("audit_diag", "add_user.json", false),
        ("audit_diag", "redeem.json", true),
        ("audit_la", "invite_as_text.json", false),
    ] {
        let body = read(name, example);
        let want = format!("address: \"mira.okafor@harbour.example\", redeemed: {redeemed}");
        assert!(body.contains(&want) && body.contains("guest: c95a1e73"), "{example}: {body}");
    }
    let caller = read("activity_diag", "guest.json");
    for want in [
        "provider: Some(3c1f0a52",
        "home_puid: Some(\"1003200A1B2C3D4E\")",
        "object: Some(c95a1e73",
        "subscription: Some(b6f2d8a0",
    ] {
        assert!(caller.contains(want), "{want} in {caller}");
    }
    assert!(read("activity_la", "claims_as_text.json").contains("onprem_sid: Some(\"S-1-5-21"));
}

/// The service principal, its application and owner, and whether it is a managed identity.
#[test]
fn service_principals_come_out_of_every_envelope() {
    let tenants = Tenants::default();
    for (name, example, owner, managed) in [
        ("signin_service_principal_diag", "multi_tenant_application.json", true, false),
        ("signin_service_principal_la", "multi_tenant_application.json", true, false),
        ("signin_service_principal_diag", "backup.json", false, false),
        ("signin_managed_identity_diag", "machine.json", false, true),
        ("signin_managed_identity_la", "machine.json", false, true),
        ("signin_graph", "managed_identity.json", false, true),
        ("service_principal_graph", "own.json", true, false),
        ("service_principal_graph", "bare.json", false, false),
    ] {
        let row = exports().find(|r| r.name == name).unwrap();
        let bytes = std::fs::read(folder(row).join("examples").join(example)).unwrap();
        let event = decode(&Context::discovering(&tenants), &bytes).unwrap();
        let said = match event.body {
            Body::SignIn(s) => {
                assert_eq!((s.home, s.user_type.is_some()), (None, false), "{name}/{example}");
                (s.principal.is_some(), s.app.is_some(), s.app_owner.is_some(), s.managed)
            }
            Body::Principal(p) => (p.object == event.actor.id.unwrap(), true, p.owner.is_some(), p.managed),
            other => panic!("{name}/{example}: {other:?}"),
        };
        assert_eq!(said, (true, true, owner, managed), "{name}/{example}");
        assert!(event.actor.display.is_some(), "{name}/{example}");
    }
}

#[test]
fn a_detection_is_one_sighting_by_every_road() {
    let tenants = Tenants::default();
    let mut keys = Vec::new();
    for name in ["user_risk_event_diag", "user_risk_event_la", "risk_detection_graph"] {
        let row = exports().find(|r| r.name == name).unwrap();
        let (path, bytes) = examples(row).into_iter().find(|(p, _)| p.ends_with("anonymous_address.json")).unwrap();
        let context = Context::discovering(&tenants);
        let Body::Sighting(sighting) = decode(&context, &bytes).unwrap().body else { panic!("{path} is no sighting") };
        assert_eq!(sighting.techniques, ["T1078", "T1090.003"], "{path}");
        assert_eq!((sighting.entities.len(), sighting.tactics.len()), (4, 1), "{path}: {:?}", sighting.entities);
        keys.push((sighting.key.product, sighting.key.id, sighting.first, sighting.version));
    }
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
}

/// Marsaglia's xorshift: the same mutations on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const DIRT: [&[u8]; 12] = [
        b"null",
        b"\"\"",
        b"{",
        b"]",
        b"\\",
        b"\"",
        b"-1e999",
        b"\xff",
        b"\\ud800",
        b"[[[[[[[[",
        b"18446744073709551616",
        b"\0",
    ];
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let to = (at + random.below(24)).min(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..at, DIRT[random.below(DIRT.len())].iter().copied())),
            3 => bytes.get_mut(at).into_iter().for_each(|b| *b ^= 1 << random.below(8)),
            _ => {
                let copy = bytes[at..to].to_vec();
                let place = random.below(bytes.len());
                drop(bytes.splice(place..place, copy));
            }
        }
    }
}

#[test]
fn no_mutation_of_an_example_panics() {
    let mutations = std::env::var("CAPONIER_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTATIONS);
    for row in exports() {
        for (_, bytes) in examples(row) {
            let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (row.name.len() as u64) << 32 ^ bytes.len() as u64);
            for _ in 0..mutations {
                let mut mutated = bytes.clone();
                mutate(&mut mutated, &mut random);
                fuzz_one(row, &mutated);
            }
        }
    }
}
