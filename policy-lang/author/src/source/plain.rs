//! What a scalar without quotes means, where every YAML reader agrees; where they do not, it is refused.
//!
//! YAML 1.1 and 1.2 readers disagree about `no`, `012`, `1_000`, `0o7`, `1e3`, `12:30` and `~`. Two tools that read
//! one policy differently are two policies, so those have to be quoted, or written in the one form all agree on.

use stopgate_decide::json::MAX_SAFE_INTEGER;

/// The meaning of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Text,
    /// Text to YAML 1.2, a date to YAML 1.1: fine where a date is wanted, to be quoted where it is not.
    Date,
    Integer(i64),
    /// Digits, a point, digits; the text keeps them.
    Decimal,
    Bool(bool),
    Null,
}

/// What to write instead of a scalar that readers disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ambiguous {
    /// What some reader takes it for.
    pub(crate) taken_for: &'static str,
    /// The unambiguous spelling of that, if there is one.
    pub(crate) spelling: Option<&'static str>,
}

/// Reads the plain scalar `text`.
///
/// # Errors
/// [`Ambiguous`] where YAML readers disagree about what the scalar means.
pub(crate) fn read(text: &str) -> Result<Plain, Ambiguous> {
    let ambiguous = |taken_for, spelling| {
        Err(Ambiguous {
            taken_for,
            spelling,
        })
    };
    match text {
        "true" => return Ok(Plain::Bool(true)),
        "false" => return Ok(Plain::Bool(false)),
        "null" => return Ok(Plain::Null),
        "" | "~" => return ambiguous("null", Some("null")),
        "=" => return ambiguous("a default value", None),
        "<<" => return ambiguous("a merge key", None),
        _ => {}
    }
    // In a flow list older readers take these for signs.
    if text.starts_with(['?', ':']) {
        return ambiguous("a sign of YAML", None);
    }
    // In whatever case: some reader takes these for a truth value or for nothing.
    match text.to_ascii_lowercase().as_str() {
        "null" => return ambiguous("null", Some("null")),
        "true" | "yes" | "on" | "y" => return ambiguous("true", Some("true")),
        "false" | "no" | "off" | "n" => return ambiguous("false", Some("false")),
        _ => {}
    }
    // Before numbers, since a date begins with digits; where no date is wanted it has to be quoted.
    if is_date(text) {
        return Ok(Plain::Date);
    }
    match canonical_number(text) {
        Some(plain) => Ok(plain),
        // First what all agree on, then what anybody could read as a number; only what is left is text.
        None if is_number_to_somebody(text) => ambiguous("a number", None),
        None => Ok(Plain::Text),
    }
}

/// Reads a number in the one form that all readers agree on: `-?(0|[1-9][0-9]*)` within ±(2^53−1), or the same with a
/// point and digits behind it, 16 digits at most in all. Returns `None` for everything else.
fn canonical_number(text: &str) -> Option<Plain> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // A leading zero is octal to YAML 1.1.
    if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    match fraction {
        // Sixteen digits and the point.
        Some(fraction) => (is_digits(fraction) && digits.len() <= 17).then_some(Plain::Decimal),
        // Zero has one spelling.
        None if text == "-0" => None,
        None => {
            let number: i64 = text.parse().ok()?;
            (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER)
                .contains(&number)
                .then_some(Plain::Integer(number))
        }
    }
}

/// Returns whether any YAML reader could take `text` for a number, be it for a radix prefix, `_`, an exponent, base 60
/// or `.inf`. In doubt the answer is yes.
fn is_number_to_somebody(text: &str) -> bool {
    let body = text
        .strip_prefix(['+', '-'])
        .unwrap_or(text)
        .to_ascii_lowercase();
    if body == ".inf" || body == ".nan" {
        return true;
    }
    // Signs of a radix, and whatever follows them: readers differ about which digits are allowed.
    if let Some(rest) = ["0x", "0o", "0b"]
        .iter()
        .find_map(|prefix| body.strip_prefix(prefix))
    {
        return rest
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    // Digits, with `_`, with `:` (base 60) or one point among them, and perhaps an exponent.
    let (mantissa, exponent) = body
        .split_once('e')
        .map_or((body.as_str(), ""), |(mantissa, rest)| (mantissa, rest));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let numeric = |part: &str, extra: &[u8]| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || extra.contains(&byte))
    };
    // An expression begins with a digit or a point; `e10` is a word.
    mantissa.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && mantissa.bytes().filter(|byte| *byte == b'.').count() <= 1
        && numeric(mantissa, b"_.:")
        && numeric(exponent, b"_")
}

/// Returns whether `text` has the form `YYYY-MM-DD`, possibly with a time behind it, which is a timestamp to YAML 1.1.
/// Month and day may have one digit.
fn is_date(text: &str) -> bool {
    // YAML 1.1 takes `T`, `t` and a space before the time.
    let (date, rest) = text
        .split_once(['T', 't', ' '])
        .map_or((text, None), |(date, rest)| (date, Some(rest)));
    let parts: Vec<&str> = date.split('-').collect();
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let shape: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    matches!(shape.as_slice(), [4, 1 | 2, 1 | 2])
        && parts.iter().all(|part| is_digits(part))
        && rest.is_none_or(|rest| {
            rest.starts_with(|first: char| first.is_ascii_digit() || first == ' ')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_reader_agrees_on_is_accepted() {
        for (text, plain) in [
            ("erp", Plain::Text),
            ("A-1001", Plain::Text),
            ("2.1.0", Plain::Text),
            ("09:00-18:00", Plain::Text),
            ("e10", Plain::Text),
            ("nothing", Plain::Text),
            ("0", Plain::Integer(0)),
            ("-17", Plain::Integer(-17)),
            ("9007199254740991", Plain::Integer(MAX_SAFE_INTEGER)),
            ("1.50", Plain::Decimal),
            ("2026-12-25", Plain::Date),
            ("2026-11-24T10:00:00Z", Plain::Date),
            ("true", Plain::Bool(true)),
            ("null", Plain::Null),
        ] {
            assert_eq!(read(text), Ok(plain), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for text in [
            "no",
            "NO",
            "yes",
            "On",
            "off",
            "y",
            "N",
            "True",
            "FALSE",
            "~",
            "",
            "Null",
            "NULL",
            "=",
            "<<",
            "012",
            "0o7",
            "0x1F",
            "0b1",
            "1_000",
            "+1",
            "-0",
            "1e3",
            "1.5e3",
            "1.",
            ".5",
            ".inf",
            "-.INF",
            ".NaN",
            "12:30",
            "190:20:30.15",
            "9007199254740992",
            "?x",
            ":x",
            "99999999999999999999",
            "1.000000000000000000001",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
