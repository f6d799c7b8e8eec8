//! The text of an item and of a journal: one line for each key and each attribute, and a digest of all of it at the end.
//!
//! One content has exactly one text. Reading is lenient and then writes again what was read: if that is not the text
//! that was read, byte for byte and digest included, nothing of it counts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stopgate_decide::digest::Digest;

use crate::{Item, Key, Value};

/// What a key holds, or `None` if its item was removed.
pub(super) type Record = (Key, Option<Item>);

/// A record as it is read: the attributes of an item, line by line.
type Draft<'a> = (Key, Option<Vec<(&'a str, Value)>>);

/// Longest name of a file or folder that is spelled out; with a suffix it fits the 255 bytes of file systems.
const LONGEST_NAME: usize = 200;

/// What a longer name begins with, before the digest of what it names. No name that is spelled out has this character.
pub(super) const BY_DIGEST: char = '~';

/// Returns the name of a file or folder for `part` of a key. Different parts have different names.
pub(super) fn name(part: &str) -> String {
    let name = escape(part, in_names);
    if name.len() > LONGEST_NAME {
        return format!("{BY_DIGEST}{}", Digest::compute(part.as_bytes()).hex());
    }
    name
}

/// Reads a name that is spelled out; `None` if nothing is named so.
pub(super) fn read_name(text: &str) -> Option<String> {
    unescape(text).filter(|part| name(part) == text)
}

/// Writes `records` as a text of this `kind`.
pub(super) fn encode(kind: &str, records: &[Record]) -> String {
    let mut text = format!("stopgate-{kind} 1\n");
    let mut line = |words: [&str; 3]| {
        text.push_str(&words.join(" "));
        text.push('\n');
    };
    for (key, item) in records {
        let word = if item.is_some() { "item" } else { "gone" };
        line([
            word,
            &escape(key.partition(), in_names),
            &escape(key.sort(), in_names),
        ]);
        for (name, value) in item.iter().flat_map(Item::attributes) {
            match value {
                Value::Text(value) => line(["text", name, &escape(value, in_values)]),
                Value::Number(value) => line(["number", name, &value.to_string()]),
                Value::Bytes(value) => line(["bytes", name, &STANDARD.encode(value)]),
                // Each text ends with a comma, so that no text and one empty text are told apart.
                Value::Texts(values) => {
                    let values = values.iter().map(|value| escape(value, in_values) + ",");
                    line(["texts", name, &values.collect::<String>()]);
                }
            }
        }
    }
    let digest = Digest::compute(text.as_bytes());
    text.push_str(&format!("digest {digest}\n"));
    text
}

/// Reads what [`encode`] writes; `None` for everything else.
pub(super) fn decode(kind: &str, bytes: &[u8]) -> Option<Vec<Record>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut records: Vec<Draft<'_>> = Vec::new();
    for line in text.split('\n').skip(1) {
        let (word, rest) = line.split_once(' ')?;
        if word == "digest" {
            break;
        }
        let (name, value) = rest.split_once(' ')?;
        if ["item", "gone"].contains(&word) {
            let key = Key::new(unescape(name)?, unescape(value)?).ok()?;
            records.push((key, (word == "item").then(Vec::new)));
            continue;
        }
        let value = match word {
            "text" => Value::Text(unescape(value)?),
            "number" => Value::Number(value.parse().ok()?),
            "bytes" => Value::Bytes(STANDARD.decode(value).ok()?),
            "texts" => Value::Texts(
                value
                    .split_terminator(',')
                    .map(unescape)
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        };
        records.last_mut()?.1.as_mut()?.push((name, value));
    }
    let records = records.into_iter().map(|(key, attributes)| {
        let item = attributes.map(Item::new).transpose();
        item.ok().map(|item| (key, item))
    });
    let records: Vec<Record> = records.collect::<Option<_>>()?;
    (encode(kind, &records).as_bytes() == bytes).then_some(records)
}

/// Returns whether a byte stands for itself in names of files.
fn in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Returns whether a byte stands for itself in values.
fn in_values(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'%' && byte != b','
}

/// Writes every byte of `text` that is not `plain` as a percent sign and two hexadecimal digits.
fn escape(text: &str, plain: fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Reads what [`escape`] writes, and more: the caller looks whether it would be written so.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
