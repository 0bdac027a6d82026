//! Decisions: what people said, in the order they said it, never changed. Knows statements as rows and decisions about
//! findings as lines; resolves nothing.

use crate::LedgerError;
use crate::database::{self, fault};
use caponier_model::{AccountKey, Decision, EventTime, Guid, Statement, TenantId, Verdict};
use rusqlite::{Connection, Row, params};
use std::path::{Path, PathBuf};

/// The ledger: a file of decisions that outlive a run.
///
/// One writer at a time, readers beside it; a reader sees whole decisions only.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
}

/// A statement with its place in the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Order of recording, from 1; never used twice.
    pub seq: u64,
    /// What was said.
    pub statement: Statement,
}

impl Ledger {
    /// Opens the file for writing; makes it where there is none, brings an older schema to this build's.
    ///
    /// # Errors
    /// Its folder is missing, it is no ledger, is damaged, is of a later build, or another writer does not let go.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: database::open(path)?, path: path.to_path_buf() })
    }

    /// Opens the file for reading only; nothing is made or changed.
    ///
    /// # Errors
    /// There is no such file, it is no ledger, is damaged, or has another schema than this build's.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: database::read(path)?, path: path.to_path_buf() })
    }

    /// Appends a statement and returns its number; on the disk when this returns.
    ///
    /// # Errors
    /// The ledger was opened for reading, author or reason are blank, or the disk fails.
    pub fn record(&mut self, statement: &Statement) -> Result<u64, LedgerError> {
        let failed = |source| fault(&self.path, source);
        let Statement { account, home, at, verdict, author, reason, from, until } = statement;
        let step = self.connection.transaction().map_err(failed)?;
        // The database writes the JSON: what it wrote, its own functions read.
        step.execute(
            "INSERT INTO decision (at, kind, author, reason, body) VALUES (?1, ?2, ?3, ?4, json_object(
                 'account', json_object('tenant', ?5, 'object_id', ?6),
                 'home', json_object('tenant', ?7, 'object_id', ?8),
                 'from', ?9, 'until', ?10))",
            params![
                at.nanos(),
                kind(*verdict),
                author.as_str(),
                reason.as_str(),
                account.tenant.to_string(),
                account.object.to_string(),
                home.tenant.to_string(),
                home.object.to_string(),
                (*from != EventTime::MIN).then(|| from.nanos()),
                (*until != EventTime::MAX).then(|| until.nanos()),
            ],
        )
        .map_err(failed)?;
        let seq = step.last_insert_rowid();
        for tenant in [account.tenant, home.tenant] {
            step.execute(
                "INSERT OR IGNORE INTO decision_tenant (tenant, seq) VALUES (?1, ?2)",
                params![tenant.to_string(), seq],
            )
            .map_err(failed)?;
        }
        step.commit().map_err(failed)?;
        Ok(seq.unsigned_abs())
    }

    /// Appends a decision about findings as the line `body`, and returns its number; on the disk when this returns. The line is
    /// the caller's: it comes back as it was.
    ///
    /// # Errors
    /// The ledger was opened for reading, author or reason are blank, `body` is no JSON, or the disk fails.
    pub fn record_decision(
        &mut self,
        decision: &Decision,
        body: &str,
        tenants: &[TenantId],
    ) -> Result<u64, LedgerError> {
        let failed = |source| fault(&self.path, source);
        let Decision { at, author, reason, act } = decision;
        let step = self.connection.transaction().map_err(failed)?;
        step.execute(
            "INSERT INTO decision (at, kind, author, reason, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![at.nanos(), format!("{INCIDENT}{}", act.code()), author.as_str(), reason.as_str(), body],
        )
        .map_err(failed)?;
        let seq = step.last_insert_rowid();
        for tenant in tenants {
            step.execute(
                "INSERT OR IGNORE INTO decision_tenant (tenant, seq) VALUES (?1, ?2)",
                params![tenant.to_string(), seq],
            )
            .map_err(failed)?;
        }
        step.commit().map_err(failed)?;
        Ok(seq.unsigned_abs())
    }

    /// The lines of every decision about findings with their numbers, in the order of recording.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn decisions(&self) -> Result<Vec<(u64, String)>, LedgerError> {
        let failed = |source| fault(&self.path, source);
        let mut query = self
            .connection
            .prepare("SELECT seq, body FROM decision WHERE kind LIKE 'incident.%' ORDER BY seq")
            .map_err(failed)?;
        let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).map_err(failed)?;
        rows.map(|row| row.map(|(seq, body)| (seq.unsigned_abs(), body)).map_err(failed)).collect()
    }

    /// Erases every decision and statement that touches a tenant, from the file's free pages too, and tells how many: the one way in which
    /// anything leaves the ledger.
    ///
    /// # Errors
    /// The ledger was opened for reading, another holds it, or the disk fails.
    pub fn purge(&mut self, tenant: TenantId) -> Result<u64, LedgerError> {
        let failed = |source| fault(&self.path, source);
        self.connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
        let step = self.connection.transaction().map_err(failed)?;
        // What stands guard over decisions steps aside for this transaction alone.
        let guard: String = step
            .query_row("SELECT sql FROM sqlite_schema WHERE name = 'decision_stays'", [], |row| row.get(0))
            .map_err(failed)?;
        step.execute_batch("DROP TRIGGER decision_stays").map_err(failed)?;
        let touched = "(SELECT seq FROM decision_tenant WHERE tenant = ?1)";
        let erased = step
            .execute(&format!("DELETE FROM decision WHERE seq IN {touched}"), [tenant.to_string()])
            .map_err(failed)?;
        step.execute_batch(&guard).map_err(failed)?;
        step.commit().map_err(failed)?;
        self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").map_err(failed)?;
        Ok(erased as u64)
    }

    /// Every statement, in the order of recording.
    ///
    /// # Errors
    /// The file cannot be read, or a row holds what this build does not write.
    pub fn statements(&self) -> Result<Vec<Recorded>, LedgerError> {
        let failed = |source| fault(&self.path, source);
        let mut query = self
            .connection
            .prepare(
                "SELECT seq, at, kind, author, reason,
                        body ->> '$.account.tenant', body ->> '$.account.object_id',
                        body ->> '$.home.tenant', body ->> '$.home.object_id',
                        body ->> '$.from', body ->> '$.until'
                 FROM decision WHERE kind LIKE 'identity.%' ORDER BY seq",
            )
            .map_err(failed)?;
        let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, statement(row)?))).map_err(failed)?;
        let mut out = Vec::new();
        for row in rows {
            let (seq, statement) = row.map_err(failed)?;
            let seq = seq.unsigned_abs();
            let what = || format!("decision {seq} names no accounts or no known kind");
            let statement = statement.ok_or_else(|| LedgerError::Damaged { path: self.path.clone(), what: what() })?;
            out.push(Recorded { seq, statement });
        }
        Ok(out)
    }
}

