//! Amazon's DynamoDB Local: one process for all tests of this binary.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put, PutRequest,
    ScalarAttributeType, TransactWriteItem, WriteRequest,
};
use stopgate_store::TableName;

use crate::engine::Engine;

/// The running process.
pub(crate) struct Local(Engine);

impl Local {
    /// Returns the port at which it answers.
    pub(crate) const fn port(&self) -> u16 {
        self.0.port
    }

    /// Returns the process, started once.
    pub(crate) fn running() -> &'static Self {
        static RUNNING: OnceLock<Local> = OnceLock::new();
        RUNNING.get_or_init(Self::start)
    }

    fn start() -> Self {
        let local = Self(Engine::start());
        local.warm();
        local
    }

    /// Has each kind of call made once by a client without our deadlines: the first takes a cold process long.
    fn warm(&self) {
        let (client, table) = (self.client(), self.table());
        let table = table.as_str();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let (pk, sk) = (text("P"), text("s"));
        let data = AttributeValue::B(Blob::new(vec![0; 300 << 10]));
        let put = Put::builder().table_name(table);
        let put = put.item("pk", pk.clone()).item("sk", sk.clone());
        let write = TransactWriteItem::builder().put(put.item("a", data.clone()).build().unwrap());
        let put = PutRequest::builder().item("pk", pk.clone());
        let put = put.item("sk", sk.clone()).item("a", data).build();
        let batch = WriteRequest::builder().put_request(put.unwrap()).build();
        block_on(async {
            let writes = client.transact_write_items().transact_items(write.build());
            writes.send().await.expect("a transaction");
            let puts = client.batch_write_item().request_items(table, vec![batch]);
            puts.send().await.expect("a batch");
            let get = client.get_item().table_name(table);
            let get = get.key("pk", pk.clone()).key("sk", sk).send();
            get.await.expect("an item");
            let query = client.query().table_name(table);
            let query = query.key_condition_expression("pk = :pk");
            let query = query.expression_attribute_values(":pk", pk).send();
            query.await.expect("items");
        });
    }

    /// Returns the SDK's own client, with its own deadlines.
    pub(crate) fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&super::config(self.port()));
        let http = aws_smithy_http_client::Builder::new().build_http();
        let config = config.behavior_version(BehaviorVersion::latest());
        Client::from_conf(config.http_client(http).build())
    }

    /// Makes a new table, as a template makes the real one.
    pub(crate) fn table(&self) -> TableName {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("table-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let part = |name: &str| {
            let part = AttributeDefinition::builder().attribute_name(name);
            part.attribute_type(ScalarAttributeType::S).build().unwrap()
        };
        let key = |name: &str, kind| {
            let key = KeySchemaElement::builder().attribute_name(name);
            key.key_type(kind).build().unwrap()
        };
        let made = self
            .client()
            .create_table()
            .table_name(&name)
            .attribute_definitions(part("pk"))
            .attribute_definitions(part("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .billing_mode(BillingMode::PayPerRequest);
        block_on(made.send()).expect("a table");
        name.parse().unwrap()
    }
}

/// Waits for what the SDK does.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}
