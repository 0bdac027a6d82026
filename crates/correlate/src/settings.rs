//! What an operator may tune: windows, caps and limits, as plain fields with documented defaults.
//!
//! Nothing here reads a file: `app` maps its configuration onto these fields. All spans are whole seconds of event time.

use compact_str::CompactString;

/// One hour in seconds.
const HOUR: i64 = 3600;
/// One day in seconds.
const DAY: i64 = 24 * HOUR;

/// Everything the engine can be told, apart from the policy of tenant pairs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The operator's integer that goes into every incident id; never derived from the rest, so tuning renames nothing.
    pub epoch: u32,
    /// How far apart in time two findings may lie, by kind of edge.
    pub windows: Windows,
    /// Which kinds of edges are used at all.
    pub edges: Edges,
    /// How many distinct counterparts make a value prolific (G2, G3).
    pub caps: Caps,
    /// Sizes and spans that stop an incident from growing (G6, G7, G8).
    pub limits: Limits,
    /// Values that never join anything, beside the built-in ones (G1): compared with an entity's canonical value.
    pub stop_values: Vec<CompactString>,
    /// Values that are known to be shared (break-glass and sync accounts, scanners, jump hosts): they may never bridge (G4).
    pub shared_values: Vec<CompactString>,
    /// Days that findings are held after their last activity; `None` holds them for ever.
    pub retention_days: Option<u32>,
}

/// The longest gap between the nearest ends of two findings, by kind of edge (scenarios.md 2.2), in seconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Windows {
    /// E1 same account: 48 h.
    pub account: i64,
    /// E2 same person: 48 h.
    pub person: i64,
    /// E3 same device: 48 h.
    pub device: i64,
    /// E4 same session, token or sign-in: 24 h.
    pub session: i64,
    /// E7 same address: 1 h.
    pub address: i64,
    /// E8 same file hash: 1 h.
    pub hash: i64,
    /// E8 same URL: 24 h.
    pub url: i64,
    /// E8 same mail: 24 h.
    pub mail: i64,
}

/// Switches of whole kinds of edges; all are on by default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edges {
    /// E5: the grouping that the source itself made. Off, the engine must find the groups on its own.
    pub source_incident: bool,
    /// E4: sessions, tokens and sign-ins.
    pub session: bool,
    /// E7: addresses.
    pub address: bool,
    /// E8: hashes, URLs and mails.
    pub artefact: bool,
    /// G5: an address and an artefact together may bridge.
    pub weak_pair: bool,
}

/// Distinct counterparts within any seven days above which a value may not bridge; above twice as many it may not attach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caps {
    /// Persons (or devices, for findings without a person) behind one address: 10.
    pub address: u32,
    /// Persons on one device: 50.
    pub device: u32,
    /// Devices of one account: 25.
    pub account: u32,
    /// Persons (or devices) that one hash, URL or mail reached: 20.
    pub artefact: u32,
    /// The span over which counterparts are counted, in seconds: 7 d.
    pub window: i64,
}

/// Where an incident stops growing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// G6: findings in one incident: 150.
    pub findings: u32,
    /// G6: distinct correlating values in one incident: 100.
    pub values: u32,
    /// G6 for E5: alerts of a source incident above which it no longer bridges: 150.
    pub source_alerts: u32,
    /// G7: first to last activity of one incident, in seconds: 14 d.
    pub span: i64,
    /// G8: two incidents of this many findings each need a strong edge or two independent ones to merge: 10.
    pub cut_findings: u32,
    /// G8: the confidence, in millionths, at which one edge is enough: 900,000.
    pub cut_confidence: u32,
    /// G12: correlating values taken from one finding; the rest are counted and kept for the reader only: 256.
    pub finding_values: u32,
    /// G12: sightings kept of one finding; the rest are counted: 512.
    pub finding_sightings: u32,
}

impl Settings {
    /// The starting values of scenarios.md 2.2 and 3.
    pub const fn defaults() -> Self {
        Self {
            epoch: 1,
            windows: Windows {
                account: 2 * DAY,
                person: 2 * DAY,
                device: 2 * DAY,
                session: DAY,
                address: HOUR,
                hash: HOUR,
                url: DAY,
                mail: DAY,
            },
            edges: Edges { source_incident: true, session: true, address: true, artefact: true, weak_pair: true },
            caps: Caps { address: 10, device: 50, account: 25, artefact: 20, window: 7 * DAY },
            limits: Limits {
                findings: 150,
                values: 100,
                source_alerts: 150,
                span: 14 * DAY,
                cut_findings: 10,
                cut_confidence: 900_000,
                finding_values: 256,
                finding_sightings: 512,
            },
            stop_values: Vec::new(),
            shared_values: Vec::new(),
            retention_days: Some(15),
        }
    }
}
