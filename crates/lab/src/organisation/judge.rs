//! Compares links with the truth of an organisation. Knows nothing of how links are found.

use super::{Answer, Story};
use caponier_model::{AccountKey, EvidenceKind, Link, LinkState, Refusal, RefusalReason};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How one group of answers fared. Counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Grade {
    /// Answers asked for.
    pub asked: usize,
    /// Of these, with a home that the evidence supports accepting.
    pub supported: usize,
    /// Of the supported, those whose home was accepted.
    pub found: usize,
    /// Accepted, and true; supported or not.
    pub right: usize,
    /// Accepted, and false.
    pub wrong: usize,
    /// Not accepted, but shown as possible or in conflict.
    pub shown: usize,
    /// Not accepted, with a refusal that says why.
    pub refused: usize,
    /// Not accepted, and nothing said about it at that time.
    pub silent: usize,
}

/// How the links of an organisation fared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grades {
    /// All answers.
    pub all: Grade,
    /// By how the account came to be.
    pub by_story: BTreeMap<Story, Grade>,
    /// By kind of evidence: accepted answers that rest on it (right, wrong). One link may rest on several.
    pub by_kind: BTreeMap<EvidenceKind, (usize, usize)>,
    /// Why links were refused: accounts by reason.
    pub reasons: BTreeMap<RefusalReason, usize>,
    /// Accepted links at other times than were asked about, or of accounts never asked about, that are not true at any time.
    pub stray: usize,
}

impl Grades {
    /// Compares `links` and `refusals`, in any order, with `truth` as [`Organisation::truth`](super::Organisation::truth) has it.
    pub fn of(truth: &[Answer], links: &[Link], refusals: &[Refusal]) -> Self {
        let mut links: Vec<&Link> = links.iter().collect();
        links.sort_unstable();
        let mut refusals: Vec<&Refusal> = refusals.iter().collect();
        refusals.sort_unstable();
        let mut grades = Self::default();
        for answers in truth.chunk_by(|a, b| a.account == b.account) {
            let account = answers[0].account;
            let links = of_account(&links, |l| l.account, account);
            let refusals = of_account(&refusals, |r| r.account, account);
            answers.iter().for_each(|a| grades.mark(a, links, refusals));
        }
        grades.stray = strays(truth, &links);
        let reasons: BTreeSet<_> = refusals.iter().map(|r| (r.reason, r.account)).collect();
        reasons.iter().for_each(|(reason, _)| *grades.reasons.entry(*reason).or_default() += 1);
        grades
    }

    fn mark(&mut self, answer: &Answer, links: &[&Link], refusals: &[&Refusal]) {
        let holds = |from, until| from <= answer.at && answer.at < until;
        let mut now = links.iter().filter(|l| holds(l.from, l.until));
        let accepted = now.clone().find(|l| l.state == LinkState::Accepted);
        let mut grade = Grade { asked: 1, supported: usize::from(answer.supported), ..Grade::default() };
        match accepted {
            Some(link) if Some(link.home) == answer.home => {
                grade.right = 1;
                grade.found = grade.supported;
            }
            Some(_) => grade.wrong = 1,
            None if now.next().is_some() => grade.shown = 1,
            None if refusals.iter().any(|r| holds(r.from, r.until)) => grade.refused = 1,
            None => grade.silent = 1,
        }
        for kind in accepted.iter().flat_map(|l| &l.kinds) {
            let (right, wrong) = self.by_kind.entry(*kind).or_default();
            *right += grade.right;
            *wrong += grade.wrong;
        }
        self.by_story.entry(answer.story).or_default().add(&grade);
        self.all.add(&grade);
    }

    /// The share of accepted links that are true; 1 without any.
    pub fn precision(&self) -> f64 {
        share(self.all.right, self.all.right + self.all.wrong + self.stray)
    }

    /// The share of supported homes that were accepted; 1 without any.
    pub fn recall(&self) -> f64 {
        share(self.all.found, self.all.supported)
    }
}

/// Accepted links that are true at no time and were not met when asked about.
fn strays(truth: &[Answer], links: &[&Link]) -> usize {
    let accepted = links.iter().filter(|l| l.state == LinkState::Accepted);
    let stray = accepted.filter(|l| {
        let first = truth.partition_point(|a| a.account < l.account);
        let mut answers = truth[first..].iter().take_while(|a| a.account == l.account);
        !answers.any(|a| a.home == Some(l.home) || (l.from <= a.at && a.at < l.until))
    });
    stray.count()
}

fn of_account<T>(sorted: &[T], key: impl Fn(&T) -> AccountKey, account: AccountKey) -> &[T] {
    let from = sorted.partition_point(|t| key(t) < account);
    let len = sorted[from..].partition_point(|t| key(t) == account);
    &sorted[from..from + len]
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Grade {
    fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        self.supported += other.supported;
        self.found += other.found;
        self.right += other.right;
        self.wrong += other.wrong;
        self.shown += other.shown;
        self.refused += other.refused;
        self.silent += other.silent;
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let recall =
            if self.supported == 0 { "-".to_owned() } else { format!("{:.4}", share(self.found, self.supported)) };
        writeln!(
            f,
            "{name:22} {:8} {:9} {recall:>7} {:8} {:6} {:8} {:8} {:7}",
            self.asked, self.supported, self.right, self.wrong, self.shown, self.refused, self.silent
        )
    }
}

impl fmt::Display for Grades {
    /// A table by kind of account, one by kind of evidence, one by reason of refusal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:22} {:>8} {:>9} {:>7} {:>8} {:>6} {:>8} {:>8} {:>7}",
            "account", "asked", "supported", "recall", "right", "wrong", "possible", "refused", "silent"
        )?;
        for (story, grade) in &self.by_story {
            grade.line(f, &format!("{story:?}"))?;
        }
        self.all.line(f, "all")?;
        writeln!(f, "\n{:22} {:>8} {:>6}", "evidence", "right", "wrong")?;
        for (kind, (right, wrong)) in &self.by_kind {
            writeln!(f, "{:22} {right:8} {wrong:6}", kind.code())?;
        }
        writeln!(f, "\n{:24} {:>8}", "refused because", "accounts")?;
        for (reason, accounts) in &self.reasons {
            writeln!(f, "{:24} {accounts:8}", reason.code())?;
        }
        writeln!(f, "\nstray links {}", self.stray)?;
        writeln!(f, "precision {:.6}   recall of supported links {:.6}", self.precision(), self.recall())
    }
}
