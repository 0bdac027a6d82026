//! The ledger against other readers and writers, torn files, strangers' files and other versions.

use super::*;
use crate::database::MIGRATIONS;
use std::fs;
use tempfile::TempDir;

fn key(tenant: u128, object: u128) -> AccountKey {
    AccountKey { tenant: TenantId(Guid::from_u128(tenant)), object: Guid::from_u128(object) }
}

fn said(at: i64, verdict: Verdict) -> Statement {
    Statement {
        account: key(2, 7),
        home: key(1, 7),
        at: EventTime::from_seconds(at),
        verdict,
        author: "a.nalyst".into(),
        reason: "it's \"ticket 7\"; DROP TABLE decision; \u{1f600}".into(),
        from: EventTime::MIN,
        until: EventTime::MAX,
    }
}

fn ledger() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("caponier.db");
    (folder, path)
}

#[test]
fn what_is_recorded_is_read_in_the_order_of_recording() {
    let (_folder, path) = ledger();
    let mut written = Vec::new();
    for (n, verdict) in [(3, Verdict::Same), (1, Verdict::Different), (2, Verdict::Withdrawn)] {
        let mut ledger = Ledger::open(&path).unwrap();
        let statement = Statement {
            from: EventTime::from_nanos(n * 1_234_567_891),
            until: if n == 1 { EventTime::MAX } else { EventTime::from_seconds(1_000_000) },
            ..said(n, verdict)
        };
        assert_eq!(ledger.record(&statement).unwrap(), written.len() as u64 + 1);
        written.push(statement);
    }
    let read = Ledger::read(&path).unwrap().statements().unwrap();
    assert_eq!(read.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(read.into_iter().map(|r| r.statement).collect::<Vec<_>>(), written);
    assert_eq!(Ledger::open(&path).unwrap().statements().unwrap().len(), 3);
    // Closed by everybody, it is one file.
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_reader_beside_a_writer_sees_whole_decisions() {
    let (_folder, path) = ledger();
    let mut writer = Ledger::open(&path).unwrap();
    let reader = Ledger::read(&path).unwrap();
    for n in 0..50 {
        writer.record(&said(n, Verdict::Same)).unwrap();
        assert_eq!(reader.statements().unwrap().len() as i64, n + 1);
    }
    let begun = writer.connection.transaction().unwrap();
    begun
        .execute(
            "INSERT INTO decision (at, kind, author, reason, body) VALUES (1, 'identity.same', 'a', 'b', '{}')",
            [],
        )
        .unwrap();
    assert_eq!(reader.statements().unwrap().len(), 50, "half a decision is none");
    assert_eq!(Ledger::read(&path).unwrap().statements().unwrap().len(), 50);
}

#[test]
fn writers_at_once_lose_nothing() {
    let (_folder, path) = ledger();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for n in 0..10 {
                    Ledger::open(path).unwrap().record(&said(thread * 100 + n, Verdict::Same)).unwrap();
                }
            });
        }
    });
    let read = Ledger::read(&path).unwrap().statements().unwrap();
    assert_eq!(read.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
}

/// Nobody meets a ledger that is being made: it has its name once it is whole, and leaves nothing beside it.
#[test]
fn whoever_comes_first_makes_it_whole() {
    for _ in 0..20 {
        let (folder, path) = ledger();
        std::thread::scope(|scope| {
            for n in 0..4 {
                let path = &path;
                scope.spawn(move || Ledger::open(path).unwrap().record(&said(n, Verdict::Same)).unwrap());
            }
        });
        assert_eq!(Ledger::read(&path).unwrap().statements().unwrap().len(), 4);
        let left = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| !name.starts_with("caponier.db")).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn a_decision_is_neither_changed_nor_removed_nor_blank() {
    let (_folder, path) = ledger();
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(&said(1, Verdict::Same)).unwrap();
    for sql in ["UPDATE decision SET author = 'x'", "DELETE FROM decision"] {
        let error = ledger.connection.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("a decision is never"), "{error}");
    }
    for blank in [
        Statement { reason: " ".into(), ..said(1, Verdict::Same) },
        Statement { author: "".into(), ..said(1, Verdict::Same) },
    ] {
        assert!(ledger.record(&blank).unwrap_err().to_string().contains("CHECK"), "{blank:?}");
    }
    assert_eq!(ledger.statements().unwrap().len(), 1);
}

#[test]
fn a_decision_is_found_by_each_tenant_it_touches() {
    let (_folder, path) = ledger();
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(&said(1, Verdict::Same)).unwrap();
    ledger.record(&Statement { home: key(3, 7), ..said(2, Verdict::Same) }).unwrap();
    let touched = |tenant: u128| -> i64 {
        let tenant = TenantId(Guid::from_u128(tenant)).to_string();
        ledger
            .connection
            .query_row("SELECT count(*) FROM decision_tenant WHERE tenant = ?1", [tenant], |r| r.get(0))
            .unwrap()
    };
    assert_eq!([1, 2, 3, 4].map(touched), [1, 2, 1, 0]);
}

#[test]
fn a_reader_writes_nothing() {
    let (_folder, path) = ledger();
    let missing = Ledger::read(&path).unwrap_err();
    assert!(matches!(missing, LedgerError::NoLedger { .. }) && missing.to_string().contains("--ledger"), "{missing}");
    assert!(!path.exists(), "a reader made the file");
    Ledger::open(&path).unwrap();
    assert!(Ledger::read(&path).unwrap().record(&said(1, Verdict::Same)).is_err());
}

