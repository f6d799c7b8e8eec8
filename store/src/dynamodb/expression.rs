//! Conditions as DynamoDB reads them. Every condition expression of the house is made here.
//!
//! Two absent attributes are equal to DynamoDB in some engines, and `<` is never asked of what is not there: so each
//! condition but [`Condition::Absent`] says that the item exists, and each attribute that is compared has to exist as well.
//! Attributes are only compared with values of ours, never with each other, and all names are placeholders, because some
//! hundred words are reserved.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::form;
use crate::Condition;

/// A condition expression with what its placeholders stand for.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) names: HashMap<String, String>,
    /// What is compared with; `None` if nothing is, since DynamoDB refuses an empty map.
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Expression {
    /// Makes the expression that is true when all of `conditions` are; `None` if there are none.
    pub(super) fn new(conditions: &[Condition]) -> Option<Self> {
        if conditions.is_empty() {
            return None;
        }
        let mut names = HashMap::from([("#pk".to_owned(), form::PARTITION.to_owned())]);
        let mut values = HashMap::new();
        let mut compare = |at: usize, order: &str, name: &str, value| {
            let (name_at, value_at) = (format!("#a{at}"), format!(":a{at}"));
            let text = format!(
                "attribute_exists(#pk) AND attribute_exists({name_at}) AND {name_at} {order} {value_at}"
            );
            names.insert(name_at, name.to_owned());
            values.insert(value_at, form::encode_value(value));
            text
        };
        let all = conditions.iter().enumerate();
        let all = all.map(|(at, condition)| match condition {
            Condition::Absent => "attribute_not_exists(#pk)".to_owned(),
            Condition::Present => "attribute_exists(#pk)".to_owned(),
            Condition::Equals(name, value) => compare(at, "=", name, value),
            Condition::Less(name, value) => compare(at, "<", name, value),
        });
        let text = all.collect::<Vec<_>>().join(" AND ");
        Some(Self {
            text,
            names,
            values: Some(values).filter(|values| !values.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn every_condition_but_absence_demands_the_item_and_what_it_compares() {
        let name = || "status".to_owned();
        for (condition, text) in [
            (Condition::Absent, "attribute_not_exists(#pk)"),
            (Condition::Present, "attribute_exists(#pk)"),
            (
                Condition::Equals(name(), Value::Number(5)),
                "attribute_exists(#pk) AND attribute_exists(#a0) AND #a0 = :a0",
            ),
            (
                Condition::Less(name(), Value::Text("b".to_owned())),
                "attribute_exists(#pk) AND attribute_exists(#a0) AND #a0 < :a0",
            ),
        ] {
            let made = Expression::new(&[condition]).unwrap();
            assert_eq!(made.text, text);
            assert_eq!(made.names["#pk"], "pk");
            assert_eq!(made.names.contains_key("#a0"), text.contains("#a0"));
            assert_eq!(made.values.is_some(), text.contains(":a0"));
        }
        assert!(Expression::new(&[]).is_none());
        let both = [
            Condition::Present,
            Condition::Less(name(), Value::Number(5)),
            Condition::Equals(name(), Value::Number(4)),
        ];
        let made = Expression::new(&both).unwrap();
        assert_eq!(
            made.text.matches(" AND ").count(),
            6,
            "all of them: {}",
            made.text
        );
        assert_eq!(
            made.values.unwrap()[":a2"],
            AttributeValue::N("4".to_owned())
        );
    }
}
