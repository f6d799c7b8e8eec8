//! Summaries: the sentence that tells a person what a call does, made from its arguments and from nothing else.
//!
//! `Refund {amount_cents} {currency} for order {order_id}`: names in braces are top-level arguments. Amounts that the
//! catalog calls money are printed in major units. Text of the arguments is cut and its invisible characters are
//! written out, so that an argument cannot pose as another part of the sentence or hide one.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::json::Json;
use crate::visible::{is_hidden, visible};

/// Most characters of one argument that are shown.
const SHOWN: usize = 200;

/// A template, and which of its arguments are money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    parts: Vec<TemplatePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Argument(String),
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSummary {
    /// A brace without its other half.
    #[error("a brace has no other half")]
    Unbalanced,
    /// `{}`
    #[error("the braces name no argument")]
    Empty,
    /// A line break or another character that cannot be seen.
    #[error("a summary is one line of visible text, 300 characters at most")]
    Form,
}

impl FromStr for Summary {
    type Err = InvalidSummary;

    fn from_str(text: &str) -> Result<Self, InvalidSummary> {
        if text.chars().count() > 300 || text.chars().any(|c| c.is_control() || is_hidden(c)) {
            return Err(InvalidSummary::Form);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(InvalidSummary::Unbalanced)?;
            if before.contains('}') || name.contains('{') {
                return Err(InvalidSummary::Unbalanced);
            }
            if name.is_empty() {
                return Err(InvalidSummary::Empty);
            }
            parts.push(TemplatePart::Text(before.to_owned()));
            parts.push(TemplatePart::Argument(name.to_owned()));
            rest = behind;
        }
        if rest.contains('}') {
            return Err(InvalidSummary::Unbalanced);
        }
        parts.push(TemplatePart::Text(rest.to_owned()));
        // Arguments side by side leave an empty text between them.
        parts.retain(|part| !matches!(part, TemplatePart::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => f.write_str(text)?,
                TemplatePart::Argument(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl Summary {
    /// Returns the names of the arguments that the summary shows, in order.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Text(_) => None,
            TemplatePart::Argument(name) => Some(name.as_str()),
        })
    }

    /// Returns the sentence for `input`. For each argument that is an amount in minor units, `money` has the name of
    /// the argument with its currency.
    #[must_use]
    pub fn render(&self, input: &Json, money: &BTreeMap<String, String>) -> String {
        let mut sentence = String::new();
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => sentence.push_str(text),
                TemplatePart::Argument(name) => {
                    let currency = money.get(name).and_then(|name| input.get(name)?.as_str());
                    show(&mut sentence, input.get(name), currency);
                }
            }
        }
        sentence
    }
}

fn show(sentence: &mut String, value: Option<&Json>, currency: Option<&str>) {
    let shown = match value {
        None | Some(Json::Null) => "(none)".to_owned(),
        Some(Json::Integer(units)) => match currency {
            Some(currency) => in_major_units(*units, currency),
            None => units.to_string(),
        },
        Some(Json::String(text)) => text.clone(),
        Some(other @ (Json::Bool(_) | Json::Decimal(_) | Json::Array(_) | Json::Object(_))) => {
            other.canonical()
        }
    };
    sentence.push_str(&visible(&shown, SHOWN));
}

/// Writes an amount in minor units as people write it, without the currency: 50001 of `EUR` is `500.01`.
#[must_use]
pub fn in_major_units(units: i64, currency: &str) -> String {
    amount(units, decimal_places(currency))
}

fn amount(units: i64, places: usize) -> String {
    let sign = if units < 0 { "-" } else { "" };
    // One digit more than there are decimal places, so that one stands before the point: `005` is `0.05`.
    let digits = format!(
        "{:0>width$}",
        units.unsigned_abs(),
        width = places.saturating_add(1)
    );
    let (whole, fraction) = digits
        .split_at_checked(digits.len().saturating_sub(places))
        .unwrap_or((&digits, ""));
    match places {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// Returns the number of decimal places of a currency (ISO 4217); two for what the table does not name.
fn decimal_places(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::INPUT_LIMITS;

    fn sentence(template: &str, input: &str, money: &[(&str, &str)]) -> String {
        let input = Json::parse(input.as_bytes(), INPUT_LIMITS).unwrap();
        let money = money
            .iter()
            .map(|(amount, currency)| ((*amount).to_owned(), (*currency).to_owned()));
        template
            .parse::<Summary>()
            .unwrap()
            .render(&input, &money.collect())
    }

    #[test]
    fn money_is_shown_in_major_units() {
        let of = |input: &str| sentence("{a} {c}", input, &[("a", "c")]);
        assert_eq!(of(r#"{"a": 50001, "c": "EUR"}"#), "500.01 EUR");
        assert_eq!(of(r#"{"a": 5, "c": "EUR"}"#), "0.05 EUR");
        assert_eq!(of(r#"{"a": -5, "c": "EUR"}"#), "-0.05 EUR");
        assert_eq!(of(r#"{"a": 500, "c": "JPY"}"#), "500 JPY");
        assert_eq!(of(r#"{"a": 500, "c": "KWD"}"#), "0.500 KWD");
    }

    #[test]
    fn an_argument_cannot_hide_what_follows() {
        let input = "{\"id\": \"A-1\\n\\u202E for free\"}";
        let shown = sentence("Cancel {id}", input, &[]);
        assert_eq!(shown, "Cancel A-1\\u{a}\\u{202e} for free");
        let long = format!("{{\"id\": \"{}\"}}", "x".repeat(500));
        assert_eq!(sentence("{id}", &long, &[]).chars().count(), SHOWN + 1);
    }

    #[test]
    fn braces_come_in_pairs() {
        for wrong in ["{", "}", "{a", "a}", "{a{b}}", "{}", "two\nlines"] {
            assert!(wrong.parse::<Summary>().is_err(), "{wrong}");
        }
        let fine: Summary = "Note on {order_id}, {text}".parse().unwrap();
        assert_eq!(fine.arguments().collect::<Vec<_>>(), ["order_id", "text"]);
        assert_eq!(fine.to_string(), "Note on {order_id}, {text}");
    }
}
