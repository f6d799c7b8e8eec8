//! Files that are written whole or not at all, and read whole if they are short enough.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes `bytes` to a file beside `path` and moves that file there, so that nobody ever reads half of them. A file
/// that already has the name of the one beside is somebody else's: it is neither written to nor removed.
///
/// # Errors
/// The disk's.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or(io::Error::from(io::ErrorKind::InvalidFilename))?;
    let mut beside = name.to_owned();
    // In a container every process has the same number, and one that was killed leaves its file behind.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    beside.push(format!(".{}-{}.new", std::process::id(), now.as_nanos()));
    let beside = path.with_file_name(beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        // Whatever the umask is: a sidecar trusts no bundle and no root that others can write.
        .mode(0o644)
        .open(&beside)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| sync_folder(path));
    if written.is_err() {
        // The first error is the one to report.
        let _best_effort = fs::remove_file(&beside);
    }
    written
}

/// Makes the new name of a file hold over a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads the file at `path`, which has at most `most` bytes; `None` if there is none.
///
/// # Errors
/// The disk's, and one that says that the file is longer.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > most {
        let long = format!("it has {length} bytes, and this program writes {most} at most");
        return Err(io::Error::other(long));
    }
    fs::read(path).map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_what_others_left_is_not_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("erp.lock.json");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"two");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o022, 0, "{mode:o}");

        let theirs = [
            folder
                .path()
                .join(format!("erp.lock.json.{}.new", std::process::id())),
            folder.path().join("erp.lock.json.new"),
        ];
        for file in &theirs {
            fs::write(file, b"theirs").expect("written");
        }
        write(&path, b"three").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"three");
        for file in &theirs {
            assert_eq!(fs::read(file).expect("still there"), b"theirs");
        }
        // Nothing is left of one that cannot be put in place.
        let folder = folder.path().join("in-the-way");
        fs::create_dir(&folder).expect("a folder");
        assert!(write(&folder, b"four").is_err());
        assert!(
            fs::read_dir(folder.parent().expect("a folder"))
                .expect("a list")
                .count()
                == 4
        );
    }
}
