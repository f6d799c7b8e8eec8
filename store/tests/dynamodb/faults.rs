//! What a store says of a service that fails. Every call ends by its deadline with a typed error, and nothing but an
//! answer is taken for one.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use stopgate_store::{Change, Condition, DynamoDb, Item, Items, Key, StoreError, Value, Write};

use crate::fake::{Fake, Reply, Request};

/// What a call may take: the deadline of an operation, and a little for a busy machine.
const SOON: Duration = Duration::from_millis(2_500);

fn key(sort: &str) -> Key {
    Key::new("P", sort).unwrap()
}

fn write(sort: &str) -> Write {
    Write {
        key: key(sort),
        condition: vec![Condition::Absent],
        change: Change::Put(Item::default()),
    }
}

fn items(count: usize) -> Vec<(Key, Item)> {
    (0..count)
        .map(|at| (key(&format!("{at:03}")), Item::default()))
        .collect()
}

fn answer(body: &str) -> Reply {
    Reply::Answer(200, body.to_owned())
}

/// Makes an error as DynamoDB answers it.
fn error(status: u16, code: &str) -> Reply {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"so it is said"}}"#
    );
    Reply::Answer(status, body)
}

/// Makes the answer to a transaction that was cancelled for these reasons, one a write.
fn cancelled(codes: &[&str]) -> Reply {
    let reasons = codes.iter().map(|code| format!(r#"{{"Code":"{code}"}}"#));
    let reasons = reasons.collect::<Vec<_>>().join(",");
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{reasons}]}}"#
    );
    Reply::Answer(400, body)
}

/// Makes the answer of a service that does what it is asked.
fn good(request: &Request) -> Reply {
    let capacity = r#"{"TableName":"table","CapacityUnits":1.0}"#;
    let body = match request.operation.as_str() {
        "GetItem" => format!(
            r#"{{"ConsumedCapacity":{capacity},"Item":{{"pk":{{"S":"P"}},"sk":{{"S":"s"}}}}}}"#
        ),
        "Query" => {
            format!(r#"{{"ConsumedCapacity":{capacity},"Count":0,"ScannedCount":0,"Items":[]}}"#)
        }
        "TransactWriteItems" => format!(r#"{{"ConsumedCapacity":[{capacity}]}}"#),
        "BatchWriteItem" => r#"{"UnprocessedItems":{}}"#.to_owned(),
        other => panic!("{other} was asked"),
    };
    answer(&body)
}

/// Calls all that a store can, side by side, and returns how each call ended and how long it took.
fn all_calls(store: &DynamoDb) -> Vec<(&'static str, Result<(), StoreError>, Duration)> {
    type Call = fn(&DynamoDb) -> Result<(), StoreError>;
    let calls: [(&str, Call); 4] = [
        ("get", |store| store.get(&key("s")).map(drop)),
        ("query", |store| store.query("P", "", 9).map(drop)),
        ("transact", |store| store.transact(&[write("s")])),
        ("put_all", |store| store.put_all(&items(60))),
    ];
    thread::scope(|scope| {
        let started = calls.map(|(name, call)| {
            scope.spawn(move || {
                let began = Instant::now();
                let done = call(store);
                (name, done, began.elapsed())
            })
        });
        started.map(|call| call.join().unwrap()).into()
    })
}

/// Asserts that every call says soon that the store cannot be asked.
fn none_succeeds(fake: &Fake, why: &str) {
    for (call, done, took) in all_calls(&fake.store()) {
        let unavailable = matches!(&done, Err(StoreError::Unavailable { .. }));
        assert!(unavailable, "{why}: {call}: {done:?}");
        assert!(took < SOON, "{why}: {call} took {took:?}");
    }
}

#[test]
fn a_service_that_throttles_is_asked_again_and_then_believed() {
    for reply in [
        error(400, "ProvisionedThroughputExceededException"),
        error(400, "ThrottlingException"),
        error(500, "InternalServerError"),
        Reply::Answer(503, "<html>busy</html>".to_owned()),
        Reply::Close,
    ] {
        let fails = reply.clone();
        // Each operation fails twice.
        let seen = Mutex::new(HashMap::new());
        let fake = Fake::start(move |_, request| {
            let mut seen = seen.lock().unwrap();
            let count = seen.entry(request.operation.clone()).or_insert(0_usize);
            *count += 1;
            if *count <= 2 {
                fails.clone()
            } else {
                good(request)
            }
        });
        let store = fake.store();
        assert_eq!(store.get(&key("s")).unwrap(), Some(Item::default()));
        assert_eq!(store.query("P", "", 9).unwrap(), []);
        store.transact(&[write("s")]).unwrap();
        store.put_all(&items(1)).unwrap();
        let requests = fake.requests();
        assert_eq!(requests.len(), 12, "{reply:?}");
        // The attempts of one transaction are one to the service.
        let tokens = requests
            .iter()
            .filter_map(|it| it.text("ClientRequestToken"));
        let tokens: Vec<_> = tokens.collect();
        let [one, two, three] = tokens.as_slice() else {
            panic!("{tokens:?}");
        };
        assert!(one == two && two == three && one.len() == 22, "{tokens:?}");
    }
}

#[test]
fn a_service_that_goes_on_failing_is_unavailable_after_three_attempts() {
    for reply in [
        error(400, "ProvisionedThroughputExceededException"),
        error(500, "InternalServerError"),
        Reply::Answer(503, String::new()),
        Reply::Close,
    ] {
        let fake = Fake::always(reply.clone());
        none_succeeds(&fake, &format!("{reply:?}"));
        for operation in ["GetItem", "Query", "TransactWriteItems"] {
            let asked = fake.requests();
            let asked = asked.iter().filter(|it| it.operation == operation);
            assert_eq!(asked.count(), 3, "{reply:?}: {operation}");
        }
    }
    // What no attempt mends is asked once.
    let fake = Fake::always(error(400, "AccessDeniedException"));
    none_succeeds(&fake, "no access");
    let asked = fake.requests();
    let asked = asked.iter().filter(|it| it.operation == "GetItem");
    assert_eq!(asked.count(), 1);
}

#[test]
fn calls_that_failed_take_nothing_from_those_that_come_after() {
    let fake = Fake::start(|_, request| match request.operation.as_str() {
        "GetItem" => error(500, "InternalServerError"),
        _ => good(request),
    });
    let store = fake.store();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert!(store.get(&key("s")).is_err());
                }
            });
        }
    });
    assert_eq!(fake.requests().len(), 180, "sixty calls of three attempts");
    assert_eq!(store.query("P", "", 9).unwrap(), []);
    let fake = Fake::start(|at, request| match at {
        0 => error(500, "InternalServerError"),
        _ => good(request),
    });
    fake.store().transact(&[write("s")]).unwrap();
    assert_eq!(fake.requests().len(), 2);
}

