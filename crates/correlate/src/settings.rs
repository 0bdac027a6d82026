//! What an operator may tune: windows, caps and limits, as plain fields with documented defaults.
//!
//! Nothing here reads a file: `app` maps its configuration onto these fields. All spans are whole seconds of event time.

use caponier_model::{MergePolicy, Policy};
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
    /// Guards that are at work; switched off one by one only to see what each is good for.
    pub guards: Guards,
    /// Values that never join anything, beside the built-in ones (G1): compared with an entity's canonical value.
    pub stop_values: Vec<CompactString>,
    /// Values that are known to be shared (break-glass and sync accounts, scanners, jump hosts): they may never bridge (G4).
    pub shared_values: Vec<CompactString>,
    /// Accounts whose part in an incident raises its score: object ids or UPNs, in lower case.
    pub privileged: Vec<CompactString>,
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
    /// E9 trust context: 7 d.
    pub trust: i64,
    /// E10 same host or account name: 24 h.
    pub name: i64,
    /// E11 a risk detection and its alert: 24 h.
    pub detection: i64,
    /// One tool raised by one kind of alert: 1 h.
    pub tool: i64,
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
    /// E6: instances of scenario rules.
    pub rule_chain: bool,
    /// E9: changes of trust between tenants.
    pub trust: bool,
    /// E10: names of hosts and accounts that have no stable id.
    pub name: bool,
    /// E11: risk detections and their alerts.
    pub detection: bool,
    /// G5: an address in two alerts of lateral movement may bridge.
    pub movement: bool,
    /// G5: one tool in two alerts of one kind may bridge.
    pub tool: bool,
}

/// Switches of whole guards (scenarios.md 3); all are on by default. G11, masking, is `wire`'s: an operator's view is without it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guards {
    /// Stop values join nothing. Off: any value does, empty ones and loopback addresses too.
    pub g1: bool,
    /// Prolific values do not bridge. Off: there are no caps.
    pub g2: bool,
    /// Prolific within the days around an edge. Off: prolific over all that is held.
    pub g3: bool,
    /// Shared values and role tags do not bridge. Off: the lists are empty.
    pub g4: bool,
    /// One weak value attaches and does not bridge. Off: it bridges.
    pub g5: bool,
    /// Incidents have a size. Off: none, nor have source incidents.
    pub g6: bool,
    /// Incidents have a span. Off: none.
    pub g7: bool,
    /// Large incidents need a strong edge or two to merge. Off: any edge will do.
    pub g8: bool,
    /// What analysts hold for true and for false is never merged. Off: it may be.
    pub g9: bool,
    /// The policy of tenants. Off: every pair may merge.
    pub g10: bool,
    /// Budgets of values, sightings and findings, and of what one value, person or incident joins in an hour. Off: none.
    pub g12: bool,
}

