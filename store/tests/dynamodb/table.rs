//! The store on DynamoDB Local.

use std::collections::HashMap;
use std::process::Command;
use std::time::Instant;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use stopgate_store::{
    Change, Condition, DynamoDb, Item, Items, Key, StoreAddress, StoreError, Value, Write, contract,
};

use crate::config;
use crate::local::{Local, block_on};

fn store() -> DynamoDb {
    let local = Local::running();
    DynamoDb::with_config(local.table(), &config(local.port()))
}

fn key(partition: &str, sort: &str) -> Key {
    Key::new(partition, sort).unwrap()
}

fn item(value: Value) -> Item {
    Item::new([("value", value)]).unwrap()
}

#[test]
fn a_table_keeps_every_promise_of_a_store() {
    contract::check(store).unwrap();
}

#[test]
fn a_query_of_several_pages_is_whole_and_in_order() {
    let store = store();
    // Four of these are a page.
    let bytes = |byte: u8| item(Value::Bytes(vec![byte; 250 << 10]));
    let items: Vec<_> = (0..15)
        .map(|at| (key("PAGES", &format!("{at:02}")), bytes(at)))
        .collect();
    store.put_all(&items).unwrap();
    for most in [1, 4, 5, 14, 15, 16, usize::MAX] {
        let found = store.query("PAGES", "", most).unwrap();
        let expected = items.iter().take(most);
        let expected = expected.map(|(key, item)| (key.sort().to_owned(), item.clone()));
        assert!(found == expected.collect::<Vec<_>>(), "{most}");
    }
    let found = store.query("PAGES", "1", 3).unwrap();
    let sorts: Vec<_> = found.iter().map(|(sort, _)| sort.as_str()).collect();
    assert_eq!(sorts, ["10", "11", "12"]);
}

