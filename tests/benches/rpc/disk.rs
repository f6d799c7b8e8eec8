//! What the disk can do by itself: appends of the log's sizes, each flushed before the next, by one thread.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::{FallocateFlags, fallocate};

use crate::load::Measured;

/// Room is reserved in steps of this many bytes, as the log does.
const RESERVE: u64 = 4 * 1024 * 1024;

/// A folder on a disk.
pub(crate) struct Disk {
    file: File,
    system: String,
}

impl Disk {
    /// The disk that `folder` is on.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let system = file_system(folder)?;
        // A flush costs nothing there, and the comparison would be with nothing.
        anyhow::ensure!(
            !matches!(system.as_str(), "tmpfs" | "ramfs"),
            "{} is memory, not a disk",
            folder.display()
        );
        let file = File::create(folder.join("appends"))?;
        Ok(Self { file, system })
    }

    /// The name of its file system.
    pub(crate) fn system(&self) -> &str {
        &self.system
    }

    /// Appends `bytes` and flushes them, again and again for `span`.
    pub(crate) fn flushes(&self, bytes: usize, span: Duration) -> anyhow::Result<Measured> {
        self.file.set_len(0)?;
        let text = vec![b'x'; bytes];
        let (mut at, mut reserved) = (0, 0);
        let mut times = Vec::new();
        let began = Instant::now();
        while began.elapsed() < span {
            let after = at + u64::try_from(bytes)?;
            if after > reserved {
                fallocate(&self.file, FallocateFlags::KEEP_SIZE, reserved, RESERVE)?;
                reserved += RESERVE;
            }
            let start = Instant::now();
            self.file.write_all_at(&text, at)?;
            self.file.sync_data()?;
            times.push(start.elapsed());
            at = after;
        }
        Ok(Measured::new(times, span))
    }
}

/// The type of the mount with the longest path above `folder`.
fn file_system(folder: &Path) -> anyhow::Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(mounted, _)| folder.starts_with(mounted))
        // Mounts may lie in each other, and the innermost one holds the folder.
        .max_by_key(|(mounted, _)| mounted.len())
        .map(|(_, system)| system.to_owned())
        .context("no mounted file system")
}
