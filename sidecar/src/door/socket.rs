//! The Unix socket: nobody can connect to it before its mode is right, and none that works is taken away.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::UnixListener;

use crate::bounds::BACKLOG;
use crate::source::{self, Kind, MayBeReplaced, Stopped};

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("another process listens on {}", .0.display())]
    InUse(PathBuf),
    /// Something else has that name.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// Others could put a socket of their own in its place.
    #[error("others could put another socket there")]
    Exposed(#[source] MayBeReplaced),
    /// Its folder is not there.
    #[error(
        "there is no folder {} for the socket: `mkdir -p -m 0755 {}` makes it, as the sidecar's user",
        .0.display(),
        source::word(.0)
    )]
    NoFolder(PathBuf),
    /// There is no such group.
    #[error("there is no group `{0}` in /etc/group")]
    Group(String),
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn failed<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> SocketError {
    let path = path.to_owned();
    move |error| SocketError::Io {
        action,
        path,
        source: error.into(),
    }
}

/// Checks whether a socket can be made at `path`, for `group` too, as far as that can be known before anything is made.
/// Returns the number of the group.
///
/// # Errors
/// [`SocketError`] says what is in the way.
pub fn look(path: &Path, group: Option<&str>) -> Result<Option<u32>, SocketError> {
    match source::walk(path, Kind::Place) {
        Ok(walked) => match walked.path.parent() {
            // The walk passes over what is not there: a folder that is missing shows in its parent only.
            Some(folder) if walked.found.is_none() && !folder.is_dir() => {
                return Err(SocketError::NoFolder(folder.to_owned()));
            }
            Some(_) | None => {}
        },
        Err(Stopped::Replaceable(replaceable)) => return Err(SocketError::Exposed(replaceable)),
        Err(Stopped::Io { path, source }) => return Err(failed("look at", &path)(source)),
    }
    let group = group.map(group_id).transpose()?;
    is_socket(path)?;
    Ok(group)
}

/// Listens on `path`, for the own user alone or for `group` too. A socket that nobody listens on any more is replaced.
///
/// # Errors
/// [`SocketError`] says what is in the way.
pub fn listen(path: &Path, group: Option<&str>) -> Result<UnixListener, SocketError> {
    let group = look(path, group)?;
    let address = SocketAddrUnix::new(path).map_err(failed("name", path))?;
    clear(path, &address)?;

    let socket = socket().map_err(failed("make", path))?;
    rustix::net::bind(&socket, &address).map_err(failed("bind", path))?;
    // Bound but not listening: whatever the umask made of its mode, connecting is refused until here.
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(group))
            .map_err(failed("change the group of", path))?;
    }
    // Everybody is never let in by the mode, although the uid is looked at as well: two locks, not one.
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(failed("change the mode of", path))?;
    rustix::net::listen(&socket, BACKLOG).map_err(failed("listen on", path))?;
    UnixListener::from_std(socket.into()).map_err(failed("listen on", path))
}

fn socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Returns whether something is at `path`. Anything but a socket there is an error.
fn is_socket(path: &Path) -> Result<bool, SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("look at", path)(error)),
        Ok(found) if found.file_type().is_socket() => Ok(true),
        Ok(_) => Err(SocketError::NotASocket(path.to_owned())),
    }
}

/// Removes what a process that is gone has left at `path`, and nothing else.
fn clear(path: &Path, address: &SocketAddrUnix) -> Result<(), SocketError> {
    if !is_socket(path)? {
        return Ok(());
    }
    // To connect is the only way to know whether anybody listens: the file looks the same when its process is gone.
    let probe = socket().map_err(failed("make", path))?;
    match rustix::net::connect(&probe, address) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(failed("remove", path)),
        // Whoever answers, is busy or lets nobody in is there.
        Ok(()) | Err(Errno::AGAIN | Errno::ACCESS | Errno::PERM) => {
            Err(SocketError::InUse(path.to_owned()))
        }
        Err(error) => Err(failed("try", path)(error)),
    }
}

/// Returns the number of a group, which is given as a number or as a name to look up in `/etc/group`.
fn group_id(group: &str) -> Result<u32, SocketError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let path = Path::new("/etc/group");
    let table = fs::read_to_string(path).map_err(failed("read", path))?;
    let line = table
        .lines()
        .find_map(|line| line.strip_prefix(group)?.strip_prefix(':'));
    let number = line
        .and_then(|line| line.split(':').nth(1))
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| SocketError::Group(group.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a socket").mode() & 0o7777
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_alone_or_for_one_group_too() {
        let folder = folder();
        let path = folder.path().join("sidecar.sock");
        let listener = listen(&path, None).expect("a socket");
        assert_eq!(mode(&path), 0o600);
        assert!(
            matches!(listen(&path, None), Err(SocketError::InUse(_))),
            "one that works is not taken away"
        );
        drop(listener);
        let own = rustix::process::getgid().as_raw();
        let _listener = listen(&path, Some(&own.to_string())).expect("a stale socket is replaced");
        assert_eq!(mode(&path), 0o660);
    }

    #[tokio::test]
    async fn what_is_in_the_way_is_named() {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, "").expect("a file");
        assert!(matches!(
            listen(&path, None),
            Err(SocketError::NotASocket(_))
        ));
        let path = folder.path().join("sidecar.sock");
        let wrong = listen(&path, Some("no such group"));
        assert!(matches!(wrong, Err(SocketError::Group(_))), "{wrong:?}");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
        assert!(matches!(listen(&path, None), Err(SocketError::Exposed(_))));
        assert!(!path.exists());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).expect("a mode");
        assert!(listen(&path, None).is_ok(), "a sticky folder is fine");
    }

    #[test]
    fn a_folder_that_is_missing_is_named_with_the_command_that_makes_it() {
        let folder = folder();
        let missing = folder.path().join("run/stop gate");
        let wrong = look(&missing.join("sidecar.sock"), None).expect_err("no folder");
        let said = wrong.to_string();
        let command = format!("`mkdir -p -m 0755 '{}'`", missing.display());
        assert!(said.contains(&command), "{said}");
        let made = std::process::Command::new("sh")
            .args(["-c", command.trim_matches('`')])
            .status();
        assert!(made.expect("a shell").success());
        // Looking makes nothing, and what it says mends it.
        assert!(fs::read_dir(&missing).expect("a folder").next().is_none());
        assert_eq!(
            look(&missing.join("sidecar.sock"), Some("7")).expect("well"),
            Some(7)
        );
    }

    #[test]
    fn groups_are_found_by_name_and_by_number() {
        assert_eq!(group_id("7").expect("a number"), 7);
        assert_eq!(group_id("root").expect("a name"), 0);
        assert!(group_id("roo").is_err());
    }
}
