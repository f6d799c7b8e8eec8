//! Items as a table holds them: Text is S, Number is N, Bytes is B, Texts is an L of S. NULL is never written, and any
//! other type that is found, or a number that is none of ours, says that somebody else wrote the item.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::{Item, Key, StoreError, Value};

/// What the two parts of a key are called in a table.
pub(super) const PARTITION: &str = "pk";
pub(super) const SORT: &str = "sk";

/// The attributes of a stored item, key included.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Returns a text as DynamoDB has it.
pub(super) fn encode_text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Returns a value as DynamoDB has it.
pub(super) fn encode_value(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => encode_text(text),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
        Value::Texts(texts) => {
            AttributeValue::L(texts.iter().map(|text| encode_text(text)).collect())
        }
    }
}

/// Returns a key as DynamoDB has it.
pub(super) fn encode_key(key: &Key) -> Attributes {
    let part = |name: &str, part: &str| (name.to_owned(), encode_text(part));
    HashMap::from([part(PARTITION, key.partition()), part(SORT, key.sort())])
}

/// Returns an item as DynamoDB has it, with its key.
pub(super) fn encode(key: &Key, item: &Item) -> Attributes {
    let mut attributes = encode_key(key);
    let all = item.attributes();
    attributes.extend(all.map(|(name, value)| (name.to_owned(), encode_value(value))));
    attributes
}

/// Reads a stored item that was asked for by its `key`.
pub(super) fn decode(key: &Key, mut stored: Attributes) -> Result<Item, StoreError> {
    let spoilt = |why: String| StoreError::Spoilt {
        place: key.to_string(),
        why,
    };
    let is_here = [(PARTITION, key.partition()), (SORT, key.sort())]
        .into_iter()
        .all(|(name, part)| {
            stored
                .remove(name)
                .is_some_and(|it| it.as_s().is_ok_and(|it| it == part))
        });
    if !is_here {
        return Err(spoilt("another item was given in its place".to_owned()));
    }
    let mut attributes = Vec::new();
    for (name, value) in stored {
        let Some(value) = decode_value(value) else {
            let name = name.escape_default();
            return Err(spoilt(format!("`{name}` has a type that no store writes")));
        };
        attributes.push((name, value));
    }
    Item::new(attributes).map_err(|why| spoilt(why.to_string()))
}

/// Reads a stored value; `None` if it is none that [`encode_value`] writes.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the types are the SDK's, which may get more of them, and none of the others is ours"
)]
fn decode_value(value: AttributeValue) -> Option<Value> {
    match value {
        AttributeValue::S(text) => Some(Value::Text(text)),
        AttributeValue::N(digits) => {
            let number: u64 = digits.parse().ok()?;
            // As it is written: `parse` would take "+5" too.
            (number.to_string() == digits).then_some(Value::Number(number))
        }
        AttributeValue::B(bytes) => Some(Value::Bytes(bytes.into_inner())),
        AttributeValue::L(texts) => {
            let texts = texts.iter().map(|text| text.as_s().ok().cloned());
            texts.collect::<Option<_>>().map(Value::Texts)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_store_writes_is_spoilt_and_never_left_out() {
        let key = Key::new("P", "s").unwrap();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |digits: &str| AttributeValue::N(digits.to_owned());
        for value in [
            AttributeValue::Null(true),
            AttributeValue::Bool(true),
            AttributeValue::M(HashMap::new()),
            AttributeValue::Ss(vec!["a".to_owned()]),
            AttributeValue::Ns(vec!["1".to_owned()]),
            AttributeValue::Bs(vec![Blob::new("a")]),
            AttributeValue::L(vec![text("a"), number("1")]),
            AttributeValue::L(vec![AttributeValue::L(vec![])]),
            number("1.0"),
            number("+5"),
            number("-1"),
            number("05"),
            number("1E3"),
            number(""),
            number("9007199254740992"),
            number("18446744073709551616"),
        ] {
            let mut stored = encode_key(&key);
            stored.insert("a".to_owned(), value.clone());
            let found = decode(&key, stored);
            assert!(
                matches!(&found, Err(StoreError::Spoilt { place, .. }) if place == "P/s"),
                "{value:?}: {found:?}"
            );
        }
        for (name, value) in [("pk", text("Q")), ("sk", number("1")), ("Upper", text("a"))] {
            let mut stored = encode_key(&key);
            stored.insert(name.to_owned(), value);
            let found = decode(&key, stored);
            assert!(matches!(found, Err(StoreError::Spoilt { .. })), "{name}");
        }
        assert!(matches!(
            decode(&key, HashMap::new()),
            Err(StoreError::Spoilt { .. })
        ));
    }

    #[test]
    fn an_item_comes_back_as_it_was_written() {
        let key = Key::new("P", "s").unwrap();
        let item = Item::new([
            ("a", Value::Text(String::new())),
            ("b", Value::Number(crate::LARGEST_NUMBER)),
            ("c", Value::Bytes(vec![0, 255])),
            ("d", Value::Texts(vec!["b".to_owned(), String::new()])),
        ])
        .unwrap();
        assert_eq!(decode(&key, encode(&key, &item)).unwrap(), item);
    }
}
