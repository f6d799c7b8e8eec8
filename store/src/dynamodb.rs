//! A store in a table of DynamoDB: partition key `pk`, sort key `sk`, both S, and the attributes of an item beside them.
//!
//! Every read is consistent, and every change of [`Items::transact`] is one TransactWriteItems, a single write too: its
//! token makes a repeated attempt harmless, where a conditional PutItem would take its own first attempt for somebody
//! else's. The token is new for each call and kept for the attempts of that call. It is not made of the contents: a
//! caller who writes the same twice within ten minutes, and undoes it between, would be told that the second was done.
//!
//! An answer counts only if it says what it consumed, as we ask DynamoDB to: an empty body with status 200 would else say
//! "there is no such item" and "all is written". The SDK repeats nothing by itself, because it does not know what a lost
//! answer means for a condition; so no call uses up what another one may repeat, either.
//!
//! Region, endpoint and credentials are what the SDK reads from the environment. Reading takes the rights GetItem and
//! Query, writing takes PutItem, DeleteItem, ConditionCheckItem and BatchWriteItem.

mod attempts;
mod batch;
mod expression;
mod form;
mod transaction;
mod worker;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use aws_smithy_http_client::tls;
use tokio::time::timeout;

use self::attempts::{CONNECT, Deadlines, Ended, Failed, attempts};
use self::batch::{batches, put_batches};
use self::form::{Attributes, decode, encode_key};
use self::transaction::{judge, sent, token, transact_item};
use crate::{
    EachItem, Item, Items, Key, Most, StoreError, TableName, Write, check_items, check_transaction,
};

/// How the SDK behaves where it has changed its mind over the years.
const BEHAVIOR: fn() -> BehaviorVersion = BehaviorVersion::v2026_01_12;

/// How long the environment may take to say where the table is; on an instance, it is asked over a network.
const OPEN: Duration = Duration::from_secs(5);

/// How long all pages of one query may take.
const QUERY: Duration = Duration::from_secs(10);

/// The client that the environment describes, once it has been asked: credentials are looked up anew when they end, not
/// each time that a table is opened.
static CLIENT: OnceLock<Client> = OnceLock::new();

/// A store in a table. Its calls may be made from any thread, also from one that runs another runtime's tasks, which then
/// waits as for a disk.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: Client,
    table: TableName,
}

impl DynamoDb {
    /// Opens the store in `table`, with what the environment says of region, endpoint and credentials. Nothing is asked
    /// of the table yet: whether it is there, and may be used, shows at the first call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the environment names no region, or not within 5 seconds.
    pub fn open(table: TableName) -> Result<Self, StoreError> {
        if let Some(client) = CLIENT.get() {
            let client = client.clone();
            return Ok(Self { client, table });
        }
        let load = async {
            let loader = aws_config::defaults(BEHAVIOR()).http_client(http_client());
            timeout(OPEN, loader.load()).await
        };
        let loaded = worker::run(load).map_err(|why| unavailable("open", &table, why))?;
        let failed = |why: &str| unavailable("open", &table, Failed::refused(why, false));
        let config = loaded.map_err(|_| failed("the environment names no region within 5 s"))?;
        if config.region().is_none() {
            return Err(failed(
                "no region: set AWS_REGION, or one in the profile of AWS_PROFILE",
            ));
        }
        let opened = Self::with_config(table, &config);
        let Self { client, table } = opened;
        let client = CLIENT.get_or_init(|| client).clone();
        Ok(Self { client, table })
    }

    /// Opens the store in `table` as `config` says, for a program that has made one for other services too. Deadlines,
    /// attempts and the HTTP client are ours all the same.
    #[must_use]
    pub fn with_config(table: TableName, config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .disable_read_timeout()
            .disable_operation_attempt_timeout()
            .disable_operation_timeout();
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .behavior_version(BEHAVIOR())
            .http_client(http_client())
            // Both are in `attempts`.
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(config);
        Self { client, table }
    }

    /// Runs `work`, and says of a failure that it was met in trying to `what`.
    fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Failed>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = worker::run(work).map_err(|why| unavailable(what, &self.table, why))?;
        done.map_err(|failed| unavailable(what, &self.table, failed))
    }

    /// Reads one page of a query: at most `most` items, from behind the key `after`. The second part of the answer is
    /// where the next page begins, if there is one.
    fn page(
        &self,
        partition: &str,
        sort_prefix: &str,
        most: usize,
        after: Option<Attributes>,
    ) -> Result<(Vec<Attributes>, Option<Attributes>), StoreError> {
        let what = format!("read the items of {partition} in");
        let mut request = self
            .client
            .query()
            .table_name(self.table.as_str())
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_limit(i32::try_from(most).ok())
            .set_exclusive_start_key(after)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", form::PARTITION)
            .expression_attribute_values(":pk", form::encode_text(partition));
        // An empty text is no value of a key.
        if !sort_prefix.is_empty() {
            request = request
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
                .expression_attribute_names("#sk", form::SORT)
                .expression_attribute_values(":sk", form::encode_text(sort_prefix));
        }
        self.run(&what, async move {
            let ended = attempts(Deadlines::new(0), || {
                let request = request.clone();
                async {
                    let page = request.send().await;
                    let page = page.map_err(|error| Failed::from_sdk(&error))?;
                    match (page.consumed_capacity, page.items) {
                        (Some(_), Some(items)) => Ok((items, page.last_evaluated_key)),
                        (None, _) | (_, None) => Err(Failed::garbled()),
                    }
                }
            });
            ended.await.result
        })
    }
}

