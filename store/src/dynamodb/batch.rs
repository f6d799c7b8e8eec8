//! Items stored without conditions: in batches, several at once, each given again until all of it was taken.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::attempts::{Deadlines, Failed, attempts, pause};
use super::form::encode;
use crate::{Item, Key, TableName};

/// Most items of one BatchWriteItem, and most bytes that we give it: 16 MB are allowed, which a slow line would send for
/// longer than an attempt may take.
const BATCH_ITEMS: usize = 25;
const BATCH_BYTES: usize = 1 << 20;

/// Most batches at once.
const BATCHES: usize = 8;

/// What one BatchWriteItem stores.
pub(super) struct Batch {
    table: Arc<str>,
    requests: Vec<WriteRequest>,
    deadlines: Deadlines,
}

/// Makes the batches that store `items`; `None` if a part of one is missing, which no item's is.
pub(super) fn batches(table: &TableName, items: &[(Key, Item)]) -> Option<Vec<Batch>> {
    let table: Arc<str> = Arc::from(table.as_str());
    let put = |(key, item): &(Key, Item)| {
        let put = PutRequest::builder().set_item(Some(encode(key, item)));
        let put = put.build().ok()?;
        Some(WriteRequest::builder().put_request(put).build())
    };
    let batch = |items: &[(Key, Item)]| {
        let bytes = items.iter().map(|(key, item)| item.size(key));
        Some(Batch {
            table: Arc::clone(&table),
            requests: items.iter().map(put).collect::<Option<_>>()?,
            deadlines: Deadlines::new(bytes.fold(0, usize::saturating_add)),
        })
    };
    split(items).map(batch).collect()
}

/// Stores all of `batches`; the first that fails ends those that still run.
pub(super) async fn put_batches(client: Client, batches: Vec<Batch>) -> Result<(), Failed> {
    let mut left = batches.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < BATCHES
            && let Some(batch) = left.next()
        {
            running.spawn(put_batch(client.clone(), batch));
        }
        match running.join_next().await {
            Some(Ok(done)) => done?,
            Some(Err(_)) => return Err(Failed::unknown("a batch broke down")),
            None => return Ok(()),
        }
    }
}

/// Splits items into what one batch takes.
fn split(items: &[(Key, Item)]) -> impl Iterator<Item = &[(Key, Item)]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes: usize = 0;
        let fits = |(key, item): &(Key, Item)| {
            bytes = bytes.saturating_add(item.size(key));
            bytes <= BATCH_BYTES
        };
        // One item alone is never longer.
        let count = rest
            .iter()
            .take(BATCH_ITEMS)
            .map(fits)
            .take_while(|fits| *fits)
            .count();
        let (batch, others) = rest.split_at_checked(count.max(1))?;
        rest = others;
        Some(batch)
    })
}

/// Stores one batch, whatever part of it is taken at a time, until its time is up.
async fn put_batch(client: Client, batch: Batch) -> Result<(), Failed> {
    let Batch {
        table,
        mut requests,
        deadlines,
    } = batch;
    let all = async {
        let mut round: u32 = 0;
        loop {
            let ended = attempts(deadlines, || {
                let request = client
                    .batch_write_item()
                    .request_items(&*table, requests.clone());
                async {
                    let answer = request.send().await;
                    let answer = answer.map_err(|error| Failed::from_sdk(&error))?;
                    // An answer always has them, if only none.
                    answer.unprocessed_items.ok_or_else(Failed::garbled)
                }
            });
            let mut unprocessed = ended.await.result?;
            let left = unprocessed.remove(&*table).unwrap_or_default();
            if !unprocessed.is_empty() || left.len() > requests.len() {
                return Err(Failed::unknown("items of others were left over"));
            }
            if left.is_empty() {
                return Ok(());
            }
            requests = left;
            round = round.saturating_add(1);
            pause(round).await;
        }
    };
    let late = || Failed::refused("DynamoDB did not take all items in time", true);
    timeout(deadlines.operation, all)
        .await
        .unwrap_or_else(|_| Err(late()))
}
