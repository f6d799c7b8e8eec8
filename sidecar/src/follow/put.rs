//! How a file of the state directory is written: whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// What a file is called behind its name until all of it is written.
pub(super) const BESIDE: &str = ".new";

/// Writes a file called `name` in `folder`, in the place of what was there: whole, or not at all.
pub(super) fn put(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = folder.join(format!("{name}{BESIDE}"));
    let put = put_beside(&beside, write).and_then(|()| fs::rename(&beside, folder.join(name)));
    if put.is_err() {
        // What was written of it would take the last of the disk from the log.
        let _gone_or_never_there = fs::remove_file(&beside);
    }
    put
}

fn put_beside(
    beside: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(beside)?;
    let mut file = BufWriter::new(file);
    write(&mut file)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}
