//! The verifier: fed with the files of a log in order, line by line, it finds the first place where something was
//! changed, left out, put in or moved. It keeps one digest, whatever the length of the log.

use std::fmt;

use super::{InvalidRecord, Record, Seq, Stamp, no_line_before};
use crate::digest::Digest;

/// Returns the name of the log file whose first record is `first`: 20 digits and `.jsonl`.
#[must_use]
pub fn file_name(first: Seq) -> String {
    format!("{:020}.jsonl", first.get())
}

/// Returns the first record of the file called `name`; `None` if that is not the name of a file of the log.
#[must_use]
pub fn first_seq_of(name: &str) -> Option<Seq> {
    // Names with other digits, a sign or fewer of them would let one file be taken for two.
    let digits = name.strip_suffix(".jsonl")?;
    let fine = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    fine.then(|| digits.parse().ok().and_then(Seq::new))
        .flatten()
}

/// State of the verification between two lines.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    head: Option<(Seq, Digest)>,
    file: Option<Seq>,
    line: u64,
}

/// Where a chain is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// First record that the file should hold, thus its name; `None` if lines came without one.
    pub file: Option<Seq>,
    /// Line of that file, counted from 1.
    pub line: u64,
    /// The record that should stand there; `None` if nothing before says so.
    pub seq: Option<Seq>,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a line, or between two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The line is not a record.
    #[error("the line is not a record")]
    Record(#[source] InvalidRecord),
    /// Records are missing, moved or twice there.
    #[error("record {found} stands where record {expected} belongs")]
    Seq {
        /// What belongs here.
        expected: Seq,
        /// What stands here.
        found: Seq,
    },
    /// The line before is not the one that this record was written after.
    #[error("the line before has the digest {actual}, the record says {said}")]
    Prev {
        /// Digest of the line before.
        actual: Digest,
        /// What the record says.
        said: Digest,
    },
    /// The file's first record is not the one of its name.
    #[error("record {found} begins the file that is named for record {named}")]
    File {
        /// The record of the name.
        named: Seq,
        /// The record that stands there.
        found: Seq,
    },
    /// The last line has no newline: the writer was cut off, or somebody cut.
    #[error("the line has no end")]
    Torn,
    /// A file without a line, which another file follows.
    #[error("the file holds no record, but another one follows")]
    Empty,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            seq,
            fault,
        } = self;
        if let Some(file) = file {
            write!(f, "{}:", file_name(*file))?;
        }
        write!(f, "{line}: ")?;
        if let Some(seq) = seq {
            write!(f, "record {seq}: ")?;
        }
        write!(f, "{fault}")
    }
}

impl std::error::Error for Break {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.fault)
    }
}

impl Chain {
    /// Begins a verification that has seen nothing. The first line it sees is taken as it is, unless it is the first of
    /// the whole log: older files may have been archived.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the last record seen and the digest of its line, which a later log must continue.
    #[must_use]
    pub const fn head(&self) -> Option<(Seq, Digest)> {
        self.head
    }

    /// Returns the file that lines come from, by its first record, and the last line of it that was seen, counted from
    /// 1.
    #[must_use]
    pub const fn place(&self) -> (Option<Seq>, u64) {
        (self.file, self.line)
    }

    /// Begins the file that is named for the record `first`: the next lines come from it.
    ///
    /// # Errors
    /// [`Break`] if the file before held no line.
    pub fn file(&mut self, first: Seq) -> Result<(), Break> {
        // An empty file in between could stand for records that were deleted.
        if self.file.is_some() && self.line == 0 {
            return Err(self.broken(Fault::Empty));
        }
        (self.file, self.line) = (Some(first), 0);
        Ok(())
    }

    /// Verifies the next line, newline included, and returns its record.
    ///
    /// # Errors
    /// [`Break`], the first one; what comes after it proves nothing, so stop there.
    pub fn line(&mut self, line: &[u8]) -> Result<Record, Break> {
        self.line = self.line.saturating_add(1);
        // A line without an end may be half of one: nothing in it counts.
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(self.broken(Fault::Torn));
        };
        let record = Record::parse(line).map_err(|error| self.broken(Fault::Record(error)))?;
        self.check(&record.stamp)
            .map_err(|fault| self.broken(fault))?;
        // Only after the line was accepted, so a broken chain stays broken where it broke.
        self.head = Some((record.stamp.seq, Digest::compute(line)));
        Ok(record)
    }

    fn check(&self, stamp: &Stamp) -> Result<(), Fault> {
        let found = stamp.seq;
        // Without anything before it, a line may have any number: older files may have been archived.
        let expected = self.expected().unwrap_or(found);
        if found != expected {
            return Err(Fault::Seq { expected, found });
        }
        // Only the very first record says what stands before it: nothing.
        let first = (found == Seq::FIRST).then(no_line_before);
        match self.head.map(|(_, digest)| digest).or(first) {
            Some(actual) if actual != stamp.prev => Err(Fault::Prev {
                actual,
                said: stamp.prev,
            }),
            Some(_) | None => match self.file {
                // Asked at the first line only. Later lines of the file follow from the chain.
                Some(named) if self.line == 1 && named != found => {
                    Err(Fault::File { named, found })
                }
                Some(_) | None => Ok(()),
            },
        }
    }

    fn expected(&self) -> Option<Seq> {
        match self.head {
            Some((last, _)) => last.next(),
            None => self.file,
        }
    }

    fn broken(&self, fault: Fault) -> Break {
        Break {
            file: self.file,
            line: self.line,
            seq: self.expected(),
            fault,
        }
    }
}
