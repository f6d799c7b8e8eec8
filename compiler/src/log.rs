//! The check of a decision log: its files in order, line by line, in memory that does not grow with it.
//!
//! It reads and says; it repairs nothing. What follows the first break is not counted, because nothing proves it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use stopgate_decide::record::{
    Break, Chain, MAX_LINE_BYTES, Record, RecordBody, RecordKind, Seq, Stamp, first_seq_of,
};

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A folder without a file of a log.
    #[error("{} holds no file of a log", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file whose name does not say which records it holds.
    #[error("{} is not named as a file of a log: 20 digits and .jsonl", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Two files for the same records.
    #[error("{} and {} begin with the same record", one.display(), other.display())]
    Twice {
        /// The one.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// The disk.
    #[error("cannot read {}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What stands in a log, up to its first break.
#[derive(Debug, Default)]
pub struct CheckedLog {
    /// Files that were read.
    pub files: usize,
    /// Records of each kind.
    pub records: BTreeMap<RecordKind, u64>,
    /// The first record.
    pub first: Option<Stamp>,
    /// The last record.
    pub last: Option<Stamp>,
    /// What the next record would have to continue.
    pub chain: Chain,
    /// Attempts that were rejected without a record of their own, as the `gap` records count them.
    pub unrecorded: u64,
    /// Starts that follow no stop: the process before them was killed, or lost its disk.
    pub unclean: u64,
    /// Records that are older than the one before them: the clock of the machine was set back. No break, because a log
    /// is in the order in which it was written; but what a record says of the time is not to be relied on there.
    pub backwards: Backwards,
    /// The first break.
    pub broken: Option<Break>,
}

/// Most places that are named where time runs backwards.
const PLACES: usize = 20;

/// Where time runs backwards.
#[derive(Debug, Default)]
pub struct Backwards {
    /// How often.
    pub count: u64,
    /// The first such places.
    pub first: Vec<Step>,
}

/// A record that is older than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The file it stands in, by its first record.
    pub file: Option<Seq>,
    /// Its line there, counted from 1.
    pub line: u64,
    /// Its number.
    pub seq: Seq,
    /// Its time.
    pub time: Timestamp,
    /// The time of the record before it.
    pub before: Timestamp,
}

/// Checks the files in `paths`, in the order of their records; a folder stands for all files of a log in it.
///
/// # Errors
/// [`LogError`] if there is nothing to check. A broken log is no error: see [`CheckedLog::broken`].
pub fn verify(paths: &[PathBuf]) -> Result<CheckedLog, LogError> {
    let mut checked = CheckedLog::default();
    let mut last_kind = None;
    for (first, path) in files(paths)? {
        checked.files = checked.files.saturating_add(1);
        let read = |source| LogError::Read {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(read)?;
        let broken = match checked.chain.file(first) {
            Ok(()) => checked.read(file, &mut last_kind).map_err(read)?,
            Err(broken) => Some(broken),
        };
        if broken.is_some() {
            checked.broken = broken;
            break;
        }
    }
    Ok(checked)
}

impl CheckedLog {
    /// Feeds one file to the chain.
    fn read(
        &mut self,
        file: File,
        last_kind: &mut Option<RecordKind>,
    ) -> io::Result<Option<Break>> {
        let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        let (mut reader, mut line) = (BufReader::with_capacity(256 * 1024, file), Vec::new());
        loop {
            line.clear();
            if reader.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            match self.chain.line(&line) {
                Ok(record) => self.count(&record, last_kind),
                Err(broken) => return Ok(Some(broken)),
            }
        }
    }

    fn count(&mut self, record: &Record, last_kind: &mut Option<RecordKind>) {
        let Record {
            version: _,
            stamp,
            body,
        } = record;
        let kind = body.kind();
        let records = self.records.entry(kind).or_insert(0);
        *records = records.saturating_add(1);
        match body {
            RecordBody::Gap(gap) => self.unrecorded = self.unrecorded.saturating_add(gap.count),
            RecordBody::Start(_) if last_kind.is_some_and(|last| last != RecordKind::Stop) => {
                self.unclean = self.unclean.saturating_add(1);
            }
            RecordBody::Start(_)
            | RecordBody::Bundle(_)
            | RecordBody::Decision(_)
            | RecordBody::Stop(_)
            | RecordBody::Stops(_)
            | RecordBody::Root(_) => {}
        }
        *last_kind = Some(kind);
        if let Some(last) = self.last.filter(|last| stamp.time < last.time) {
            let (file, line) = self.chain.place();
            self.backwards.count = self.backwards.count.saturating_add(1);
            if self.backwards.first.len() < PLACES {
                self.backwards.first.push(Step {
                    file,
                    line,
                    seq: stamp.seq,
                    time: stamp.time,
                    before: last.time,
                });
            }
        }
        self.first.get_or_insert(*stamp);
        self.last = Some(*stamp);
    }
}

/// Returns the files that `paths` stand for, by their first record.
///
/// # Errors
/// [`LogError`] if a folder cannot be read or holds no log, or a file is not named like one.
fn files(paths: &[PathBuf]) -> Result<BTreeMap<Seq, PathBuf>, LogError> {
    let mut files = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            let read = |source| LogError::Read {
                path: path.clone(),
                source,
            };
            let mut found = Vec::new();
            for entry in path.read_dir().map_err(read)? {
                let entry = entry.map_err(read)?.path();
                found.extend(first_of(&entry).map(|first| (first, entry)));
            }
            if found.is_empty() {
                return Err(LogError::Empty { path: path.clone() });
            }
            found
                .into_iter()
                .try_for_each(|(first, path)| insert(&mut files, first, path))?;
        } else {
            let first = first_of(path).ok_or_else(|| LogError::Name { path: path.clone() })?;
            insert(&mut files, first, path.clone())?;
        }
    }
    Ok(files)
}

fn first_of(path: &Path) -> Option<Seq> {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(first_seq_of)
}

fn insert(files: &mut BTreeMap<Seq, PathBuf>, first: Seq, path: PathBuf) -> Result<(), LogError> {
    match files.get(&first) {
        Some(one) if *one != path => Err(LogError::Twice {
            one: one.clone(),
            other: path,
        }),
        Some(_) => Ok(()),
        None => {
            files.insert(first, path);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
