//! The files of logs as batches of whole lines, in memory that does not grow with them.
//!
//! A line without an end is tolerated at the very end of the last file, where a writer may be at work.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stopgate_decide::record::{MAX_LINE_BYTES, first_seq_of};

use super::question::ReplayError;

/// Lines that travel together; fewer if they are long: a batch of [`BYTES`] is full too.
const LINES: usize = 256;
/// Bytes after which a batch is full, and the size of the reader's buffer.
const BYTES: usize = 256 * 1024;

/// Some lines of one file.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) path: Arc<Path>,
    /// The first line's number, from 1.
    pub(super) first: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    fn new(path: &Arc<Path>, first: u64) -> Self {
        Self {
            path: Arc::clone(path),
            first,
            bytes: Vec::with_capacity(BYTES),
            ends: Vec::with_capacity(LINES),
        }
    }

    fn is_full(&self) -> bool {
        self.ends.len() >= LINES || self.bytes.len() >= BYTES
    }

    /// Returns the batch's lines without their newlines, each with its number in the file.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut start = 0;
        let lines = self.ends.iter().map(move |end| {
            let line = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            line.strip_suffix(b"\n").unwrap_or(line)
        });
        (self.first..).zip(lines)
    }

    /// Returns how long the batch is in the file, in bytes.
    pub(super) fn length(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}

/// A last line that has no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: u64,
}

/// Returns the files that `paths` stand for, in the order in which they are read. A folder stands for the log files in
/// it, by their first record.
///
/// # Errors
/// [`ReplayError`] if something cannot be read, a folder holds no log, or a file is named twice.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ReplayError> {
    let mut files = Vec::new();
    for path in paths {
        let read = |source| ReplayError::Read {
            path: path.clone(),
            source,
        };
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in path.read_dir().map_err(read)? {
            let entry = entry.map_err(read)?.path();
            let name = entry.file_name().and_then(|name| name.to_str());
            found.extend(
                name.and_then(first_seq_of)
                    .map(|first| (first, entry.clone())),
            );
        }
        if found.is_empty() {
            return Err(ReplayError::Empty { path: path.clone() });
        }
        found.sort();
        files.extend(found.into_iter().map(|(_, file)| file));
    }
    let mut real = BTreeSet::new();
    for path in &files {
        let known = std::fs::canonicalize(path).map_err(|source| ReplayError::Read {
            path: path.clone(),
            source,
        })?;
        if !real.insert(known) {
            return Err(ReplayError::Twice { path: path.clone() });
        }
    }
    Ok(files)
}

/// Returns the length of all files together in bytes, as far as that can be told beforehand.
pub(super) fn length(files: &[PathBuf]) -> u64 {
    files
        .iter()
        .filter_map(|path| path.metadata().ok())
        .fold(0, |sum, file| sum.saturating_add(file.len()))
}

/// Hands every line of `files` to `take`, batch by batch, until `take` wants no more. Returns the last line if it has
/// no end.
pub(super) fn read(
    files: &[PathBuf],
    mut take: impl FnMut(Batch) -> bool,
) -> Result<Option<Torn>, ReplayError> {
    let mut torn = None;
    for (at, path) in files.iter().enumerate() {
        let last = at.saturating_add(1) == files.len();
        match read_file(path, last, &mut take)? {
            Ended::Whole => {}
            Ended::Torn(found) => torn = Some(found),
            Ended::Unwanted => return Ok(None),
        }
    }
    Ok(torn)
}

enum Ended {
    Whole,
    Torn(Torn),
    Unwanted,
}

/// Reads one file and hands it on in batches. Only the last file may end in the middle of a line.
fn read_file(
    path: &Path,
    last: bool,
    take: &mut impl FnMut(Batch) -> bool,
) -> Result<Ended, ReplayError> {
    let failed = |source: io::Error| ReplayError::Read {
        path: path.to_owned(),
        source,
    };
    let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    let mut reader = BufReader::with_capacity(BYTES, File::open(path).map_err(failed)?);
    let shared: Arc<Path> = path.into();
    let mut batch = Batch::new(&shared, 1);
    let mut line = 1_u64;
    loop {
        let before = batch.bytes.len();
        let read = reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut batch.bytes)
            .map_err(failed)?;
        let whole = batch.bytes.last() == Some(&b'\n');
        if read > 0 && whole {
            batch.ends.push(batch.bytes.len());
            line = line.saturating_add(1);
            if batch.is_full() && !take(std::mem::replace(&mut batch, Batch::new(&shared, line))) {
                return Ok(Ended::Unwanted);
            }
            continue;
        }
        batch.bytes.truncate(before);
        if !batch.ends.is_empty() && !take(batch) {
            return Ok(Ended::Unwanted);
        }
        let at = Torn {
            path: path.to_owned(),
            line,
        };
        return match read {
            0 => Ok(Ended::Whole),
            _ if last && read < MAX_LINE_BYTES => Ok(Ended::Torn(at)),
            _ => Err(ReplayError::Endless {
                path: at.path,
                line: at.line,
            }),
        };
    }
}
