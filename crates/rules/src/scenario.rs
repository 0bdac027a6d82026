//! Scenario rules: Sigma correlations, and the marked keys by which ours say what Sigma cannot. Parsed, not yet run.

use caponier_model::{Party, Severity, Side};
use compact_str::CompactString;
use rsigma_parser::{ConditionExpr, ConditionOperator};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Nanoseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000_000;

/// A rule over signals, ready to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Unique: Sigma's `name`, else its `id`.
    pub name: CompactString,
    /// What the finding is called. Ours, so no tenant owns it.
    pub title: CompactString,
    /// What it finds and why that matters.
    pub about: CompactString,
    /// Severity of its findings.
    pub level: Severity,
    /// ATT&CK tactics as the model spells them, sorted.
    pub tactics: Vec<CompactString>,
    /// ATT&CK techniques, sorted.
    pub techniques: Vec<CompactString>,
    /// Innocent causes.
    pub false_positives: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What must come together.
    pub shape: Shape,
    /// The rules whose signals it reads, in their order.
    pub steps: Vec<Step>,
    /// Signals meet only where all these are equal: for each key, what each step calls it.
    pub keys: Vec<Vec<Term>>,
    /// How far apart they may be, in nanoseconds.
    pub span: i64,
    /// How the span is laid over time.
    pub window: Window,
    /// At least so many tenants among the matched records.
    pub tenants: usize,
    /// What must not happen.
    pub absent: Vec<Absence>,
    /// Signals that break off what has begun; indices into `steps`.
    pub cancel: Vec<usize>,
    /// What a step's signal must be new to, or long missed in.
    pub seen: Vec<Seen>,
    /// Two steps that nobody travels between in time.
    pub apart: Option<Apart>,
    /// More than is usual in the group.
    pub baseline: Option<Baseline>,
    /// Findings come as soon as all steps are there, and are taken back where lateness says so; otherwise they wait for the watermark.
    pub early: bool,
    /// Its matched findings make a chain (E6).
    pub correlate: bool,
    /// Findings of its own; false where it only serves other rules.
    pub generate: bool,
    /// Where it stands.
    pub file: CompactString,
}

/// What must come together.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// One signal is enough: a base rule that no correlation reads.
    Single,
    /// So many signals.
    Count(Vec<(ConditionOperator, u64)>),
    /// So many distinct values of the fields.
    Values(Vec<(ConditionOperator, u64)>),
    /// Steps in any order.
    Together(Presence),
    /// Every step, in order.
    Ordered,
    /// A number over the values of a field.
    Number(Aggregate, Vec<(ConditionOperator, u64)>),
}

/// Which steps must be there.
#[derive(Clone, PartialEq, Debug)]
pub enum Presence {
    /// All of them.
    All,
    /// So many of them.
    Steps(Vec<(ConditionOperator, u64)>),
    /// As the condition over their names says.
    Condition(ConditionExpr),
}

/// A number over values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The value that so many per cent do not exceed; the median is 50.
    Percentile(u8),
}

/// How a span is laid over time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// Ends at each signal.
    Sliding,
    /// Cut at multiples of the span.
    Tumbling,
    /// Goes on while signals are no further apart than this, at most for the span. Nanoseconds.
    Session(i64),
}

/// One rule that a scenario reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The rule's name: a base rule, or another scenario.
    pub rule: CompactString,
    /// On which side of the tenant pair its record must lie.
    pub side: Option<Side>,
    /// What part it plays.
    pub role: Role,
    /// The fields whose values count, in this rule's words.
    pub values: Vec<CompactString>,
}

/// The part of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It belongs to the pattern.
    Match,
    /// It must be absent, or it cancels, or it is only remembered.
    Mark,
}

/// What a step's signals are grouped by, under one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term {
    /// The person of that part.
    Person(Party),
    /// The account of that part.
    Account(Party),
    /// The home tenant of who acted.
    HomeTenant,
    /// Home and resource tenant.
    Pair,
    /// A field of the record.
    Field(CompactString),
}

