//! One TransactWriteItems: what it is made of, and what its cancellation says.

use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::attempts::{Failed, is_throttled};
use super::expression::Expression;
use super::form::{encode, encode_key};
use crate::{Change, Item, TableName, Write};

/// Makes a token that no other call has.
pub(super) fn token() -> Result<String, Failed> {
    let mut random = [0; 16];
    let filled = aws_lc_rs::rand::fill(&mut random);
    filled.map_err(|_| Failed::refused("the system gives no random bytes", false))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// Returns about how many bytes a write sends.
pub(super) fn sent(write: &Write) -> usize {
    match &write.change {
        Change::Put(item) => item.size(&write.key),
        Change::Delete | Change::Check => Item::default().size(&write.key),
    }
}

/// Makes the part of a transaction that `write` is; `None` if a part of it is missing, which no write's is.
pub(super) fn transact_item(table: &TableName, write: &Write) -> Option<TransactWriteItem> {
    let Write {
        key,
        condition,
        change,
    } = write;
    let table = table.as_str();
    let (text, names, values) = match Expression::new(condition) {
        Some(Expression {
            text,
            names,
            values,
        }) => (Some(text), Some(names), values),
        None => (None, None, None),
    };
    let item = TransactWriteItem::builder();
    let item = match change {
        Change::Put(new) => item.put(
            Put::builder()
                .table_name(table)
                .set_item(Some(encode(key, new)))
                .set_condition_expression(text)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .ok()?,
        ),
        Change::Delete => item.delete(
            Delete::builder()
                .table_name(table)
                .set_key(Some(encode_key(key)))
                .set_condition_expression(text)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .ok()?,
        ),
        Change::Check => item.condition_check(
            ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(encode_key(key)))
                .set_condition_expression(text)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .ok()?,
        ),
    };
    Some(item.build())
}

/// Says why a transaction was cancelled, with nothing changed: the place of the first write whose condition is not true,
/// or something that may pass, as a transaction of somebody else's at the same time does.
pub(super) fn judge(why: &TransactionCanceledException) -> Result<usize, Failed> {
    let reasons = why.cancellation_reasons();
    let codes = || reasons.iter().filter_map(|reason| reason.code());
    let untrue = reasons
        .iter()
        .position(|reason| reason.code() == Some("ConditionalCheckFailed"));
    if let Some(at) = untrue {
        return Ok(at);
    }
    let mut others = codes().filter(|code| *code != "None").peekable();
    let may_pass = others.peek().is_some()
        && others.all(|code| code == "TransactionConflict" || is_throttled(code));
    let messages = reasons.iter().filter_map(|reason| reason.message());
    let text = codes().chain(messages).collect::<Vec<_>>().join(", ");
    Err(Failed::refused(
        &format!("the transaction was cancelled: {text}"),
        may_pass,
    ))
}
