//! What a log looks like when it is opened: where to go on, and whether a crash left something behind.
//!
//! A crash can only leave bytes after the last flush: a line without its end, or blocks that read as zeros because
//! they never reached the disk. That is cut off; nobody was told that it was written. Everything else that is wrong
//! was done to the log and not by it, so the log is refused and kept as evidence.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::Path;

use stopgate_decide::digest::Digest;
use stopgate_decide::json::{InvalidJson, Problem};
use stopgate_decide::record::{
    Break, Chain, Fault, InvalidRecord, MAX_LINE_BYTES, Record, Seq, file_name, first_seq_of,
};

use super::error::{OpenError, failed};
use super::storage::{Current, Lock};
use super::writer::MAX_BATCH_BYTES;

/// What the disk does not tear: a hole begins and ends at a multiple of this.
const SECTOR: u64 = 512;

/// Where to go on.
#[derive(Debug)]
pub(super) struct ResumePoint {
    pub(super) log_dir: Lock,
    /// The file to go on in and its length; none in a new log.
    pub(super) file: Option<Current>,
    pub(super) file_len: Option<u64>,
    pub(super) last: Option<(Seq, Digest)>,
    pub(super) dropped_bytes: u64,
}

/// Locks the state directory, which is made if it is not there.
pub(super) fn lock(state_dir: &Path) -> Result<Lock, OpenError> {
    make_dir(state_dir)?;
    let dir = File::open(state_dir).map_err(failed("open", state_dir))?;
    locked(dir, state_dir)
}

/// Locks `file`, which `path` led to.
fn locked(file: File, path: &Path) -> Result<Lock, OpenError> {
    Lock::take(file).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            OpenError::Locked {
                path: path.to_owned(),
            }
        } else {
            failed("lock", path)(error)
        }
    })
}

fn make_dir(path: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("make", path))
}

/// Reads the end of the log in `dir`, checks it, and cuts a torn tail. The folder is locked, and so is the file to go on
/// in: two state directories may lead to one of them.
pub(super) fn recover(dir: &Path) -> Result<ResumePoint, OpenError> {
    make_dir(dir)?;
    let log_dir = File::open(dir).map_err(failed("open", dir))?;
    let log_dir = locked(log_dir, dir)?;
    let files = files(dir).map_err(failed("read", dir))?;
    let mut found = ResumePoint {
        log_dir,
        file: None,
        file_len: None,
        last: None,
        dropped_bytes: 0,
    };
    let broken = |fault| OpenError::Broken {
        dir: dir.to_owned(),
        source: Box::new(fault),
    };
    // 1. The last two files, each locked before it is read.
    let mut chain = Chain::new();
    // The file before the last one too: its last line is what the last file continues.
    for first in files.iter().skip(files.len().saturating_sub(2)) {
        chain.file(*first).map_err(broken)?;
        let path = dir.join(file_name(*first));
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        let lock = locked(file, &path)?;
        let file = lock.file();
        let size = file.metadata().map_err(failed("read", &path))?.len();
        // 2. Line by line along the chain. The first broken line of the last file may be what a crash left; anything
        // else is damage, and the log stays as it is for whoever looks into that.
        let mut whole = size;
        if let Some((sound, fault)) = read_lines(file, &mut chain).map_err(failed("read", &path))? {
            let torn = files.last() == Some(first)
                && is_torn(file, sound, size).map_err(failed("read", &path))?;
            if !torn {
                return Err(broken(fault));
            }
            whole = sound;
            found.dropped_bytes = size.saturating_sub(sound);
            file.set_len(sound).map_err(failed("cut", &path))?;
        }
        // 3. Lines of a process that was killed may be in memory only; the next record builds on them.
        file.sync_all().map_err(failed("flush", &path))?;
        (found.file, found.file_len) = (Some(Current { file: lock, path }), Some(whole));
    }
    // 4. The names of the files, which are on the disk by the folder's own flush only.
    let flushed = found.log_dir.file().sync_all();
    flushed.map_err(failed("flush", dir))?;
    found.last = chain.head();
    // 5. An empty file is what a crash leaves between its name and its first line. Its name has to be the next number.
    if let (Some(named), Some(0)) = (files.last().copied(), found.file_len) {
        let next = found.last.map_or(Some(Seq::FIRST), |(last, _)| last.next());
        if next != Some(named) {
            let fault = Fault::File {
                named,
                found: next.unwrap_or(named),
            };
            return Err(broken(Break {
                file: Some(named),
                line: 1,
                seq: next,
                fault,
            }));
        }
    }
    Ok(found)
}

/// Returns the files of the log in `dir`, each by the number of its first record, in order.
fn files(dir: &Path) -> io::Result<Vec<Seq>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        files.extend(entry?.file_name().to_str().and_then(first_seq_of));
    }
    files.sort_unstable();
    Ok(files)
}

/// Feeds the lines of `file` to `chain`. Returns `None` if every line is sound; else what is wrong with the first
/// broken one, and how many bytes before it were sound.
fn read_lines(file: &File, chain: &mut Chain) -> io::Result<Option<(u64, Break)>> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut sound, mut line) = (0_u64, Vec::new());
    let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    loop {
        line.clear();
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        match chain.line(&line) {
            Ok(_) => sound = sound.saturating_add(u64::try_from(read).unwrap_or(u64::MAX)),
            Err(fault) => return Ok(Some((sound, fault))),
        }
    }
}

/// Returns whether what stands from byte `from` to `to` of `file` is what a crash leaves of one write.
fn is_torn(file: &File, from: u64, to: u64) -> io::Result<bool> {
    // More than one write is not what one crash tears.
    let Ok(len) = usize::try_from(to.saturating_sub(from)) else {
        return Ok(false);
    };
    if len > MAX_BATCH_BYTES {
        return Ok(false);
    }
    let mut tail = vec![0; len];
    file.read_exact_at(&mut tail, from)?;
    Ok(is_cut_off(&tail) || begins_with_hole(&tail, from))
}

/// Returns whether `tail` is one line without its end. A whole record and something after it is no such line: there the
/// newline was overwritten.
fn is_cut_off(tail: &[u8]) -> bool {
    let is_record = |bytes| Record::parse(bytes).is_ok();
    if tail.contains(&b'\n') {
        return false;
    }
    match Record::parse(tail) {
        Ok(_) => true,
        Err(InvalidRecord::Json(InvalidJson { problem, offset })) => {
            let more = matches!(problem, Problem::Trailing | Problem::TooLong);
            !more && !tail.get(..offset).is_some_and(is_record)
        }
        Err(_) => false,
    }
}

/// Returns whether the first line of `tail`, which begins at byte `from` of the file, holds zeros from one border of
/// sectors to another. No single changed byte looks like that.
fn begins_with_hole(tail: &[u8], from: u64) -> bool {
    let line = tail.split(|byte| *byte == b'\n').next().unwrap_or(tail);
    let Some(start) = line.iter().position(|byte| *byte == 0) else {
        return false;
    };
    let zeros = line
        .iter()
        .skip(start)
        .take_while(|byte| **byte == 0)
        .count();
    let end = start.saturating_add(zeros);
    let is_border = |at: usize| {
        from.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
            .is_multiple_of(SECTOR)
    };
    (start == 0 || is_border(start)) && (end == tail.len() || is_border(end))
}

#[cfg(test)]
mod tests;