const PREFIX: &str = "identity.";
const INCIDENT: &str = "incident.";

fn kind(verdict: Verdict) -> String {
    format!("{PREFIX}{}", verdict.code())
}

/// The statement of a row; `None` where a value is not what [`Ledger::record`] writes.
fn statement(row: &Row<'_>) -> rusqlite::Result<Option<Statement>> {
    let account = |tenant: usize, object: usize| -> rusqlite::Result<Option<AccountKey>> {
        let (tenant, object): (Option<String>, Option<String>) = (row.get(tenant)?, row.get(object)?);
        let key = |t: String, o: String| Some(AccountKey { tenant: TenantId::parse(&t)?, object: Guid::parse(&o)? });
        Ok(tenant.zip(object).and_then(|(t, o)| key(t, o)))
    };
    let kind: String = row.get(2)?;
    let verdict = kind.strip_prefix(PREFIX).and_then(Verdict::read);
    let (author, reason): (String, String) = (row.get(3)?, row.get(4)?);
    let (at, from, until): (i64, Option<i64>, Option<i64>) = (row.get(1)?, row.get(9)?, row.get(10)?);
    let (account, home) = (account(5, 6)?, account(7, 8)?);
    Ok(account.zip(home).zip(verdict).map(|((account, home), verdict)| Statement {
        account,
        home,
        at: EventTime::from_nanos(at),
        verdict,
        author: author.into(),
        reason: reason.into(),
        from: from.map_or(EventTime::MIN, EventTime::from_nanos),
        until: until.map_or(EventTime::MAX, EventTime::from_nanos),
    }))
}

#[cfg(test)]
#[path = "decisions_tests.rs"]
mod tests;
