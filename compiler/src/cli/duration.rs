//! Times on the command line.

use std::time::Duration;

/// Reads `500ms`, `10s`, `2m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    up_to(text, 1)
}

/// Reads a time up to a day, such as `24h` or `90m`.
pub(super) fn day(text: &str) -> Result<Duration, String> {
    up_to(text, 24)
}

fn up_to(text: &str, hours: u64) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time up to {hours}h: write it as `30s`, `2m` or `1h`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let milliseconds = match text.strip_prefix(digits) {
        Some("ms") => Some(number),
        Some("s") => number.checked_mul(1_000),
        Some("m") => number.checked_mul(60_000),
        Some("h") => number.checked_mul(3_600_000),
        _ => None,
    };
    let most = hours.saturating_mul(3_600_000);
    let sensible = milliseconds.filter(|milliseconds| (1..=most).contains(milliseconds));
    sensible.map(Duration::from_millis).ok_or_else(wrong)
}