#[cfg(unix)]
#[test]
fn a_ledger_in_a_folder_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = ledger();
    Ledger::open(&path).unwrap().record(&said(1, Verdict::Same)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let read = Ledger::read(&path).and_then(|l| l.statements());
    // The superuser may write there all the same: then the road without locks is asked for by itself.
    let unlocked = database::unchanging(&path);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(read.unwrap().len(), 1);
    assert_eq!(Ledger { connection: unlocked.unwrap(), path }.statements().unwrap().len(), 1);
}

#[test]
fn a_torn_file_is_named_and_never_overwritten() {
    let (_folder, path) = ledger();
    let mut ledger = Ledger::open(&path).unwrap();
    for n in 0..200 {
        ledger.record(&said(n, Verdict::Same)).unwrap();
    }
    drop(ledger);
    let whole = fs::read(&path).unwrap();
    for keep in [1, 99, 1024, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..keep]).unwrap();
        for opened in [Ledger::read(&path), Ledger::open(&path)] {
            let error =
                opened.err().unwrap_or_else(|| panic!("{keep} of {} bytes were taken for a ledger", whole.len()));
            let told = matches!(error, LedgerError::Damaged { .. } | LedgerError::NotALedger { .. });
            assert!(told && error.to_string().contains("caponier.db"), "{keep}: {error:?}");
        }
        assert_eq!(fs::read(&path).unwrap(), whole[..keep], "what was left was written over");
    }
    let mut bent = whole.clone();
    bent[4096..4200].fill(0xff);
    fs::write(&path, bent).unwrap();
    let error = Ledger::open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }) && error.to_string().contains("restore"), "{error:?}");
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let (folder, path) = ledger();
    fs::write(&path, "{\"json\":1}\n".repeat(100)).unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::NotALedger { .. })));
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(&other).unwrap();
    for opened in [Ledger::open(&other), Ledger::read(&other)] {
        assert!(matches!(opened, Err(LedgerError::NotALedger { .. })), "{opened:?}");
    }
    assert_eq!(fs::read(&other).unwrap(), before);
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::IsFolder { .. })));
    assert!(matches!(Ledger::open(&folder.path().join("no/such")), Err(LedgerError::Folder { .. })));
}

#[test]
fn another_version_is_said_and_left_alone() {
    let (_folder, path) = ledger();
    Ledger::open(&path).unwrap().record(&said(1, Verdict::Same)).unwrap();
    let set = |version: usize| {
        Connection::open(&path).unwrap().pragma_update(None, "user_version", version as i64).unwrap();
    };
    set(MIGRATIONS.len() + 1);
    for opened in [Ledger::open(&path), Ledger::read(&path)] {
        let error = opened.unwrap_err();
        assert!(matches!(error, LedgerError::NewSchema { .. }) && error.to_string().contains("newer build"), "{error}");
    }
    set(MIGRATIONS.len() - 1);
    let error = Ledger::read(&path).unwrap_err();
    assert!(matches!(error, LedgerError::OldSchema { .. }), "{error}");
}

#[test]
fn decisions_about_findings_come_back_as_they_were() {
    use caponier_model::{Act, DecisionId};
    let (_folder, path) = ledger();
    let decision = |at: i64, author: &str| Decision {
        at: EventTime::from_seconds(at),
        author: author.into(),
        reason: "it's ticket 7".into(),
        act: Act::Withdraw { decision: DecisionId::from_u128(1) },
    };
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(&said(1, Verdict::Same)).unwrap();
    let lines = ["{\"n\":1,\"text\":\"it's \\u0022\"}", "{ \"n\" : 2 }"];
    for (n, line) in lines.iter().enumerate() {
        let tenants = [key(1, 1).tenant, key(1, 2).tenant];
        assert_eq!(ledger.record_decision(&decision(n as i64, "ada"), line, &tenants).unwrap(), n as u64 + 2);
    }
    assert!(ledger.record_decision(&decision(3, " "), "{}", &[]).is_err(), "nobody said it");
    assert!(ledger.record_decision(&decision(3, "ada"), "{", &[]).is_err(), "no JSON");
    let read = Ledger::read(&path).unwrap();
    assert_eq!(read.decisions().unwrap(), [(2, lines[0].to_owned()), (3, lines[1].to_owned())]);
    assert_eq!(read.statements().unwrap().len(), 1);
}

#[test]
fn a_purged_tenant_leaves_no_byte_and_nothing_else_can_be_removed() {
    let (_folder, path) = ledger();
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(&Statement { reason: "about the one that goes".into(), ..said(1, Verdict::Same) }).unwrap();
    let stays = Statement { account: key(3, 8), home: key(1, 8), ..said(2, Verdict::Same) };
    ledger.record(&stays).unwrap();
    let gone = TenantId(Guid::from_u128(2));
    assert_eq!(ledger.purge(gone).unwrap(), 1);
    assert_eq!(ledger.purge(gone).unwrap(), 0);
    let left = ledger.statements().unwrap();
    assert_eq!(left.iter().map(|r| (r.seq, &r.statement)).collect::<Vec<_>>(), [(2, &stays)]);
    assert!(ledger.connection.execute("DELETE FROM decision", []).is_err(), "the guard is gone");
    drop(ledger);
    let bytes = fs::read(&path).unwrap();
    let word = b"about the one that goes";
    assert!(!bytes.windows(word.len()).any(|part| part == word), "its words are still in the file");
    // What comes later takes no number twice.
    assert_eq!(Ledger::open(&path).unwrap().record(&said(3, Verdict::Same)).unwrap(), 3);
}