impl Term {
    /// What a name in `group-by` means.
    pub(crate) fn read(name: &str) -> Self {
        match name {
            "caponier.person" => Self::Person(Party::Actor),
            "caponier.target.person" => Self::Person(Party::Target),
            "caponier.account" => Self::Account(Party::Actor),
            "caponier.target.account" => Self::Account(Party::Target),
            "caponier.home_tenant" => Self::HomeTenant,
            "caponier.pair" => Self::Pair,
            field => Self::Field(field.into()),
        }
    }
}

/// What must not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absence {
    /// The step that must be missing.
    pub mark: usize,
    /// Counted from this step of the pattern.
    pub from: usize,
    /// Before it rather than after it.
    pub before: bool,
    /// For so long, in nanoseconds.
    pub within: i64,
}

/// A step's signal counts only if its values were not seen lately.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The step that it qualifies.
    pub step: usize,
    /// The step whose signals are remembered: itself, or a broader rule.
    pub memory: usize,
    /// Fields remembered beside the group.
    pub by: Vec<CompactString>,
    /// How far back, in nanoseconds.
    pub over: i64,
    /// True: it must have been seen at some time before (a revival); false: never within `over`.
    pub dormant: bool,
}

/// Two steps whose places lie too far apart for the time between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Apart {
    /// The field that says where: latitude and longitude.
    pub place: CompactString,
    /// No traveller is faster, in kilometres an hour.
    pub faster: u32,
    /// Places nearer than this are one, in kilometres.
    pub beyond: u32,
    /// At least one of these is known of both and not the same; nothing listed: nothing need be.
    pub change: Vec<CompactString>,
}

/// A count must exceed what is usual in its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Baseline {
    /// How far back, in nanoseconds. Silent until history reaches as far.
    pub over: i64,
    /// So many times the fullest stretch of time as long as the window.
    pub factor: u32,
}

/// The marked keys of a correlation document, under `caponier:`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Extension {
    /// Tenant side by rule.
    #[serde(default)]
    pub sides: BTreeMap<String, String>,
    /// At least so many tenants.
    #[serde(default)]
    pub tenants: Option<usize>,
    /// What must not happen.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// What breaks off.
    #[serde(default)]
    pub cancel: Vec<String>,
    /// What must be new.
    #[serde(default)]
    pub seen: Vec<New>,
    /// What must lie too far apart.
    #[serde(default)]
    pub apart: Option<Distance>,
    /// What a count must exceed.
    #[serde(default)]
    pub baseline: Option<Usual>,
    /// `final` (default) or `early`.
    #[serde(default)]
    pub emit: Option<String>,
    /// Whether its findings make a chain; true where not said.
    #[serde(default)]
    pub correlate: Option<bool>,
}

/// One entry of `absent`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Absent {
    pub rule: String,
    #[serde(default)]
    pub after: Option<String>,
    #[serde(default)]
    pub before: Option<String>,
    pub within: String,
}

/// One entry of `seen`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    pub rule: String,
    #[serde(default)]
    pub memory: Option<String>,
    #[serde(default)]
    pub by: Vec<String>,
    pub over: String,
    #[serde(default)]
    pub dormant: bool,
}

/// The key `apart`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Distance {
    pub place: String,
    pub faster: u32,
    #[serde(default)]
    pub beyond: u32,
    #[serde(default)]
    pub change: Vec<String>,
}

/// The key `baseline`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usual {
    pub over: String,
    pub factor: u32,
}

impl Scenario {
    /// Whether a step is about whom something was done to, and not about who did it: it is grouped by a target.
    pub fn is_about_target(&self, step: usize) -> bool {
        let target = |term: &Term| matches!(term, Term::Person(Party::Target) | Term::Account(Party::Target));
        self.keys.iter().any(|key| target(&key[step]))
    }

    /// The steps that belong to the pattern, with their places.
    pub fn pattern(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.steps.iter().enumerate().filter(|(_, step)| step.role == Role::Match)
    }
}

/// Whether a number meets every part of a test.
pub(crate) fn holds(test: &[(ConditionOperator, u64)], value: f64) -> bool {
    test.iter().all(|(operator, bound)| {
        let bound = *bound as f64;
        match operator {
            ConditionOperator::Lt => value < bound,
            ConditionOperator::Lte => value <= bound,
            ConditionOperator::Gt => value > bound,
            ConditionOperator::Gte => value >= bound,
            ConditionOperator::Eq => value == bound,
            ConditionOperator::Neq => value != bound,
        }
    })
}
