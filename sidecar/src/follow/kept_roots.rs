//! The trust roots that were come to, kept in `state_dir` as `root.VERSION.json`: the files themselves, as publishers put
//! them into the store.
//!
//! A start goes from the operator's file along them, each signed by the root keys of the one before, so that nobody who
//! hides the newest root, or gives the oldest file again, brings back a key that has left.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use stopgate_decide::bundle::TrustRoot;
use stopgate_store::NextRoot;

use crate::bounds::MAX_ROOT_BYTES;
use crate::source::{self, Unreadable, chain};

use super::put::put;

/// Where roots are kept.
#[derive(Debug, Clone)]
pub(super) struct KeptRoots(PathBuf);

impl KeptRoots {
    /// Makes a place for roots in `state_dir`, which belongs to this process.
    pub(super) fn new(state_dir: PathBuf) -> Self {
        Self(state_dir)
    }

    /// Returns the roots that follow `root`, as far as they are kept, and what is wrong with the one behind them.
    pub(super) fn read(&self, root: &TrustRoot) -> (Vec<NextRoot>, Option<String>) {
        let mut newer: Vec<NextRoot> = Vec::new();
        loop {
            let newest = newer.last().map_or(root, |newest| &newest.trust);
            let path = self.file(newest.statement().version.saturating_add(1));
            let file = match source::read(&path, MAX_ROOT_BYTES) {
                Ok(file) => file,
                Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return (newer, None);
                }
                Err(why) => return (newer, Some(chain(&why))),
            };
            match newest.open_next(&file) {
                Ok(trust) => newer.push(NextRoot { trust, file }),
                Err(why) => {
                    return (newer, Some(format!("{}: {why}", path.display())));
                }
            }
        }
    }

    /// Returns the highest version that is kept, 0 where none is, whether or not it can be read.
    pub(super) fn newest(&self) -> io::Result<u64> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut newest = 0;
        for entry in entries {
            let name = entry?.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix("root."));
            let version = version.and_then(|name| name.strip_suffix(".json"));
            newest = newest.max(
                version
                    .and_then(|version| version.parse().ok())
                    .unwrap_or(0),
            );
        }
        Ok(newest)
    }

    /// Writes `roots`, so that they hold after a power cut.
    pub(super) fn write(&self, roots: &[NextRoot]) -> io::Result<()> {
        for root in roots {
            let name = name(root.trust.statement().version);
            put(&self.0, &name, |file| file.write_all(&root.file))?;
        }
        fs::File::open(&self.0)?.sync_all()
    }

    fn file(&self, version: u64) -> PathBuf {
        self.0.join(name(version))
    }
}

fn name(version: u64) -> String {
    format!("root.{version}.json")
}
