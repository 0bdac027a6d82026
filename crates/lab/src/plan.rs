//! What to simulate, and what can go wrong. Knows no format and no attack.

use caponier_model::EventTime;
use std::io;

/// What to simulate. Everything the bytes depend on is in here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Same seed (and same plan), same bytes.
    pub seed: u64,
    /// People of the primary tenant.
    pub people: u32,
    /// Days of logs.
    pub days: u32,
    /// Tenants; the first is primary, the others secondary.
    pub tenants: u32,
    /// Attacks.
    pub attacks: u32,
    /// Midnight UTC of the first day.
    pub start: EventTime,
    /// Whether red herrings are planted: for each guard something that misleads whoever has not got it.
    pub herrings: bool,
    /// Whether the scenarios of the rules are staged: of each an attack in raw records, and an innocent twin of it.
    pub scenarios: bool,
    /// How much of everything else.
    pub ratios: Ratios,
}

impl Default for Plan {
    /// The demonstration: 300 people, two days, two tenants, six attacks, from Monday 2026-03-02.
    fn default() -> Self {
        Self {
            seed: 7,
            people: 300,
            days: 2,
            tenants: 2,
            attacks: 6,
            start: EventTime::from_seconds(1_772_409_600),
            herrings: false,
            scenarios: false,
            ratios: Ratios::default(),
        }
    }
}

/// Shares and rates. "Permille" is of the people (or records) named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ratios {
    /// Sign-ins of a person on a working day; a third of them interactive.
    pub sign_ins_per_day: u32,
    /// People who are a guest in each secondary tenant, permille.
    pub guests: u32,
    /// People synchronised into each secondary tenant as external members, permille.
    pub synced: u32,
    /// People with a cloud-only second account in each secondary tenant, permille.
    pub twins: u32,
    /// Records written a second time with another envelope time, permille.
    pub copies: u32,
    /// Records that arrive hours late, permille.
    pub late: u32,
    /// Noise findings (ambient included) for each attack finding.
    pub noise: u32,
    /// Share of the noise on the victims' own accounts and devices inside the attack's window, permille.
    pub ambient: u32,
    /// Attacks on a guest that only the resource directory claims (no engine should join it), permille.
    pub unprovable: u32,
    /// Attacks with a pause of most of a day between two steps, permille.
    pub slow: u32,
    /// Attacks from an address that many other people's noise shares, permille.
    pub shared_exit: u32,
}

impl Default for Ratios {
    fn default() -> Self {
        Self {
            sign_ins_per_day: 14,
            guests: 100,
            synced: 20,
            twins: 8,
            copies: 30,
            late: 10,
            noise: 21,
            ambient: 200,
            unprovable: 30,
            slow: 150,
            shared_exit: 250,
        }
    }
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files.
    pub files: u64,
    /// Records, copies included.
    pub records: u64,
    /// Records that are exact copies of another.
    pub copies: u64,
    /// Records whose envelope is more than an hour behind the event.
    pub late: u64,
    /// Bytes.
    pub bytes: u64,
    /// Findings.
    pub findings: u64,
    /// Attacks.
    pub attacks: u64,
}

/// Why a simulation or a scoring stopped.
#[derive(thiserror::Error, Debug)]
pub enum LabError {
    /// The plan contradicts itself.
    #[error("the plan cannot be simulated: {0}")]
    Plan(String),
    /// A file could not be written or read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of the truth or of the incidents is not what it should be.
    #[error("{what}, line {line}: {why}")]
    Line {
        /// `truth` or `incidents`.
        what: &'static str,
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it and where to look.
        why: String,
    },
}

/// Seconds of an hour.
pub const HOUR: i64 = 3600;

impl Plan {
    /// Refuses what cannot be simulated.
    ///
    /// # Errors
    /// [`LabError::Plan`] with the first fault, and what would be allowed.
    pub fn check(&self) -> Result<(), LabError> {
        let fault = |text: &str| Err(LabError::Plan(text.to_owned()));
        match self {
            p if p.tenants < 2 => fault("at least two tenants are needed, the first of them primary; raise --tenants"),
            p if p.tenants > 8 => fault("at most eight tenants can be invented; lower --tenants"),
            p if p.people < 20 => fault("at least 20 people are needed to hide an attack among; raise --people"),
            p if p.people > 1_000_000 => fault("at most a million people; lower --people"),
            p if p.days == 0 || p.days > 90 => fault("between 1 and 90 days can be simulated; change --days"),
            p if p.scenarios && p.tenants < 3 => {
                fault("staged scenarios need three tenants, one for each attack and one for its twin; raise --tenants")
            }
            p if p.attacks > p.people / 10 => {
                fault("more than one attack for every ten people leaves too few bystanders; lower --attacks")
            }
            _ => Ok(()),
        }
    }

    /// Hours of the plan.
    pub fn hours(&self) -> i64 {
        i64::from(self.days) * 24
    }

    /// The end of the last day.
    pub fn end(&self) -> EventTime {
        self.start.plus_seconds(self.hours() * HOUR)
    }
}
