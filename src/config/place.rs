//! Where does a setting stand, and how do we speak about it?

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where something in the configuration was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A whole file, when no line of it can be named.
    File(Arc<Path>),
    /// Line and column of a file, both counted from 1; the column is where the value begins.
    Line {
        file: Arc<Path>,
        line: usize,
        column: usize,
    },
    /// An option of the command line, as `--debug`.
    Option(&'static str),
}

impl Place {
    /// Whether both stand in the same file.
    pub(super) fn same_file(&self, other: &Self) -> bool {
        self.file().is_some() && self.file() == other.file()
    }

    /// The line number, if there is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Line { line, .. } => Some(*line),
            Self::File(_) | Self::Option(_) => None,
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) | Self::Line { file, .. } => Some(file),
            Self::Option(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Line { file, line, .. } => write!(f, "{}:{line}", file.display()),
            Self::Option(option) => write!(f, "command line {option}"),
        }
    }
}

/// One thing to say about the configuration: where, about what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// Where it was written; `None` for a default.
    pub place: Option<Place>,
    /// What it is about, as `[audio] klaxon = x.wav`; empty when the text says it.
    pub subject: String,
    /// What is wrong, and after a semicolon what to write instead.
    pub text: String,
}

impl Remark {
    fn write(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(kind)?;
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        f.write_str(&self.text)
    }
}

/// A remark that keeps the daemon from starting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake(pub Remark);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "")
    }
}

impl std::error::Error for Mistake {}

/// A remark that an operator should see; the daemon starts all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub Remark);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "warning: ")
    }
}
