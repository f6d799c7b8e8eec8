//! The strict JSON subset of everything that is decided on, digested or signed.
//!
//! Whatever two readers could understand differently is refused: duplicate members (also when spelled with
//! escapes), integers beyond ±(2^53−1), `-0`, numbers that overflow a double, unpaired surrogates, a byte-order
//! mark, invalid UTF-8, and anything nested or branching beyond the [`Limits`].
//!
//! The canonical form sorts members by their UTF-8 bytes, has no space, escapes only what must be escaped, and
//! keeps the text of a number with a fraction or an exponent. So it is injective: equal canonical bytes mean equal
//! values, and `1` and `1.0` stay apart.

use std::fmt;

use crate::digest::Digest;

/// Largest integer that every JSON reader keeps exactly: 2^53−1.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// What the parser accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes.
    pub bytes: usize,
    /// Arrays and objects inside each other.
    pub depth: usize,
    /// Members and elements in the whole document.
    pub members: usize,
}

/// A value that passed the strict parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent, within ±(2^53−1).
    Integer(i64),
    /// A number with a fraction or an exponent, as it was written.
    Decimal(Box<str>),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: members in the order they were written, names unique.
    Object(Vec<(String, Json)>),
}

/// Why a text is not strict JSON, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {offset}")]
pub struct InvalidJson {
    /// What is wrong.
    pub problem: Problem,
    /// Offset of the first byte that is wrong.
    pub offset: usize,
}

/// What can be wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// Longer than [`Limits::bytes`].
    #[error("the text is too long")]
    TooLong,
    /// Deeper than [`Limits::depth`].
    #[error("arrays and objects are nested too deeply")]
    TooDeep,
    /// More than [`Limits::members`].
    #[error("there are too many members and elements")]
    TooMany,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text ends inside a value.
    #[error("the text ends too early")]
    Ended,
    /// Something follows the value.
    #[error("something follows the value")]
    Trailing,
    /// Not what the grammar allows here.
    #[error("this is not JSON")]
    Syntax,
    /// A control character or an unknown escape in a string.
    #[error("this string holds a bare control character or an unknown escape")]
    Escape,
    /// Half of a surrogate pair.
    #[error("this escape is half of a surrogate pair")]
    Surrogate,
    /// The same member twice in one object.
    #[error("this member stands twice in one object")]
    Duplicate,
    /// An integer that not every reader keeps exactly.
    #[error("this integer is beyond ±(2^53−1)")]
    UnsafeInteger,
    /// `-0`, which some readers keep and others do not.
    #[error("this is minus zero")]
    MinusZero,
    /// A number that overflows a double.
    #[error("this number is too large for a double")]
    Overflow,
}

impl Json {
    /// Parses `text`, which has to be one value of the strict subset within `limits`.
    ///
    /// # Errors
    /// [`InvalidJson`] names the problem and its place, never a value of the text.
    pub fn parse(text: &[u8], limits: Limits) -> Result<Self, InvalidJson> {
        if text.len() > limits.bytes {
            return Err(InvalidJson {
                problem: Problem::TooLong,
                offset: limits.bytes,
            });
        }
        let text = std::str::from_utf8(text).map_err(|error| InvalidJson {
            problem: Problem::NotUtf8,
            offset: error.valid_up_to(),
        })?;
        let mut parser = Parser {
            text,
            at: 0,
            members: limits.members,
        };
        // What is left of the nesting is handed down, so a text cannot recurse further than it may.
        let value = parser.value(limits.depth)?;
        parser.space();
        if parser.at == text.len() {
            Ok(value)
        } else {
            Err(parser.error(Problem::Trailing))
        }
    }

    /// Writes the canonical form. Two values have the same bytes exactly if they are equal.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Returns the SHA-256 of the canonical form of `[domain, self]`. A digest made for one purpose therefore means
    /// nothing for another.
    #[must_use]
    pub fn digest(&self, domain: &'static str) -> Digest {
        // `[domain, value]` and not a concatenation: a value cannot look like a domain and a value.
        let mut out = String::from("[");
        write_string(&mut out, domain);
        out.push(',');
        self.write(&mut out);
        out.push(']');
        Digest::compute(out.as_bytes())
    }

