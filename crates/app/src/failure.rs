//! How a command ends: the exit codes of design 5, and failures that say what to do.

use crate::config::ConfigError;
use std::process::ExitCode;

/// Exit codes (design 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed, or a check said no.
    Failed,
    /// Usage or configuration.
    Usage,
    /// Invalid input under `--strict`.
    InvalidInput,
    /// A dependency is unavailable.
    Unavailable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::InvalidInput => 3,
            Exit::Unavailable => 4,
        })
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The work failed.
    #[error("{0}")]
    Failed(String),
    /// Something that the work needs is not there.
    #[error("{0}")]
    Unavailable(String),
}

impl Failure {
    /// The code to exit with.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Usage(_) => Exit::Usage,
            Self::Failed(_) => Exit::Failed,
            Self::Unavailable(_) => Exit::Unavailable,
        }
    }

    /// Bold red; stripped by the stream where it is not a terminal.
    pub const fn paint(&self) -> anstyle::Style {
        anstyle::AnsiColor::Red.on_default().bold()
    }

    /// The end of [`Failure::paint`].
    pub const fn unpaint(&self) -> anstyle::Reset {
        anstyle::Reset
    }
}

/// Shorthand for a failure of the work itself, with the context once.
pub fn failed(context: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("{context}: {error}"))
}
