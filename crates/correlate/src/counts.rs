//! Counters of what the engine took in, joined and refused: numbers only, for summaries and metrics.

use caponier_model::EdgeKind;
use std::collections::BTreeMap;

/// What became of the journal's entries so far, and what the present partition looks like.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Sightings handed in.
    pub sightings: u64,
    /// Exact copies of sightings already held.
    pub duplicates: u64,
    /// Sightings and source incidents older than retention when they came.
    pub late: u64,
    /// Source incidents handed in.
    pub source_incidents: u64,
    /// Identity changes handed in.
    pub identity_changes: u64,
    /// Decisions handed in.
    pub decisions: u64,
    /// Of these, decisions that were held already.
    pub duplicate_decisions: u64,
    /// Decisions held now.
    pub decisions_held: u64,
    /// Rule chains handed in.
    pub chains: u64,
    /// Findings taken back by what raised them.
    pub withdrawn: u64,
    /// Policies handed in.
    pub policies: u64,
    /// Settings handed in.
    pub settings: u64,
    /// Of these, settings that have no such name or cannot have such a value.
    pub settings_unknown: u64,
    /// Findings held now.
    pub findings: u64,
    /// Evidence held now that has not met its alert.
    pub unpaired: u64,
    /// Findings let go by retention.
    pub evicted: u64,
    /// Findings let go before retention, since as many were held as may be (G12).
    pub shed: u64,
    /// Evidence let go by retention that never met its alert.
    pub evicted_unpaired: u64,
    /// Correlating values left out because a finding named too many (G12).
    pub values_cut: u64,
    /// Most values under which one finding was ever posted (G12 bounds it).
    pub values_most: u64,
    /// Findings held beyond what one value, no person, joins in an hour, once for each such value (G12).
    pub over_value: u64,
    /// The same of persons, accounts, names and SIDs (G12).
    pub over_person: u64,
    /// Findings that are part of an incident beyond its size, counted there and not listed (G12).
    pub unlisted: u64,
    /// Stop values among the values that the findings held name (G1).
    pub values_stopped: u64,
    /// Findings that are attached and join nothing (G2, G4, G5).
    pub attached: u64,
    /// Findings held of common detectors: an account or a device alone ties them to nothing.
    pub common: u64,
    /// Sightings left out because a finding had too many (G12).
    pub sightings_cut: u64,
    /// Incidents live now.
    pub incidents: u64,
    /// Of these, incidents whose members come from more than one tenant.
    pub cross_tenant_incidents: u64,
    /// Explaining edges in force now, by kind.
    pub edges: BTreeMap<EdgeKind, u64>,
    /// Joins refused now, by the code of the guard, policy or state.
    pub refused: BTreeMap<&'static str, u64>,
    /// Changes emitted.
    pub changes: u64,
}
