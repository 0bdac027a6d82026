//! Faults of rule files: what, where, and how to mend it. All are told at once.

use compact_str::CompactString;
use std::fmt;

/// A fault of a rule file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// The file.
    pub file: CompactString,
    /// The line, from 1; 0 where it concerns the whole file.
    pub line: u32,
    /// The rule, where one is concerned.
    pub rule: Option<CompactString>,
    /// What is wrong and how to mend it: lower case, one sentence.
    pub what: String,
    /// Whether rules with it cannot run; otherwise it is advice.
    pub fatal: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(rule) = &self.rule {
            write!(f, "{rule}: ")?;
        }
        write!(f, "{}", self.what)
    }
}