/// Returns the HTTP client of all tables. The certificates of the system are read once, when it is first used.
fn http_client() -> SharedHttpClient {
    static HTTP: OnceLock<SharedHttpClient> = OnceLock::new();
    let provider = || tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    let builder = aws_smithy_http_client::Builder::new;
    let made = HTTP.get_or_init(|| builder().tls_provider(provider()).build_https());
    made.clone()
}

fn unavailable(
    what: &str,
    table: &TableName,
    why: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Unavailable {
        what: format!("{what} dynamodb:{table}"),
        source: Box::new(why),
    }
}

impl Items for DynamoDb {
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(self.table.as_str())
            .set_key(Some(encode_key(key)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let found = self.run(&format!("read {key} in"), async move {
            let ended = attempts(Deadlines::new(0), || {
                let request = request.clone();
                async {
                    let answer = request.send().await;
                    let answer = answer.map_err(|error| Failed::from_sdk(&error))?;
                    match answer.consumed_capacity {
                        Some(_) => Ok(answer.item),
                        None => Err(Failed::garbled()),
                    }
                }
            });
            ended.await.result
        });
        found?.map(|stored| decode(key, stored)).transpose()
    }

    fn query_each(
        &self,
        partition: &str,
        sort_prefix: &str,
        mut most: Most,
    ) -> Result<EachItem, StoreError> {
        let beginning = if sort_prefix.is_empty() {
            "-"
        } else {
            sort_prefix
        };
        Key::new(partition, beginning)?;
        let spoilt = |why: &str| StoreError::Spoilt {
            place: partition.to_owned(),
            why: why.to_owned(),
        };
        let started = Instant::now();
        let mut found = Vec::new();
        let mut strangers = Vec::new();
        let mut last: Option<String> = None;
        let mut after = None;
        while found.len().saturating_add(strangers.len()) < most.items {
            let taken = found.len().saturating_add(strangers.len());
            let left = most.items.saturating_sub(taken);
            let (items, next) = self.page(partition, sort_prefix, left, after)?;
            for stored in items.into_iter().take(left) {
                let sort = stored.get(form::SORT).and_then(|sort| sort.as_s().ok());
                let sort = sort.ok_or_else(|| spoilt("an item was given without a sort key"))?;
                let follows = last.as_deref().is_none_or(|last| last < sort.as_str());
                if !follows || !sort.starts_with(sort_prefix) {
                    return Err(spoilt("an item was given that was not asked for"));
                }
                let sort = sort.clone();
                last = Some(sort.clone());
                // A table may hold keys that are none of ours, if somebody else writes it.
                let Ok(key) = Key::new(partition, &sort) else {
                    let error = spoilt("it holds a key that no store writes");
                    strangers.push((sort.escape_debug().to_string(), Err(error)));
                    continue;
                };
                let item = decode(&key, stored);
                if let Ok(item) = &item {
                    most.take(&key, item)?;
                }
                found.push((sort, item));
            }
            after = next.filter(|next| !next.is_empty());
            if after.is_none() {
                break;
            }
            if started.elapsed() > QUERY {
                let what = format!("read the items of {partition} in");
                let why = Failed::refused("there are more pages than 10 s are enough for", false);
                return Err(unavailable(&what, &self.table, why));
            }
        }
        strangers.append(&mut found);
        Ok(strangers)
    }

    fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        check_transaction(writes)?;
        let what = match writes {
            [write] => format!("write {} in", write.key),
            writes => format!("make a transaction of {} writes in", writes.len()),
        };
        let failed = |why: Failed| unavailable(&what, &self.table, why);
        let token = token().map_err(failed)?;
        let mut bytes: usize = 0;
        let mut items = Vec::new();
        for write in writes {
            bytes = bytes.saturating_add(sent(write));
            let item = transact_item(&self.table, write);
            items.push(item.ok_or_else(|| failed(Failed::refused("a write is not whole", false)))?);
        }
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let conflict = self.run(&what, async move {
            let ended = attempts(Deadlines::new(bytes), || {
                let request = request.clone();
                async {
                    match request.send().await {
                        Ok(done) if done.consumed_capacity().is_empty() => Err(Failed::garbled()),
                        Ok(_) => Ok(None),
                        Err(error) => match error.as_service_error() {
                            Some(TransactWriteItemsError::TransactionCanceledException(why)) => {
                                judge(why).map(Some)
                            }
                            _ => Err(Failed::from_sdk(&error)),
                        },
                    }
                }
            });
            match ended.await {
                // An earlier attempt may have happened, or may yet: this is no word on whether anything was changed.
                Ended {
                    result: Ok(Some(_)),
                    was_in_doubt: true,
                } => Err(Failed::unknown(
                    "no answer at first, and then a condition was not true",
                )),
                Ended { result, .. } => result,
            }
        })?;
        match conflict {
            None => Ok(()),
            Some(at) => match writes.get(at) {
                Some(write) => Err(StoreError::Conflict {
                    key: write.key.clone(),
                }),
                None => Err(failed(Failed::unknown(
                    "it names more writes than it was given",
                ))),
            },
        }
    }

    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError> {
        check_items(items)?;
        let Some((first, _)) = items.first() else {
            return Ok(());
        };
        let what = format!("write {} items from {first} on in", items.len());
        let batches = batches(&self.table, items);
        let batches = batches.ok_or_else(|| {
            let why = Failed::refused("an item is not whole", false);
            unavailable(&what, &self.table, why)
        })?;
        self.run(&what, put_batches(self.client.clone(), batches))
    }
}
