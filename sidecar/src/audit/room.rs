//! How much room the disk of the log has left, and when to say so: before it is full and everything is rejected.

use std::sync::{Mutex, PoisonError};

/// Less room than this calls for somebody, whatever the size of the disk: what two full files of the log take, or a
/// quarter of an hour of a hundred records in a second.
const LEAST: u64 = 128 * 1024 * 1024;

/// More room than this calls for nobody: ten million records.
const PLENTY: u64 = 16 * 1024 * 1024 * 1024;

/// The room of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What the log may still take.
    pub free: u64,
    /// The whole file system.
    pub size: u64,
}

impl Room {
    /// Returns whether the disk will be full soon: less than a tenth of it is left. No disk with 16 GiB left is nearly
    /// full, and every disk with less than 128 MiB left is.
    #[must_use]
    pub fn is_low(self) -> bool {
        self.free < (self.size / 10).clamp(LEAST, PLENTY)
    }
}

/// What the writer saw last.
#[derive(Debug, Default)]
pub(super) struct Roominess(Mutex<Option<Room>>);

impl Roominess {
    pub(super) fn now(&self) -> Option<Room> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes `room`, and says so in an event when the disk begins or ceases to be nearly full.
    pub(super) fn note(&self, room: Room) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the first look nothing was low, so a log that begins on a full disk says so at once.
        let was_low = last.is_some_and(Room::is_low);
        *last = Some(room);
        let Room { free, size } = room;
        match (was_low, room.is_low()) {
            (false, true) => tracing::warn!(
                free_bytes = free,
                size_bytes = size,
                "the disk of the log is nearly full; when it is full, every attempt is rejected"
            ),
            (true, false) => tracing::info!(
                free_bytes = free,
                size_bytes = size,
                "the disk of the log has room again"
            ),
            (false, false) | (true, true) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn t36_a_tenth_of_the_disk_calls_for_somebody() {
        for (size, free, low) in [
            (64 * MIB, 64 * MIB, true),
            (512 * MIB, 129 * MIB, false),
            (512 * MIB, 127 * MIB, true),
            (10 * 1024 * MIB, 1025 * MIB, false),
            (10 * 1024 * MIB, 1023 * MIB, true),
            (10 * 1024 * 1024 * MIB, 17 * 1024 * MIB, false),
            (10 * 1024 * 1024 * MIB, 15 * 1024 * MIB, true),
        ] {
            assert_eq!(Room { free, size }.is_low(), low, "{free} of {size}");
        }
    }

    #[test]
    fn t36_a_disk_that_becomes_nearly_full_and_has_room_again_is_told_once_each() {
        let (roominess, heard) = (Roominess::default(), crate::testing::Heard::begin());
        assert_eq!(roominess.now(), None);
        for (free, full, room) in [
            (900, 0, 0),
            (129, 0, 0),
            (127, 1, 0),
            (126, 0, 0),
            (0, 0, 0),
            (129, 0, 1),
            (900, 0, 0),
            (1, 1, 0),
        ] {
            let now = Room {
                free: free * MIB,
                size: 1000 * MIB,
            };
            roominess.note(now);
            assert_eq!(roominess.now(), Some(now));
            let said = heard.take("the disk of the log is nearly full");
            assert_eq!(said.len(), full, "{free}: {said:?}");
            let fields = format!(" free_bytes={} size_bytes={}", now.free, now.size);
            assert!(said.iter().all(|line| line.ends_with(&fields)), "{said:?}");
            let said = heard.take("the disk of the log has room again");
            assert_eq!(said.len(), room, "{free}: {said:?}");
        }
        // A log that begins on such a disk says so at once.
        let roominess = Roominess::default();
        roominess.note(Room {
            free: MIB,
            size: 1000 * MIB,
        });
        assert_eq!(heard.take("the disk of the log is nearly full").len(), 1);
    }
}
