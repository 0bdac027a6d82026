//! `caponier purge`: a tenant is forgotten, and what cannot be erased is told.

use super::print;
use crate::cli::Purge;
use crate::config::Config;
use crate::decisions;
use crate::failure::{Exit, Failure, failed};
use crate::live::{PATIENCE, each_message, open_decisions};
use crate::triage;
use crate::who;
use caponier_ledger::Ledger;
use caponier_model::TenantId;
use caponier_transport::kafka::{Cluster, Writer};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Forgets a tenant.
pub fn run(args: &Purge, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = super::live::told(config)?;
    let tenant = match TenantId::parse(&args.tenant) {
        Some(id) => id,
        None => who::tenant(&args.tenant, &config.tenants)?,
    };
    let read: Vec<&str> =
        config.live.topics.iter().filter(|t| t.tenant == Some(tenant)).map(|t| t.called.shown().1).collect();
    if !read.is_empty() {
        let what =
            "are still read, and would bring it back: take them out of the configuration first (SIGHUP or restart)";
        return Err(Failure::Usage(format!("topics of the tenant {what}: {}", read.join(", "))));
    }
    let (author, reason) = (args.author.trim().to_owned(), args.reason.trim().to_owned());
    if author.is_empty() || reason.is_empty() {
        return Err(Failure::Usage("a purge needs an author and a reason".into()));
    }
    let cluster = open_decisions(&config)?;
    let mut out = format!("purge of tenant {tenant}\n\nerased\n");
    let path = args.ledger.clone().unwrap_or_else(|| PathBuf::from(config.ledger.as_str()));
    if path.exists() {
        let erased = Ledger::open(&path).and_then(|mut ledger| ledger.purge(tenant));
        let erased = erased.map_err(|e| Failure::Failed(e.to_string()))?;
        let _ = writeln!(out, "  ledger {}: {erased} decisions and statements", path.display());
    }
    let writer = Writer::open_plain(&cluster).map_err(|e| failed("cannot write", e))?;
    for topic in [&config.live.dead_letters, &config.live.late] {
        let erased = erase_letters(&cluster, &writer, topic, (tenant, &args.topic))?;
        let _ = writeln!(
            out,
            "  topic {topic}: {erased} letters marked; the brokers drop their bytes at the next compaction"
        );
    }
    let line = decisions::purge_line(&decisions::Purge { at: triage::now(&[]), author, reason, tenant });
    let topic = config.live.decisions.as_str();
    let sent = writer.send(topic, Some(0), &[], line.as_bytes()).and_then(|()| writer.commit(PATIENCE));
    sent.map_err(|e| failed(&format!("cannot write to {topic}"), e))?;
    let said = spoken(&cluster, topic, tenant)?;
    rest(&mut out, &config, said);
    print(&out)
}

/// What runs do, and what nobody can.
fn rest(out: &mut String, config: &Config, said: usize) {
    let live = &config.live;
    let _ = write!(
        out,
        "\nforgotten by runs, when they read it in the journal (a message on stderr says so)\n\
         \x20 engine, rule windows, identities; incidents that held its findings end (a message without bytes in {}), and\n\
         \x20 what of other tenants was in them makes new ones\n\
         \x20 snapshots in {}, of every process: a new one replaces all before it\n\n\
         not erased: what brokers hold cannot be taken out of a topic by who wrote it\n\
         \x20 {}, {}, {}: gone after {} days\n\
         \x20 {}: {said} lines name it, kept until somebody deletes the records (kafka-delete-records)\n\
         \x20 topics that were read: as long as their owner keeps them\n\
         \x20 what other tenants recorded of its accounts is theirs\n",
        live.incidents, live.state, live.journal, live.changes, live.operational, live.journal_days, live.decisions,
    );
}

/// Marks the letters of a tenant as erased: those from its topics, and those whose bytes name it.
fn erase_letters(
    cluster: &Cluster,
    writer: &Writer,
    topic: &str,
    (tenant, topics): (TenantId, &[String]),
) -> Result<usize, Failure> {
    #[derive(Deserialize)]
    struct Letter {
        source: String,
        #[serde(default)]
        raw: String,
    }
    let name = tenant.to_string();
    let mut keys: Vec<Vec<u8>> = Vec::new();
    each_message(cluster, topic, &mut |message| {
        let Ok(letter) = serde_json::from_slice::<Letter>(message.payload()) else { return };
        let from = letter.source.rsplit_once('/').map_or(letter.source.as_str(), |(topic, _)| topic);
        let own = topics.iter().any(|t| t == from) || letter.raw.to_ascii_lowercase().contains(&name);
        if own && !message.key().is_empty() {
            keys.push(message.key().to_vec());
        }
    })?;
    keys.sort();
    keys.dedup();
    let sent = keys.iter().try_for_each(|key| writer.erase(topic, 0, key));
    sent.map_err(|e| failed(&format!("cannot write to {topic}"), e))?;
    Ok(keys.len())
}

/// How many lines of decisions name a tenant.
fn spoken(cluster: &Cluster, topic: &str, tenant: TenantId) -> Result<usize, Failure> {
    let (name, mut count) = (tenant.to_string(), 0);
    each_message(cluster, topic, &mut |message| {
        count += usize::from(String::from_utf8_lossy(message.payload()).contains(&name));
    })?;
    Ok(count)
}