impl Guards {
    /// All at work.
    pub const ON: Self = Self {
        g1: true,
        g2: true,
        g3: true,
        g4: true,
        g5: true,
        g6: true,
        g7: true,
        g8: true,
        g9: true,
        g10: true,
        g12: true,
    };
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
    /// Devices on which one kind of alert raised one tool: 8.
    pub tool: u32,
    /// Victims (the first person, or device, that a finding names) of one kind of alert of one product, above which an account or a
    /// device alone ties such an alert to nothing: 25. Severe alerts are excepted.
    pub detector: u32,
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
    /// G12: findings held at most; beyond them the incidents that were quiet longest are let go before retention does: 20,000,000.
    pub held_findings: u32,
    /// G12: distinct values held at most, likewise: 60,000,000. A value of one finding has at most two edges for each tenant.
    pub held_values: u32,
    /// G12: incidents held at most, likewise: 20,000,000.
    pub held_incidents: u32,
    /// G12: findings within one hour of the clock that one device (or other value) joins by bridges; those beyond attach and are
    /// counted: 200.
    pub value_rate: u32,
    /// G12: the same for one person, account, name or SID: 200.
    pub person_rate: u32,
    /// G12: findings within one hour of the clock in the core of one incident; what would make more is `related`: 300. It acts
    /// where `findings` is raised above it.
    pub incident_rate: u32,
    /// Seconds of event time within which what comes is settled together: 10. Nothing depends on it but how often an incident
    /// that grows is told of; 0 settles whenever event time moves.
    pub settle_seconds: i64,
    /// Findings that wait to be settled together at most: 4,096; 1 settles each by itself.
    pub staged: u32,
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
                trust: 7 * DAY,
                name: DAY,
                detection: DAY,
                tool: HOUR,
            },
            edges: Edges {
                source_incident: true,
                session: true,
                address: true,
                artefact: true,
                weak_pair: true,
                rule_chain: true,
                trust: true,
                name: true,
                detection: true,
                movement: true,
                tool: true,
            },
            caps: Caps { address: 10, device: 50, account: 25, artefact: 20, tool: 8, detector: 25, window: 7 * DAY },
            limits: Limits {
                findings: 150,
                values: 100,
                source_alerts: 150,
                span: 14 * DAY,
                cut_findings: 10,
                cut_confidence: 900_000,
                finding_values: 256,
                finding_sightings: 512,
                held_findings: 20_000_000,
                held_values: 60_000_000,
                held_incidents: 20_000_000,
                value_rate: 200,
                person_rate: 200,
                incident_rate: 300,
                settle_seconds: 10,
                staged: 4096,
            },
            guards: Guards::ON,
            stop_values: Vec::new(),
            shared_values: Vec::new(),
            privileged: Vec::new(),
            retention_days: Some(15),
        }
    }

    /// What the engine works with: guards that are off become limits that nothing reaches and lists that are empty. G1, G5, G9 and
    /// G10 have no limit to lift and are asked where they act.
    pub(crate) fn in_force(&self) -> Self {
        let mut out = self.clone();
        let Guards { g2, g3, g4, g6, g7, g8, g12, .. } = self.guards;
        if !g2 {
            let caps = &mut out.caps;
            for cap in [&mut caps.address, &mut caps.device, &mut caps.account, &mut caps.artefact] {
                *cap = u32::MAX;
            }
            (caps.tool, caps.detector) = (u32::MAX, u32::MAX);
        }
        if !g3 {
            out.caps.window = i64::MAX;
        }
        if !g4 {
            out.shared_values.clear();
        }
        let limits = &mut out.limits;
        if !g6 {
            (limits.findings, limits.values, limits.source_alerts) = (u32::MAX, u32::MAX, u32::MAX);
        }
        if !g7 {
            limits.span = i64::MAX;
        }
        if !g8 {
            limits.cut_findings = u32::MAX;
        }
        if !g12 {
            (limits.finding_values, limits.finding_sightings) = (u32::MAX, u32::MAX);
            (limits.held_findings, limits.held_values, limits.held_incidents) = (u32::MAX, u32::MAX, u32::MAX);
            (limits.value_rate, limits.person_rate, limits.incident_rate) = (u32::MAX, u32::MAX, u32::MAX);
        }
        out
    }

    /// The policy that the engine works with (G10).
    pub(crate) fn policy_in_force(&self, policy: &Policy) -> Policy {
        if self.guards.g10 { policy.clone() } else { Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge } }
    }

    /// Gives a setting a value by the name that the configuration uses. False where no number has that name, or none like it fits.
    pub fn set(&mut self, name: &str, value: i64) -> bool {
        if let Some(place) = self.seconds(name) {
            let fits = value >= 0;
            if fits {
                *place = value;
            }
            return fits;
        }
        if let Some(place) = self.count(name) {
            return u32::try_from(value).map(|v| *place = v).is_ok();
        }
        match self.switch(name) {
            Some(place) if matches!(value, 0 | 1) => {
                *place = value == 1;
                true
            }
            _ => false,
        }
    }

    fn seconds(&mut self, name: &str) -> Option<&mut i64> {
        let Self { windows, caps, limits, .. } = self;
        Some(match name {
            "windows.account" => &mut windows.account,
            "windows.person" => &mut windows.person,
            "windows.device" => &mut windows.device,
            "windows.session" => &mut windows.session,
            "windows.address" => &mut windows.address,
            "windows.hash" => &mut windows.hash,
            "windows.url" => &mut windows.url,
            "windows.mail" => &mut windows.mail,
            "windows.trust" => &mut windows.trust,
            "windows.name" => &mut windows.name,
            "windows.detection" => &mut windows.detection,
            "windows.tool" => &mut windows.tool,
            "guards.window" => &mut caps.window,
            "guards.span" => &mut limits.span,
            "engine.settle_seconds" => &mut limits.settle_seconds,
            _ => return None,
        })
    }

    fn count(&mut self, name: &str) -> Option<&mut u32> {
        let Self { caps, limits, .. } = self;
        Some(match name {
            "guards.address_persons" => &mut caps.address,
            "guards.device_persons" => &mut caps.device,
            "guards.account_devices" => &mut caps.account,
            "guards.artefact_persons" => &mut caps.artefact,
            "guards.tool_devices" => &mut caps.tool,
            "guards.detector_persons" => &mut caps.detector,
            "guards.findings" => &mut limits.findings,
            "guards.values" => &mut limits.values,
            "guards.source_alerts" => &mut limits.source_alerts,
            "guards.cut_findings" => &mut limits.cut_findings,
            "guards.cut_confidence" => &mut limits.cut_confidence,
            "guards.finding_values" => &mut limits.finding_values,
            "guards.finding_sightings" => &mut limits.finding_sightings,
            "guards.held_findings" => &mut limits.held_findings,
            "guards.held_values" => &mut limits.held_values,
            "guards.held_incidents" => &mut limits.held_incidents,
            "guards.value_rate" => &mut limits.value_rate,
            "guards.person_rate" => &mut limits.person_rate,
            "guards.incident_rate" => &mut limits.incident_rate,
            "engine.staged" => &mut limits.staged,
            _ => return None,
        })
    }

    fn switch(&mut self, name: &str) -> Option<&mut bool> {
        let Self { edges, guards, .. } = self;
        Some(match name {
            "edges.source_incident" => &mut edges.source_incident,
            "edges.session" => &mut edges.session,
            "edges.address" => &mut edges.address,
            "edges.artefact" => &mut edges.artefact,
            "edges.weak_pair" => &mut edges.weak_pair,
            "edges.rule_chain" => &mut edges.rule_chain,
            "edges.trust" => &mut edges.trust,
            "edges.name" => &mut edges.name,
            "edges.detection" => &mut edges.detection,
            "edges.movement" => &mut edges.movement,
            "edges.tool" => &mut edges.tool,
            "guards.g1" => &mut guards.g1,
            "guards.g2" => &mut guards.g2,
            "guards.g3" => &mut guards.g3,
            "guards.g4" => &mut guards.g4,
            "guards.g5" => &mut guards.g5,
            "guards.g6" => &mut guards.g6,
            "guards.g7" => &mut guards.g7,
            "guards.g8" => &mut guards.g8,
            "guards.g9" => &mut guards.g9,
            "guards.g10" => &mut guards.g10,
            "guards.g12" => &mut guards.g12,
            _ => return None,
        })
    }
}
