//! Files that commands write and read whole.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::console::Failure;

/// Writes `bytes` to a file beside `path` and moves that file there, so that nobody ever reads half of them.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    crate::whole::write(path, bytes).map_err(|source| {
        Failure::failed(FileError {
            what: "written",
            path: path.display().to_string(),
            source,
        })
    })
}

/// Reads at most `limit` bytes of `path`; a longer file is refused.
pub(super) fn read_whole(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let error = |source| FileError {
        what: "read",
        path: path.display().to_string(),
        source,
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|source| Failure::usage(error(source)))?;
    if bytes.len() > limit {
        return Err(Failure::usage(error(io::ErrorKind::FileTooLarge.into())));
    }
    Ok(bytes)
}

#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {what}")]
struct FileError {
    what: &'static str,
    path: String,
    source: io::Error,
}
