//! What every store promises, tried on a store: one suite for a folder and for a table.

use std::sync::Barrier;
use std::thread;

use crate::{
    Change, Condition, ITEM_BYTES, Invalid, Item, Items, Key, LARGEST_NUMBER, Most, StoreError,
    TRANSACTION_BYTES, TRANSACTION_WRITES, Value, Write,
};

/// How often the threads race, and how many there are.
const ROUNDS: u64 = 50;
const THREADS: usize = 8;

/// Tries every promise of [`Items`] on stores that `make` makes, each empty.
///
/// # Errors
/// What a store answered where it may not fail.
///
/// # Panics
/// A promise is not kept.
pub fn check<S: Items>(make: impl Fn() -> S) -> Result<(), StoreError> {
    what_is_put_is_read_back(&make())?;
    conditions_are_true_or_false(&make())?;
    a_transaction_is_all_or_nothing(&make())?;
    a_query_is_ordered_and_bounded(&make())?;
    bounds_are_held_before_anything_is_written(&make())?;
    one_of_many_wins(&make())
}

fn write(key: &Key, condition: impl Into<Vec<Condition>>, change: Change) -> Write {
    Write {
        key: key.clone(),
        condition: condition.into(),
        change,
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// Makes an item of one attribute.
fn item(name: &str, value: Value) -> Result<Item, StoreError> {
    Ok(Item::new([(name, value)])?)
}

fn what_is_put_is_read_back(store: &impl Items) -> Result<(), StoreError> {
    let all: Vec<u8> = (0..=255).collect();
    let ascii: String = (0..128).map(char::from).collect();
    let values = [
        text(""),
        text(&ascii),
        text("a, b,,%2C \u{2028}\u{feff}é\u{10ffff} "),
        Value::Number(0),
        Value::Number(LARGEST_NUMBER),
        Value::Bytes(vec![]),
        Value::Bytes(all),
        Value::Texts(vec![]),
        Value::Texts(vec![String::new()]),
        Value::Texts(["b", "a", "", "b", ",", "a b"].map(str::to_owned).to_vec()),
    ];
    let named = values
        .into_iter()
        .enumerate()
        .map(|(at, value)| (format!("a{at}"), value));
    let full = Item::new(named)?;
    let mut items = vec![
        (Key::new("EMPTY", "-")?, Item::default()),
        (Key::new("FULL", "-")?, full),
    ];
    // Keys that are easily taken for one another.
    for (at, sort) in [
        "a", "A", "a ", "a/", "a//b", "a/b", "a%2Fb", "~a", "-.", "a.item", "a.new",
    ]
    .into_iter()
    .enumerate()
    {
        items.push((
            Key::new("ALIKE", sort)?,
            item("at", Value::Number(at as u64))?,
        ));
    }
    for long in [
        "x".repeat(511) + "1",
        "x".repeat(511) + "2",
        "#".repeat(512),
    ] {
        items.push((Key::new(&*long, &*long)?, item("long", text(&long))?));
    }
    for at in 0..30 {
        items.push((
            Key::new("MANY", format!("{at:02}"))?,
            item("at", Value::Number(at))?,
        ));
    }
    store.put_all(&[])?;
    for (key, _) in &items {
        assert_eq!(store.get(key)?, None, "{key} in an empty store");
    }
    store.put_all(&items)?;
    for (key, item) in &items {
        assert_eq!(store.get(key)?.as_ref(), Some(item), "{key}");
    }
    // Again, and whole: no attribute of before stays.
    let [.., (key, _)] = items.as_slice() else {
        return Ok(());
    };
    store.put_all(&[(key.clone(), Item::default())])?;
    assert_eq!(store.get(key)?, Some(Item::default()));
    store.transact(&[write(key, [], Change::Put(item("b", text("x"))?))])?;
    assert_eq!(store.get(key)?, Some(item("b", text("x"))?));
    // Deleting what is there, and what is not.
    for _ in 0..2 {
        store.transact(&[write(key, [], Change::Delete)])?;
        assert_eq!(store.get(key)?, None);
    }
    Ok(())
}

fn conditions_are_true_or_false(store: &impl Items) -> Result<(), StoreError> {
    use Condition::{Absent, Equals, Less, Present};
    let (there, missing) = (Key::new("THERE", "-")?, Key::new("MISSING", "-")?);
    let bytes = || Value::Bytes(b"5".to_vec());
    let texts = || Value::Texts(vec!["5".to_owned()]);
    let five = Item::new([
        ("number", Value::Number(5)),
        ("text", text("m")),
        ("bytes", bytes()),
        ("texts", texts()),
    ])?;
    store.put_all(&[(there.clone(), five.clone())])?;
    let equals = |name: &str, value| Equals(name.to_owned(), value);
    let less = |name: &str, value| Less(name.to_owned(), value);
    let cases = [
        (Absent, false),
        (Present, true),
        (equals("number", Value::Number(5)), true),
        (equals("number", Value::Number(6)), false),
        (equals("number", text("5")), false),
        (equals("text", text("m")), true),
        (equals("text", text("M")), false),
        (equals("text", text("")), false),
        (equals("bytes", bytes()), true),
        (equals("bytes", text("5")), false),
        (equals("texts", texts()), true),
        (equals("texts", Value::Texts(vec![])), false),
        (equals("none", text("")), false),
        (less("number", Value::Number(6)), true),
        (less("number", Value::Number(10)), true),
        (less("number", Value::Number(5)), false),
        (less("number", Value::Number(4)), false),
        (less("number", text("6")), false),
        (less("text", text("n")), true),
        (less("text", text("ma")), true),
        (less("text", text("é")), true),
        (less("text", text("m")), false),
        (less("text", text("a")), false),
        (less("text", text("M")), false),
        (less("text", Value::Number(6)), false),
        (less("none", Value::Number(6)), false),
    ];
    let put = Item::default();
    for (condition, holds) in cases {
        for (key, stored, holds) in [
            (&there, Some(&five), holds),
            (&missing, None, condition == Absent),
        ] {
            for change in [Change::Check, Change::Put(put.clone()), Change::Delete] {
                let changed = match &change {
                    Change::Check => stored,
                    Change::Put(item) => Some(item),
                    Change::Delete => None,
                };
                let done = store.transact(&[write(key, [condition.clone()], change.clone())]);
                let expected = if holds {
                    assert!(done.is_ok(), "{key} {condition:?}: {done:?}");
                    changed
                } else {
                    let conflict =
                        matches!(&done, Err(StoreError::Conflict { key: at }) if at == key);
                    assert!(conflict, "{key} {condition:?}: {done:?}");
                    stored
                };
                assert_eq!(
                    store.get(key)?.as_ref(),
                    expected,
                    "{key} {condition:?} {change:?}"
                );
                if expected != stored {
                    let change = stored.map_or(Change::Delete, |item| Change::Put(item.clone()));
                    store.transact(&[write(key, [], change)])?;
                }
            }
        }
    }
    // All conditions of a write have to be true.
    let both = [Present, equals("number", Value::Number(6))];
    let done = store.transact(&[write(&there, both, Change::Delete)]);
    assert!(matches!(done, Err(StoreError::Conflict { .. })), "{done:?}");
    Ok(())
}

fn a_transaction_is_all_or_nothing(store: &impl Items) -> Result<(), StoreError> {
    let [one, two, three] = [
        Key::new("ALL", "1")?,
        Key::new("ALL", "2")?,
        Key::new("OTHER", "3")?,
    ];
    let put = |value: &str| Ok::<_, StoreError>(Change::Put(item("a", text(value))?));
    let all = |expected: [Option<&str>; 3]| -> Result<(), StoreError> {
        for (key, value) in [&one, &two, &three].into_iter().zip(expected) {
            let value = value.map(|value| item("a", text(value))).transpose()?;
            assert_eq!(store.get(key)?, value, "{key}");
        }
        Ok(())
    };
    let conflict = |done: Result<(), StoreError>, at: &Key| {
        assert!(
            matches!(&done, Err(StoreError::Conflict { key }) if key == at),
            "{done:?}"
        );
    };
    let present = [Condition::Present];
    let second = [
        write(&one, [], put("x")?),
        write(&two, present.clone(), put("x")?),
        write(&three, [], put("x")?),
    ];
    conflict(store.transact(&second), &two);
    all([None; 3])?;
    let first = [
        write(&one, [Condition::Absent], put("a")?),
        write(&two, [], put("a")?),
        write(&three, [], put("a")?),
    ];
    store.transact(&first)?;
    all([Some("a"); 3])?;
    conflict(store.transact(&first), &one);
    // What is only checked, and what is deleted, counts like the rest.
    let checked = [
        write(&one, [], Change::Delete),
        write(&two, [], put("b")?),
        write(&three, [Condition::Absent], Change::Check),
    ];
    conflict(store.transact(&checked), &three);
    all([Some("a"); 3])?;
    let checked = [
        write(&one, [], Change::Delete),
        write(&two, [], put("b")?),
        write(&three, present.clone(), Change::Check),
    ];
    store.transact(&checked)?;
    all([None, Some("b"), Some("a")])?;
    store.transact(&[
        write(&two, present.clone(), Change::Check),
        write(&three, present.clone(), Change::Check),
    ])?;
    conflict(
        store.transact(&[
            write(&two, present.clone(), Change::Check),
            write(&one, present, Change::Check),
        ]),
        &one,
    );
    all([None, Some("b"), Some("a")])
}

fn a_query_is_ordered_and_bounded(store: &impl Items) -> Result<(), StoreError> {
    let long = "b/".to_owned() + &"x".repeat(500);
    let mut sorts = ["b/2", "b/10", "a", "b", "B", "c", "b#", "b/", "~", " "]
        .map(str::to_owned)
        .to_vec();
    sorts.push(long);
    for sort in &sorts {
        store.transact(&[write(
            &Key::new("Q", &**sort)?,
            [],
            Change::Put(item("sort", text(sort))?),
        )])?;
        store.put_all(&[(Key::new("Q2", &**sort)?, Item::default())])?;
    }
    store.transact(&[write(
        &Key::new("Q", "gone")?,
        [],
        Change::Put(Item::default()),
    )])?;
    store.transact(&[write(&Key::new("Q", "gone")?, [], Change::Delete)])?;
    sorts.sort();
    for prefix in ["", "b", "b/", "b/1", "x", "B", "~", "b/x", "%"] {
        for most in [0, 1, 3, usize::MAX] {
            let found = store.query("Q", prefix, most)?;
            let expected = sorts
                .iter()
                .filter(|sort| sort.starts_with(prefix))
                .take(most);
            let expected = expected.map(|sort| Ok((sort.clone(), item("sort", text(sort))?)));
            assert_eq!(
                found,
                expected.collect::<Result<Vec<_>, StoreError>>()?,
                "{prefix:?} {most}"
            );
        }
    }
    // Each for itself, and no more bytes than somebody has room for.
    let most = |items, bytes| Most { items, bytes };
    let each = store.query_each("Q", "", most(99, usize::MAX))?;
    let each = each.into_iter().map(|(sort, item)| Ok((sort, item?)));
    let each = each.collect::<Result<Vec<_>, StoreError>>()?;
    assert_eq!(each, store.query("Q", "", 99)?);
    let size = |(sort, item): &(String, Item)| Ok(item.size(&Key::new("Q", sort)?));
    let bytes = each.iter().map(size).sum::<Result<usize, Invalid>>()?;
    assert_eq!(
        store.query_each("Q", "", most(99, bytes))?.len(),
        each.len()
    );
    let refused = store.query_each("Q", "", most(99, bytes - 1));
    assert!(
        matches!(refused, Err(StoreError::Spoilt { .. })),
        "{refused:?}"
    );
    assert_eq!(store.query("NOTHING", "", 9)?, []);
    for (partition, prefix) in [("", ""), ("a/b", ""), ("..", ""), ("Q", "\n"), ("Q", "../")] {
        let refused = store.query(partition, prefix, 9);
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{partition:?} {prefix:?}: {refused:?}"
        );
    }
    Ok(())
}

fn bounds_are_held_before_anything_is_written(store: &impl Items) -> Result<(), StoreError> {
    let key = |at: usize| Key::new("BOUNDS", format!("{at:02}"));
    let fill = |byte: u8, longer: usize| -> Result<Item, StoreError> {
        let empty = item("a", Value::Bytes(vec![]))?.size(&key(0)?);
        let length = ITEM_BYTES.saturating_sub(empty).saturating_add(longer);
        item("a", Value::Bytes(vec![byte; length]))
    };
    let put = |at: usize, item: &Item| {
        Ok::<_, StoreError>(write(&key(at)?, [], Change::Put(item.clone())))
    };
    let puts = |count: usize, item: &Item| {
        (0..count)
            .map(|at| put(at, item))
            .collect::<Result<Vec<_>, _>>()
    };
    let small = item("a", text("b"))?;
    let less = Condition::Less("a".to_owned(), Value::Bytes(vec![]));
    let number = Condition::Equals(
        "a".to_owned(),
        Value::Number(LARGEST_NUMBER.saturating_add(1)),
    );
    let name = Condition::Equals("A".to_owned(), text(""));
    let refused = [
        vec![],
        puts(TRANSACTION_WRITES.saturating_add(1), &small)?,
        vec![put(0, &small)?, put(1, &fill(0, 1)?)?],
        puts(TRANSACTION_BYTES.div_ceil(ITEM_BYTES), &fill(0, 0)?)?,
        vec![put(0, &small)?, put(1, &small)?, put(0, &small)?],
        vec![put(0, &small)?, write(&key(1)?, [], Change::Check)],
        vec![write(
            &key(0)?,
            [Condition::Absent, less],
            Change::Put(small.clone()),
        )],
        vec![write(
            &key(0)?,
            [Condition::Absent, number],
            Change::Put(small.clone()),
        )],
        vec![write(
            &key(0)?,
            [Condition::Absent, name],
            Change::Put(small.clone()),
        )],
    ];
    for writes in refused {
        let done = store.transact(&writes);
        assert!(
            matches!(done, Err(StoreError::Invalid(_))),
            "{} writes: {done:?}",
            writes.len()
        );
    }
    for second in [(key(1)?, fill(0, 1)?), (key(0)?, small.clone())] {
        let done = store.put_all(&[(key(0)?, small.clone()), second]);
        assert!(matches!(done, Err(StoreError::Invalid(_))), "{done:?}");
    }
    assert_eq!(store.query("BOUNDS", "", 99)?, []);
    store.transact(&puts(TRANSACTION_WRITES, &small)?)?;
    assert_eq!(store.query("BOUNDS", "", 99)?.len(), TRANSACTION_WRITES);
    let full = fill(0xff, 0)?;
    let most = TRANSACTION_BYTES / ITEM_BYTES;
    store.transact(&puts(most, &full)?)?;
    assert_eq!(store.get(&key(most.saturating_sub(1))?)?, Some(full));
    // The longest text is not the shortest to write.
    let longest = "\u{1}".repeat(ITEM_BYTES.saturating_sub(item("a", text(""))?.size(&key(0)?)));
    let longest = item("a", text(&longest))?;
    store.put_all(&[(key(0)?, longest.clone())])?;
    assert_eq!(store.get(&key(0)?)?, Some(longest));
    for (name, value) in [
        ("", 0),
        ("A", 0),
        ("1a", 0),
        ("a-b", 0),
        ("pk", 0),
        ("sk", 0),
        ("a", LARGEST_NUMBER.saturating_add(1)),
    ] {
        assert!(
            Item::new([(name, Value::Number(value))]).is_err(),
            "{name:?} {value}"
        );
    }
    let twice = Item::new([("a", text("")), ("a", text(""))]);
    assert_eq!(
        twice,
        Err(Invalid::AttributeTwice {
            name: "a".to_owned()
        })
    );
    Ok(())
}

fn one_of_many_wins(store: &impl Items) -> Result<(), StoreError> {
    let (head, history) = (Key::new("HEAD#prod", "-")?, |version: u64| {
        Key::new("HIST#prod", format!("{version:020}"))
    });
    store.put_all(&[(head.clone(), item("version", Value::Number(0))?)])?;
    for version in 0..ROUNDS {
        let start = Barrier::new(THREADS);
        let race = |by: usize| {
            let next = Item::new([
                ("version", Value::Number(version.saturating_add(1))),
                ("by", Value::Number(by as u64)),
            ])?;
            let before = Condition::Equals("version".to_owned(), Value::Number(version));
            let kept = write(
                &history(version)?,
                [Condition::Absent],
                Change::Put(next.clone()),
            );
            start.wait();
            let done = store.transact(&[write(&head, [before], Change::Put(next.clone())), kept]);
            match done {
                Ok(()) => Ok(Some(next)),
                Err(StoreError::Conflict { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let results = thread::scope(|scope| {
            let race = &race;
            let threads: Vec<_> = (0..THREADS)
                .map(|by| scope.spawn(move || race(by)))
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().ok())
                .collect::<Vec<_>>()
        });
        assert_eq!(results.len(), THREADS, "a thread died");
        let winners = results
            .into_iter()
            .collect::<Result<Vec<_>, StoreError>>()?;
        let winners: Vec<Item> = winners.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "version {version}: {winners:?}");
        assert_eq!(store.get(&head)?.as_ref(), winners.first());
        assert_eq!(store.get(&history(version)?)?.as_ref(), winners.first());
    }
    Ok(())
}