#[test]
fn what_somebody_else_wrote_into_the_table_is_spoilt() {
    let local = Local::running();
    let table = local.table();
    let store = DynamoDb::with_config(table.clone(), &config(local.port()));
    let put = |sort: &str, name: &str, value: AttributeValue| {
        let put = local.client().put_item().table_name(table.as_str());
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = put.item("pk", text("P")).item("sk", text(sort));
        block_on(put.item(name, value).send()).unwrap();
    };
    for (at, value) in [
        AttributeValue::Null(true),
        AttributeValue::Bool(false),
        AttributeValue::Ss(vec!["a".to_owned()]),
        AttributeValue::M(HashMap::new()),
        AttributeValue::N("1.5".to_owned()),
        AttributeValue::N("-1".to_owned()),
        AttributeValue::N("9007199254740992".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let sort = format!("{at}");
        put(&sort, "value", value);
        let found = store.get(&key("P", &sort));
        assert!(
            matches!(found, Err(StoreError::Spoilt { .. })),
            "{at}: {found:?}"
        );
        let found = store.query("P", &sort, 9);
        assert!(
            matches!(found, Err(StoreError::Spoilt { .. })),
            "{at}: {found:?}"
        );
    }
    // Also the name of an attribute, and a key.
    put("name", "Value", AttributeValue::N("1".to_owned()));
    let found = store.get(&key("P", "name"));
    assert!(matches!(found, Err(StoreError::Spoilt { .. })), "{found:?}");
    put(".hidden", "value", AttributeValue::N("1".to_owned()));
    let found = store.query("P", "", 1);
    assert!(matches!(found, Err(StoreError::Spoilt { .. })), "{found:?}");
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let local = Local::running();
    let store = DynamoDb::with_config("absent".parse().unwrap(), &config(local.port()));
    let there = key("P", "s");
    let put = Write {
        key: there.clone(),
        condition: vec![Condition::Absent],
        change: Change::Put(Item::default()),
    };
    for done in [
        store.get(&there).map(drop),
        store.query("P", "", 1).map(drop),
        store.transact(&[put]),
        store.put_all(&[(there.clone(), Item::default())]),
    ] {
        let Err(StoreError::Unavailable { what, source }) = done else {
            panic!("{done:?}");
        };
        assert!(what.ends_with(" dynamodb:absent"), "{what}");
        let source = source.to_string();
        assert!(
            source.starts_with("ResourceNotFoundException: "),
            "{source}"
        );
    }
}

#[test]
fn tasks_of_another_runtime_open_use_and_drop_a_store() {
    let local = Local::running();
    let table = local.table();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let one = |at: u64| {
        let store = DynamoDb::with_config(table.clone(), &config(local.port()));
        let (here, item) = (key("P", &at.to_string()), item(Value::Number(at)));
        store.put_all(&[(here.clone(), item.clone())]).unwrap();
        assert_eq!(store.get(&here).unwrap(), Some(item));
    };
    let task = {
        let (table, port) = (table.clone(), local.port());
        async move {
            let store = DynamoDb::with_config(table, &config(port));
            let found = store.get(&key("P", "none"));
            drop(store);
            found.unwrap()
        }
    };
    runtime.block_on(async {
        one(0);
        assert_eq!(tokio::spawn(task).await.unwrap(), None);
    });
    block_on(async { one(1) });
}

/// Set for the run of this binary that has the environment of a program.
const INSIDE: &str = "STOPGATE_TEST_INSIDE";

#[test]
fn the_environment_says_where_a_table_is() {
    let address = |table: &str| format!("dynamodb:{table}").parse::<StoreAddress>().unwrap();
    let there = key("P", "s");
    if let Ok(table) = std::env::var(INSIDE) {
        let opened = address(&table).open();
        match std::env::var("AWS_REGION") {
            Ok(_) => {
                let store = opened.unwrap();
                store.put_all(&[(there, item(Value::Number(1)))]).unwrap();
            }
            Err(_) => {
                let Err(StoreError::Unavailable { what, source }) = opened else {
                    panic!("it was opened");
                };
                assert_eq!(what, format!("open dynamodb:{table}"));
                assert!(source.to_string().contains("AWS_REGION"), "{source}");
            }
        }
        return;
    }
    let local = Local::running();
    let table = local.table();
    let inside = |region: Option<&str>| {
        let name = "table::the_environment_says_where_a_table_is";
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env_clear()
            .env(INSIDE, table.as_str())
            .env(
                "AWS_ENDPOINT_URL_DYNAMODB",
                format!("http://127.0.0.1:{}", local.port()),
            )
            .envs(region.map(|region| ("AWS_REGION", region)))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    };
    inside(None);
    inside(Some("eu-central-1"));
    let store = DynamoDb::with_config(table.clone(), &config(local.port()));
    assert_eq!(store.get(&there).unwrap(), Some(item(Value::Number(1))));
}

/// Rows of one bundle.
const ROWS: usize = 10_000;

#[test]
#[ignore = "measures, and a busy machine says nothing about it"]
fn ten_thousand_rows_take_little_longer_than_the_bare_sdk() {
    let local = Local::running();
    let row = || {
        let texts = ["risk", "approval", "condition", "rule", "line"];
        Item::new(texts.map(|name| (name, Value::Text(format!("{name} of a row of a bundle")))))
            .unwrap()
    };
    let rows: Vec<_> = (0..ROWS)
        .map(|at| (key("ROWS", &format!("{at:06}")), row()))
        .collect();
    let ours = || {
        let store = DynamoDb::with_config(local.table(), &config(local.port()));
        let began = Instant::now();
        store.put_all(&rows).unwrap();
        began.elapsed()
    };
    let bare = || {
        let (client, table) = (local.client(), local.table());
        let began = Instant::now();
        block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for batch in rows.chunks(25) {
                if running.len() == 8 {
                    running.join_next().await.unwrap().unwrap();
                }
                let puts = batch.iter().map(|(key, item)| {
                    let text = |text: &str| AttributeValue::S(text.to_owned());
                    let mut put = PutRequest::builder()
                        .item("pk", text(key.partition()))
                        .item("sk", text(key.sort()));
                    for (name, value) in item.attributes() {
                        let Value::Text(value) = value else { panic!() };
                        put = put.item(name, text(value));
                    }
                    WriteRequest::builder()
                        .put_request(put.build().unwrap())
                        .build()
                });
                let batch = client
                    .batch_write_item()
                    .request_items(table.as_str(), puts.collect());
                running.spawn(async { batch.send().await.unwrap() });
            }
            while let Some(done) = running.join_next().await {
                done.unwrap();
            }
        });
        began.elapsed()
    };
    // Until the process has compiled what it runs.
    for _ in 0..2 {
        ours();
        bare();
    }
    for _ in 0..4 {
        println!("ours {:?}, the bare SDK {:?}", ours(), bare());
    }
}
