//! A disk in memory that fails when it is told to, and knows what a power cut would leave.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use rustix::io::Errno;
use stopgate_decide::record::Seq;

use super::super::room::Room;
use super::super::storage::Storage;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The call fails.
    Error(Errno),
    /// A write takes half of the bytes; other calls go well.
    Short,
    /// A write takes nothing and says so; other calls go well.
    Nothing,
    /// The call panics.
    Panic,
}

/// A call to the disk, as the log made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    SyncDirectory,
    Preallocate,
    Write,
    Truncate,
    Sync,
    Verify,
}

#[derive(Debug, Clone, Default)]
struct File {
    /// What a reader sees.
    now: Vec<u8>,
    /// What a power cut leaves for sure.
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<Seq, File>,
    current: Option<Seq>,
    calls: Vec<(Call, bool)>,
    /// What happens at the n-th call, counted from 0.
    trouble: BTreeMap<usize, Trouble>,
    /// Bytes that fit on the disk.
    capacity: Option<usize>,
    /// Syncs wait while this is set.
    held: bool,
}

/// A handle; clones share the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<(Mutex<State>, Condvar)>);

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes the `call`-th call from now on meet `trouble`.
    pub(super) fn trouble_at(&self, call: usize, trouble: Trouble) {
        let mut state = self.state();
        let at = state.calls.len() + call;
        state.trouble.insert(at, trouble);
    }

    pub(super) fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// Makes syncs wait, or lets them go on.
    pub(crate) fn hold(&self, held: bool) {
        self.state().held = held;
        self.0.1.notify_all();
    }

    /// Returns every call so far, and whether it went well.
    pub(super) fn calls(&self) -> Vec<(Call, bool)> {
        self.state().calls.clone()
    }

    /// Returns what a power cut would leave for sure.
    pub(crate) fn durable(&self) -> BTreeMap<Seq, Vec<u8>> {
        self.state()
            .files
            .iter()
            .map(|(first, file)| (*first, file.durable.clone()))
            .collect()
    }

    /// Returns what a reader sees.
    pub(super) fn now(&self) -> BTreeMap<Seq, Vec<u8>> {
        self.state()
            .files
            .iter()
            .map(|(first, file)| (*first, file.now.clone()))
            .collect()
    }
}

impl State {
    fn enter(&mut self, call: Call) -> io::Result<Option<Trouble>> {
        let trouble = self.trouble.remove(&self.calls.len());
        self.calls
            .push((call, !matches!(trouble, Some(Trouble::Error(_)))));
        match trouble {
            Some(Trouble::Error(errno)) => Err(errno.into()),
            Some(Trouble::Panic) => panic!("the disk panics, as the test asked"),
            Some(Trouble::Short | Trouble::Nothing) | None => Ok(trouble),
        }
    }

    fn used(&self) -> usize {
        self.files.values().map(|file| file.now.len()).sum()
    }

    fn file(&mut self) -> &mut File {
        self.files
            .get_mut(&self.current.expect("a current file"))
            .expect("the current file")
    }
}

impl Storage for Disk {
    fn create(&mut self, first: Seq) -> io::Result<()> {
        let mut state = self.state();
        state.enter(Call::Create)?;
        assert!(
            state.files.insert(first, File::default()).is_none(),
            "{first} was created twice"
        );
        state.current = Some(first);
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.state().enter(Call::SyncDirectory).map(|_| ())
    }

    fn preallocate(&mut self, offset: u64, _: u64) -> io::Result<()> {
        let mut state = self.state();
        state.enter(Call::Preallocate)?;
        let offset = usize::try_from(offset).expect("small");
        let others = state.used() - state.file().now.len();
        // Room for one byte more stands for room at all: steps are larger than a test's disk.
        if state
            .capacity
            .is_some_and(|capacity| others + offset + 1 > capacity)
        {
            return Err(Errno::NOSPC.into());
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state();
        let trouble = state.enter(Call::Write)?;
        let room = state
            .capacity
            .map_or(usize::MAX, |capacity| capacity.saturating_sub(state.used()));
        let taken = match trouble {
            Some(Trouble::Short) => bytes.len().div_ceil(2),
            Some(Trouble::Nothing) => 0,
            Some(Trouble::Error(_) | Trouble::Panic) | None => bytes.len(),
        };
        let taken = taken.min(room);
        if taken == 0 && trouble.is_none() {
            return Err(Errno::NOSPC.into());
        }
        let file = state.file();
        assert_eq!(
            u64::try_from(file.now.len()).expect("small"),
            offset,
            "written elsewhere than at the end"
        );
        file.now.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.enter(Call::Truncate)?;
        state
            .file()
            .now
            .truncate(usize::try_from(len).expect("small"));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        while state.held {
            state = self
                .0
                .1
                .wait(state)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.enter(Call::Sync)?;
        let file = state.file();
        file.durable = file.now.clone();
        Ok(())
    }

    fn verify(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.enter(Call::Verify)?;
        let found = u64::try_from(state.file().now.len()).expect("small");
        assert_eq!(found, len, "nobody cuts a file in memory");
        Ok(())
    }

    fn room(&mut self) -> Option<Room> {
        let state = self.state();
        let size = state.capacity?;
        let bytes = |bytes: usize| u64::try_from(bytes).expect("small");
        Some(Room {
            free: bytes(size.saturating_sub(state.used())),
            size: bytes(size),
        })
    }
}
