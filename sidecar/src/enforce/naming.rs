//! Names of decisions: `decisions/` and 26 characters that sort by time, never the same twice, on any machine.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::error::Unspecified;
use jiff::Timestamp;

/// Crockford's alphabet: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Makes names. The time comes first, then 40 random bits of this process, then a count.
#[derive(Debug)]
pub(super) struct Names {
    process: u64,
    next: AtomicU64,
}

impl Names {
    pub(super) fn new() -> Result<Self, Unspecified> {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random)?;
        Ok(Self {
            process: u64::from_le_bytes(random),
            next: AtomicU64::new(0),
        })
    }

    pub(super) fn next(&self, now: Timestamp) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut name = String::with_capacity(36);
        name.push_str("decisions/");
        // 50 bits of milliseconds last for 35,000 years; 40 of chance tell processes apart, and 40 of count their decisions.
        write(&mut name, now.as_millisecond().unsigned_abs(), 10);
        write(&mut name, self.process, 8);
        write(&mut name, count, 8);
        name
    }
}

/// Appends the last `characters` × 5 bits of `number` to `name`, five bits a character, most significant first.
fn write(name: &mut String, number: u64, characters: u32) {
    for at in (0..characters).rev() {
        let five = number.checked_shr(at.saturating_mul(5)).unwrap_or(0) & 31;
        let letter = usize::try_from(five)
            .ok()
            .and_then(|five| ALPHABET.get(five));
        name.push(char::from(*letter.unwrap_or(&b'0')));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_differ() {
        let names = Names::new().expect("random bytes");
        let early = names.next("2026-11-24T10:00:00Z".parse().expect("a time"));
        let late = names.next("2026-11-24T10:00:00.001Z".parse().expect("a time"));
        let same = names.next("2026-11-24T10:00:00.001Z".parse().expect("a time"));
        assert!(early < late && late < same);
        assert_eq!(early.len(), 36);
        assert_ne!(
            early.get(20..28),
            Names::new()
                .expect("random bytes")
                .next(Timestamp::UNIX_EPOCH)
                .get(20..28)
        );
    }
}
