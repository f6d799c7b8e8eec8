//! A `NumericDate` of RFC 7519 as whole seconds. It may have a fraction, which is exact here and never a double: the
//! caller says which way it is rounded, and that is always the way in which the token is valid for less time.

use stopgate_decide::json::Json;

/// More digits before the point than any instant has, and as many as whole seconds always hold.
const MAX_DIGITS: i64 = 18;

/// Which whole second stands for a time between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// The one before.
    Down,
    /// The one after.
    Up,
}

/// Returns the whole seconds that `value` is, rounded as `round` says. Returns `None` if `value` is no number, or one
/// that no clock will ever show.
pub(super) fn whole(value: &Json, round: Round) -> Option<i64> {
    match value {
        Json::Integer(seconds) => Some(*seconds),
        Json::Decimal(text) => decimal(text, round),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Reads `text`, a number of JSON (digits, of which some may stand after a point, and perhaps an exponent), as whole
/// seconds, rounded as `round` says. Returns `None` for a number that no clock will ever show.
fn decimal(text: &str, round: Round) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // Where the point is among all digits, once the exponent has moved it.
    let point = i64::try_from(before.len()).ok()?.checked_add(exponent)?;
    let (mut seconds, mut fraction, mut at) = (0_i64, false, 0_i64);
    for digit in before.bytes().chain(after.bytes()) {
        let digit = i64::from(digit.checked_sub(b'0')?);
        if at < point {
            seconds = seconds.checked_mul(10)?.checked_add(digit)?;
        } else {
            fraction |= digit != 0;
        }
        at = at.checked_add(1)?;
    }
    // The exponent has moved the point beyond the last digit. Exponents have no bound, so the zeros to add are counted
    // first.
    if seconds != 0 {
        let missing = point.saturating_sub(at).max(0);
        if missing > MAX_DIGITS {
            return None;
        }
        for _ in 0..missing {
            seconds = seconds.checked_mul(10)?;
        }
    }
    // The fraction was dropped towards zero; where it is to be rounded away from zero, one is added.
    let away = match (round, negative) {
        (Round::Down, true) | (Round::Up, false) => i64::from(fraction),
        (Round::Down, false) | (Round::Up, true) => 0,
    };
    let seconds = seconds.checked_add(away)?;
    Some(if negative { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_rounded_the_way_that_is_asked_for() {
        for (text, down, up) in [
            ("1796000000.0", 1_796_000_000, 1_796_000_000),
            ("1796000000.5", 1_796_000_000, 1_796_000_001),
            (
                "1796000000.000000000000000000000001",
                1_796_000_000,
                1_796_000_001,
            ),
            ("0.999", 0, 1),
            ("-0.0", 0, 0),
            ("-0.5", -1, 0),
            ("-12.25", -13, -12),
            ("1.796e9", 1_796_000_000, 1_796_000_000),
            ("17960000005e-1", 1_796_000_000, 1_796_000_001),
            ("1796E+6", 1_796_000_000, 1_796_000_000),
            ("5e-400", 0, 1),
            ("0e300", 0, 0),
            ("0.0e-9223372036854775807", 0, 0),
        ] {
            let read = Json::Decimal(text.into());
            assert_eq!(whole(&read, Round::Down), Some(down), "{text}");
            assert_eq!(whole(&read, Round::Up), Some(up), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [
            Json::Null,
            Json::Bool(true),
            Json::String("1796000000".to_owned()),
            Json::Array(vec![Json::Integer(1)]),
            Json::Decimal("1e300".into()),
            Json::Decimal("-1e300".into()),
            Json::Decimal("92233720368547758.08e3".into()),
            Json::Decimal("1e99999999999999999999".into()),
            Json::Decimal("0.1e9223372036854775807".into()),
        ] {
            assert_eq!(whole(&value, Round::Down), None, "{value}");
            assert_eq!(whole(&value, Round::Up), None, "{value}");
        }
    }
}