    /// Returns the member `name`, if this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// Returns the members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// Returns the elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self {
            Some(elements)
        } else {
            None
        }
    }

    /// Returns the text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// Returns the number, if this is an integer.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// Returns the truth value, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self {
            Some(*truth)
        } else {
            None
        }
    }

    /// Appends the canonical form to `out`.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Decimal(text) => out.push_str(text),
            Self::String(text) => write_string(out, text),
            Self::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    element.write(out);
                }
                out.push_str(if elements.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                // By the bytes of the name, which is the order of its UTF-8 and not that of any language.
                sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                for (at, (name, value)) in sorted.into_iter().enumerate() {
                    out.push(if at == 0 { '{' } else { ',' });
                    write_string(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

/// Prints the canonical form.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

/// Appends the canonical form of a string to `out`.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // Most text has nothing to escape: it goes over in one piece, and what has to be escaped is one byte long.
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        let mut escaped = escaped.chars();
        match escaped.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            // Only control characters are left, and all of them are below U+0020.
            Some(c) => {
                out.push_str("\\u00");
                out.push(if c < '\u{10}' { '0' } else { '1' });
                out.push(char::from_digit(u32::from(c) & 15, 16).unwrap_or('0'));
            }
            None => {}
        }
        rest = escaped.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Members up to which looking through their names is cheaper than a set of them.
const FEW: usize = 16;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    members: usize,
}

impl<'a> Parser<'a> {
    const fn error(&self, problem: Problem) -> InvalidJson {
        InvalidJson {
            problem,
            offset: self.at,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.skip(1);
        }
    }

    /// Goes past `byte` if it comes next, and returns whether it did.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn unexpected(&self) -> InvalidJson {
        self.error(if self.peek().is_none() {
            Problem::Ended
        } else {
            Problem::Syntax
        })
    }

    fn value(&mut self, depth: usize) -> Result<Json, InvalidJson> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err(self.error(Problem::Ended)),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, InvalidJson> {
        // Counted down, so the bound is the same for every document and no counter can overflow.
        depth.checked_sub(1).ok_or(self.error(Problem::TooDeep))
    }

    fn word(&mut self) -> Result<Json, InvalidJson> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ];
        for (word, value) in words {
            if self
                .text
                .get(self.at..)
                .is_some_and(|rest| rest.starts_with(word))
            {
                self.skip(word.len());
                return Ok(value);
            }
        }
        Err(self.error(Problem::Syntax))
    }

    fn count(&mut self) -> Result<(), InvalidJson> {
        self.members = self
            .members
            .checked_sub(1)
            .ok_or(self.error(Problem::TooMany))?;
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<Json, InvalidJson> {
        self.skip(1);
        let mut elements = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            self.count()?;
            elements.push(self.value(depth)?);
            self.space();
            if self.take(b']') {
                return Ok(Json::Array(elements));
            }
            if !self.take(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, InvalidJson> {
        self.skip(1);
        let mut members: Vec<(String, Json)> = Vec::new();
        // An object of many members must not cost their square, and most have few.
        let mut seen = std::collections::HashSet::new();
        self.space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            // Members are counted in the whole document, not in one object.
            self.count()?;
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let name = self.string()?;
            let known = if members.len() < FEW {
                members.iter().any(|(known, _)| *known == name)
            } else {
                if seen.is_empty() {
                    // The names so far, once: from here on the set is what duplicates are found in.
                    seen.extend(members.iter().map(|(known, _)| known.clone()));
                }
                !seen.insert(name.clone())
            };
            if known {
                return Err(InvalidJson {
                    problem: Problem::Duplicate,
                    offset: start,
                });
            }
            self.space();
            if !self.take(b':') {
                return Err(self.unexpected());
            }
            members.push((name, self.value(depth)?));
            self.space();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn string(&mut self) -> Result<String, InvalidJson> {
        self.skip(1);
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            // Everything up to the next character that means something goes over in one piece.
            let plain = rest
                .bytes()
                .position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
                .unwrap_or(rest.len());
            out.push_str(rest.get(..plain).unwrap_or_default());
            self.skip(plain);
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.error(Problem::Escape)),
                None => return Err(self.error(Problem::Ended)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, InvalidJson> {
        let start = self.at;
        self.skip(1);
        let Some(kind) = self.peek() else {
            return Err(self.error(Problem::Ended));
        };
        self.skip(1);
        let plain = match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(start),
            _ => {
                return Err(InvalidJson {
                    problem: Problem::Escape,
                    offset: start,
                });
            }
        };
        Ok(plain)
    }

    fn unicode(&mut self, start: usize) -> Result<char, InvalidJson> {
        let surrogate = InvalidJson {
            problem: Problem::Surrogate,
            offset: start,
        };
        let high = self.hex4()?;
        // Not a surrogate: it is the character already.
        if let Some(c) = char::from_u32(high) {
            return Ok(c);
        }
        if !(self.take(b'\\') && self.take(b'u')) {
            return Err(surrogate);
        }
        let low = self.hex4()?;
        let pair = [
            u16::try_from(high).unwrap_or(0),
            u16::try_from(low).unwrap_or(0),
        ];
        match char::decode_utf16(pair).next() {
            Some(Ok(c)) if c > '\u{ffff}' => Ok(c),
            _ => Err(surrogate),
        }
    }

    fn hex4(&mut self) -> Result<u32, InvalidJson> {
        let digits = self
            .text
            .get(self.at..self.at.saturating_add(4))
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or(self.error(Problem::Escape))?;
        self.skip(4);
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), InvalidJson> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.skip(1);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Json, InvalidJson> {
        let start = self.at;
        self.take(b'-');
        // A number that begins with 0 has no other digit before its point.
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            integer = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text: &'a str = self.text.get(start..self.at).unwrap_or_default();
        let refuse = |problem| {
            Err(InvalidJson {
                problem,
                offset: start,
            })
        };
        // `-0.0` is a number with a fraction and is kept as it was written.
        if text == "-0" {
            return refuse(Problem::MinusZero);
        }
        // Parsed as a whole number and not as a double, so that no digit is lost on the way.
        if integer {
            return match text.parse() {
                Ok(number) if (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&number) => {
                    Ok(Json::Integer(number))
                }
                _ => refuse(Problem::UnsafeInteger),
            };
        }
        // The text is kept: two spellings of one number are two values, in digests too.
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Json::Decimal(text.into())),
            _ => refuse(Problem::Overflow),
        }
    }
}

#[cfg(test)]
mod tests;