#[test]
fn a_service_that_cannot_be_reached_is_unavailable() {
    // A port that was just free, at an address where no other test has a server.
    let free = TcpListener::bind("127.0.0.2:0").unwrap();
    let closed = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let store = DynamoDb::with_config("table".parse().unwrap(), &crate::config_at(&closed));
    for (call, done, took) in all_calls(&store) {
        let Err(StoreError::Unavailable { what, source }) = done else {
            panic!("{call}: {done:?}");
        };
        assert!(what.ends_with(" dynamodb:table"), "{call}: {what}");
        assert!(source.to_string().contains("refused"), "{call}: {source}");
        assert!(took < SOON, "{call} took {took:?}");
    }
}

#[test]
fn a_service_that_falls_silent_anywhere_is_unavailable_by_the_deadline() {
    for reply in [Reply::Silence, Reply::HeadersOnly, Reply::Drip] {
        none_succeeds(&Fake::always(reply.clone()), &format!("{reply:?}"));
    }
}

#[test]
fn an_answer_that_dynamodb_does_not_give_is_no_answer() {
    for body in [
        "",
        "{}",
        "null",
        "[]",
        "{\"Item\":null}",
        "<html>",
        "{\"ConsumedCapacity\":",
    ] {
        none_succeeds(&Fake::always(answer(body)), body);
    }
    // Nor is one that another operation would have.
    let fake = Fake::always(answer(r#"{"Items":[],"Count":0,"Responses":{}}"#));
    none_succeeds(&fake, "without capacity");
    let fake = Fake::always(answer(r#"{"UnprocessedItems":{"other":[]}}"#));
    none_succeeds(&fake, "another table");
}

#[test]
fn a_write_whose_answer_is_lost_is_never_called_a_conflict() {
    // Done, and the answer comes at the second attempt: by its token the service knows that it did it.
    let fake = Fake::start(|at, request| match at {
        0 => Reply::Silence,
        _ => good(request),
    });
    fake.store().transact(&[write("s")]).unwrap();
    // Done, and no answer ever comes.
    let fake = Fake::always(Reply::Silence);
    let began = Instant::now();
    let done = fake.store().transact(&[write("s")]);
    assert!(
        matches!(done, Err(StoreError::Unavailable { .. })),
        "{done:?}"
    );
    assert!(began.elapsed() < SOON);
    // Whoever made the condition untrue: it may be the first attempt, or that one may still come.
    for lost in [
        Reply::Silence,
        Reply::Close,
        answer(""),
        error(500, "InternalServerError"),
        error(400, "TransactionInProgressException"),
        Reply::Answer(403, "<html>this is no place for you</html>".to_owned()),
        Reply::Answer(400, "{}".to_owned()),
    ] {
        let fake = Fake::in_turn([lost.clone(), cancelled(&["ConditionalCheckFailed"])]);
        let done = fake.store().transact(&[write("s")]);
        assert!(
            matches!(done, Err(StoreError::Unavailable { .. })),
            "{lost:?}: {done:?}"
        );
    }
    // But an answer that says that nothing was done leaves no doubt.
    for refused in [
        error(400, "ThrottlingException"),
        cancelled(&["TransactionConflict"]),
    ] {
        let fake = Fake::in_turn([refused.clone(), cancelled(&["ConditionalCheckFailed"])]);
        let done = fake.store().transact(&[write("s")]);
        assert!(
            matches!(&done, Err(StoreError::Conflict { key: at }) if *at == key("s")),
            "{refused:?}: {done:?}"
        );
    }
}

#[test]
fn a_conflict_names_the_first_write_whose_condition_is_not_true() {
    let writes = ["a", "b", "c"].map(write);
    for (codes, sort) in [
        (["ConditionalCheckFailed", "None", "None"], "a"),
        (
            ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"],
            "b",
        ),
        (
            ["TransactionConflict", "None", "ConditionalCheckFailed"],
            "c",
        ),
    ] {
        let fake = Fake::always(cancelled(&codes));
        let done = fake.store().transact(&writes);
        assert!(
            matches!(&done, Err(StoreError::Conflict { key: at }) if *at == key(sort)),
            "{codes:?}: {done:?}"
        );
        assert_eq!(fake.requests().len(), 1);
    }
    // A place that there is not.
    let fake = Fake::always(cancelled(&[
        "None",
        "None",
        "None",
        "ConditionalCheckFailed",
    ]));
    let done = fake.store().transact(&writes);
    assert!(
        matches!(done, Err(StoreError::Unavailable { .. })),
        "{done:?}"
    );
}

#[test]
fn a_transaction_of_somebody_else_at_the_same_time_is_waited_for() {
    let writes = ["a", "b"].map(write);
    let conflict = || cancelled(&["TransactionConflict", "None"]);
    let fake = Fake::start(move |at, request| match at {
        0 => cancelled(&["TransactionConflict", "None"]),
        1 => cancelled(&["None", "ThrottlingError"]),
        _ => good(request),
    });
    fake.store().transact(&writes).unwrap();
    assert_eq!(fake.requests().len(), 3);
    let fake = Fake::always(conflict());
    let done = fake.store().transact(&writes);
    let Err(StoreError::Unavailable { source, .. }) = done else {
        panic!("{done:?}");
    };
    assert!(
        source.to_string().contains("TransactionConflict"),
        "{source}"
    );
    assert_eq!(fake.requests().len(), 3);
    // What no waiting mends.
    for codes in [
        &["ValidationError", "None"][..],
        &["ItemCollectionSizeLimitExceeded", "TransactionConflict"],
        &["None", "None"],
        &["Other", "None"],
        &[],
    ] {
        let fake = Fake::always(cancelled(codes));
        let done = fake.store().transact(&writes);
        assert!(
            matches!(done, Err(StoreError::Unavailable { .. })),
            "{codes:?}: {done:?}"
        );
        assert_eq!(fake.requests().len(), 1, "{codes:?}");
    }
}

/// Makes an answer that leaves the items with these sort keys over.
fn left_over(sorts: &[String]) -> Reply {
    let put = |sort: &String| {
        format!(r#"{{"PutRequest":{{"Item":{{"pk":{{"S":"P"}},"sk":{{"S":"{sort}"}}}}}}}}"#)
    };
    let puts = sorts.iter().map(put).collect::<Vec<_>>().join(",");
    answer(&format!(r#"{{"UnprocessedItems":{{"table":[{puts}]}}}}"#))
}

#[test]
fn items_that_were_not_taken_are_given_again() {
    let sorts = |at: std::ops::Range<usize>| at.map(|at| format!("{at:03}")).collect::<Vec<_>>();
    let fake = Fake::in_turn([
        left_over(&sorts(10..25)),
        left_over(&sorts(24..25)),
        left_over(&[]),
    ]);
    fake.store().put_all(&items(25)).unwrap();
    let puts = fake.requests();
    let puts = puts.iter().map(|it| it.body.matches("PutRequest").count());
    assert_eq!(puts.collect::<Vec<_>>(), [25, 15, 1]);
    // Some are never taken.
    let fake = Fake::always(left_over(&sorts(0..1)));
    let began = Instant::now();
    let done = fake.store().put_all(&items(25));
    assert!(
        matches!(done, Err(StoreError::Unavailable { .. })),
        "{done:?}"
    );
    assert!(began.elapsed() < SOON);
    assert!(
        fake.requests().len() > 4,
        "more often than an attempt fails"
    );
    // One batch of many fails.
    let fake = Fake::start(|_, request| {
        if request.body.contains("\"130\"") {
            error(400, "ValidationException")
        } else {
            good(request)
        }
    });
    let done = fake.store().put_all(&items(500));
    assert!(
        matches!(done, Err(StoreError::Unavailable { .. })),
        "{done:?}"
    );
}

#[test]
fn items_that_were_not_asked_for_are_spoilt() {
    let page = |items: &[(&str, &str)], more: bool| {
        let item = |(partition, sort): &(&str, &str)| {
            format!(r#"{{"pk":{{"S":"{partition}"}},"sk":{{"S":"{sort}"}}}}"#)
        };
        let items = items.iter().map(item).collect::<Vec<_>>().join(",");
        let more = if more {
            r#","LastEvaluatedKey":{"pk":{"S":"P"},"sk":{"S":"b1"}}"#
        } else {
            ""
        };
        answer(&format!(
            r#"{{"ConsumedCapacity":{{"TableName":"table"}},"Items":[{items}]{more}}}"#
        ))
    };
    for (why, items) in [
        ("another partition", &[("Q", "b1")][..]),
        ("another beginning", &[("P", "a")]),
        ("out of order", &[("P", "b2"), ("P", "b1")]),
        ("twice", &[("P", "b1"), ("P", "b1")]),
        ("no key of ours", &[("P", "b/.")]),
    ] {
        let done = Fake::always(page(items, false)).store().query("P", "b", 9);
        assert!(
            matches!(done, Err(StoreError::Spoilt { .. })),
            "{why}: {done:?}"
        );
    }
    // Another item, where one was asked for.
    let body = r#"{"ConsumedCapacity":{},"Item":{"pk":{"S":"P"},"sk":{"S":"t"}}}"#;
    let done = Fake::always(answer(body)).store().get(&key("s"));
    assert!(matches!(done, Err(StoreError::Spoilt { .. })), "{done:?}");
    // The same page for ever, and empty pages for a while.
    let done = Fake::always(page(&[("P", "b1")], true))
        .store()
        .query("P", "b", 9);
    assert!(matches!(done, Err(StoreError::Spoilt { .. })), "{done:?}");
    let fake = Fake::in_turn([
        page(&[], true),
        page(&[], true),
        page(&[("P", "b2")], false),
    ]);
    let found = fake.store().query("P", "b", 9).unwrap();
    assert_eq!(found, [("b2".to_owned(), Item::default())]);
    // More than was asked for.
    let fake = Fake::always(page(&[("P", "b1"), ("P", "b2")], true));
    assert_eq!(fake.store().query("P", "b", 1).unwrap().len(), 1);
}

#[test]
fn a_text_of_the_service_is_harmless_in_a_message() {
    let body = format!(
        r#"{{"__type":"x#AccessDeniedException","message":"a\u001b[31m\u0000\u202eb{}"}}"#,
        "x".repeat(5_000)
    );
    let fake = Fake::always(Reply::Answer(400, body));
    let Err(StoreError::Unavailable { source, .. }) = fake.store().get(&key("s")) else {
        panic!("it succeeded");
    };
    let said = source.to_string();
    assert!(said.starts_with("AccessDeniedException: a"), "{said}");
    assert!(
        !said.contains(|c: char| !c.is_ascii_graphic() && c != ' ') && said.len() <= 400,
        "{said}"
    );
}

#[test]
fn a_long_write_has_longer_to_be_sent_than_a_short_one() {
    // Three mebibytes: five seconds in all, and three an attempt.
    let large = Value::Bytes(vec![0; 390 << 10]);
    let writes: Vec<_> = (0..8)
        .map(|at| Write {
            key: key(&at.to_string()),
            condition: vec![],
            change: Change::Put(Item::new([("a", large.clone())]).unwrap()),
        })
        .collect();
    let fake = Fake::start(|_, request| {
        thread::sleep(Duration::from_millis(1_500));
        good(request)
    });
    fake.store().transact(&writes).unwrap();
    assert_eq!(fake.requests().len(), 1);
}
