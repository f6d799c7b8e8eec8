//! The strict YAML subset: each trap of the language is refused in its place.

use super::*;
use crate::diagnostic::Diagnostics;
use crate::source::SourceMap;
use crate::source::plain::Plain;
use crate::source::scan::{Tabs, scan};

/// Returns the tree of `text`, or the codes of what is wrong with it.
fn read(text: &[u8]) -> Result<Node, Vec<&'static str>> {
    let mut dx = Diagnostics::default();
    let file = SourceMap::default().add("test.yaml", text);
    let root =
        // As the compiler reads: first the bytes, then the structure.
        scan(file, text, Tabs::Refused, &mut dx).and_then(|text| parse(file, &text, &mut dx));
    match root {
        Some(root) if dx.is_empty() => Ok(root),
        Some(_) | None => {
            assert!(
                !dx.is_empty(),
                "refused without a word: {:?}",
                String::from_utf8_lossy(text)
            );
            Err(dx.iter().map(|found| found.code.as_str()).collect())
        }
    }
}

#[test]
fn t6_yaml_traps_are_refused() {
    let deep_block: String = (0..40)
        .map(|at| format!("{}k:\n", " ".repeat(at)))
        .collect();
    let deep_flow = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
    for (text, codes) in [
        // Scalars that YAML 1.1 and 1.2, or two readers of one of them, take for different things.
        ("a: no", &["ambiguous-scalar"][..]),
        ("a: NO", &["ambiguous-scalar"]),
        ("a: yes", &["ambiguous-scalar"]),
        ("a: on", &["ambiguous-scalar"]),
        ("a: Off", &["ambiguous-scalar"]),
        ("a: y", &["ambiguous-scalar"]),
        ("a: True", &["ambiguous-scalar"]),
        ("a: ~", &["ambiguous-scalar"]),
        ("a: NULL", &["ambiguous-scalar"]),
        ("a: 010", &["ambiguous-scalar"]),
        ("a: 0o10", &["ambiguous-scalar"]),
        ("a: 0x1F", &["ambiguous-scalar"]),
        ("a: 0b11", &["ambiguous-scalar"]),
        ("a: 1_000", &["ambiguous-scalar"]),
        ("a: 1e3", &["ambiguous-scalar"]),
        ("a: 1.", &["ambiguous-scalar"]),
        ("a: .5", &["ambiguous-scalar"]),
        ("a: +1", &["ambiguous-scalar"]),
        ("a: -0", &["ambiguous-scalar"]),
        ("a: .inf", &["ambiguous-scalar"]),
        ("a: .NaN", &["ambiguous-scalar"]),
        ("a: 12:30:45", &["ambiguous-scalar"]),
        ("a: 9007199254740993", &["ambiguous-scalar"]),
        ("a: 18446744073709551616", &["ambiguous-scalar"]),
        ("a: =", &["ambiguous-scalar"]),
        ("a: [no, x]", &["ambiguous-scalar"]),
        ("no: x", &["ambiguous-scalar"]),
        // Keys.
        ("a: 1\na: 2", &["yaml-duplicate-key"]),
        ("a: 1\n\"a\": 2", &["yaml-duplicate-key"]),
        ("a: 1\n'a': 2", &["yaml-duplicate-key"]),
        ("a: 1\n\"\\x61\": 2", &["yaml-duplicate-key"]),
        ("{a: 1, a: 2}", &["yaml-duplicate-key"]),
        ("a: {b: 1, b: 2}", &["yaml-duplicate-key"]),
        ("1: x", &["yaml-key"]),
        ("true: x", &["yaml-key"]),
        ("null: x", &["yaml-key"]),
        ("2026-01-01: x", &["yaml-key"]),
        ("? [a]\n: b", &["yaml-key"]),
        ("? |\n  a\n: b", &["yaml-key"]),
        ("{a\na: b}", &["yaml-key"]),
        ("{a\n: b}", &["yaml-key"]),
        ("{a # c\n: b}", &["yaml-key"]),
        ("? a\n: b", &["yaml-key"]),
        ("~: x", &["ambiguous-scalar"]),
        ("<<: {a: 1}", &["yaml-merge-key"]),
        ("a:", &["empty-value"]),
        ("a:\nb: 1", &["empty-value"]),
        ("a:\n  - \n  - a", &["empty-value"]),
        ("- a", &["wrong-type"]),
        ("a", &["wrong-type"]),
        ("|\na", &["wrong-type"]),
        ("a: [?x]", &["ambiguous-scalar"]),
        ("a: [x:?]", &["ambiguous-scalar"]),
        ("{a}", &["empty-value"]),
        ("{a: , b: 1}", &["empty-value"]),
        // Indirection.
        ("a: &x 1", &["yaml-anchor"]),
        ("&x a: 1", &["yaml-anchor"]),
        ("a: &x [1]\nb: *x", &["yaml-anchor", "yaml-alias"]),
        ("a: *x", &["yaml-alias"]),
        ("a: !!str 1", &["yaml-tag"]),
        ("a: !!binary aGk=", &["yaml-tag"]),
        ("a: !x {b: 1}", &["yaml-tag"]),
        ("a: ! b", &["yaml-tag"]),
        ("!!map {a: 1}", &["yaml-tag"]),
        ("a: !<tag:yaml.org,2002:str> 1", &["yaml-tag"]),
        // Documents.
        ("a: 1\n---\nb: 2", &["yaml-multi-document"]),
        (
            "a: 1\n...\n---\nb: 2",
            &["yaml-multi-document", "yaml-multi-document"],
        ),
        ("---\n---\na: 1", &["yaml-multi-document", "empty-value"]),
        ("%YAML 1.1\n---\na: no", &["yaml-directive"]),
        ("%TAG ! tag:x,2000:\n---\na: 1", &["yaml-directive"]),
        ("", &["empty-document"]),
        ("# nothing\n", &["empty-document"]),
        // Bytes.
        ("a:\n\tb: 1", &["tab"]),
        ("a:\tb", &["tab"]),
        ("a: b # x\ty", &["tab"]),
        ("\u{feff}a: 1", &["byte-order-mark"]),
        ("a: x\u{feff}1", &["invisible-character"]),
        ("a: x\u{202e}y", &["invisible-character"]),
        (
            "a: 1 # \u{2066}x\u{2069}",
            &["invisible-character", "invisible-character"],
        ),
        ("a: x\u{200b}y", &["invisible-character"]),
        ("a: x\u{a0}y", &["invisible-character"]),
        ("a: x\u{85}b", &["invisible-character"]),
        ("a: x\u{2028}b", &["invisible-character"]),
        ("a: x\rb", &["invisible-character"]),
        ("a: x\u{1b}[0m", &["invisible-character"]),
        ("a: \"x\\u202ey\"", &["invisible-character"]),
        ("a: \"\\0\"", &["invisible-character"]),
        // Structure.
        ("a: b: c", &["yaml-syntax"]),
        ("a: [b", &["yaml-syntax"]),
        // No mistake: outside of a flow sequence a bracket is text.
        ("a: b]", &[]),
        ("a: 'b", &["yaml-syntax"]),
        ("a: @b", &["yaml-syntax"]),
        ("a: `b`", &["yaml-syntax"]),
        ("a: |\n  x\n y", &["yaml-syntax"]),
        ("a: 1\n  b: 2", &["yaml-syntax"]),
        ("a: \"\\q\"", &["yaml-syntax"]),
        (&deep_block, &["yaml-too-deep"]),
        (&deep_flow, &["yaml-too-deep"]),
    ] {
        let found = read(text.as_bytes()).err().unwrap_or_default();
        assert_eq!(found, codes, "{text:?}");
    }
    assert_eq!(read(b"a: \xff").err(), Some(vec!["not-utf8"]));
    assert_eq!(
        read(&vec![b'#'; crate::source::MAX_BYTES + 1]).err(),
        Some(vec!["file-too-large"])
    );
}

#[test]
fn t5_every_hidden_code_point_is_refused_wherever_it_stands() {
    let hidden = ('\0'..=char::MAX).filter(|c| is_hidden(*c) && !matches!(c, '\n' | '\t' | '\r'));
    for (at, c) in hidden.enumerate() {
        let text = format!("a: 1 # {c}");
        let mut dx = Diagnostics::default();
        let _ = scan(
            SourceMap::default().add("test.yaml", b""),
            text.as_bytes(),
            Tabs::Refused,
            &mut dx,
        );
        assert!(!dx.is_empty(), "U+{:04X}", u32::from(c));
        // Most of them are not assigned and all alike: one in a hundred is read in every place.
        if at > 1000 && at % 101 != 0 {
            continue;
        }
        for text in [
            format!("a: x{c}y"),
            text,
            format!("a{c}: 1"),
            format!("a: '{c}'"),
        ] {
            let found = read(text.as_bytes()).err().unwrap_or_default();
            assert!(
                found.contains(&"invisible-character"),
                "U+{:04X} in {text:?}: {found:?}",
                u32::from(c)
            );
        }
    }
    for c in [
        '\u{202a}',
        '\u{2066}',
        '\u{200e}',
        '\u{61c}',
        '\u{ad}',
        '\u{180e}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{e0001}',
        '\u{fdd0}',
        '\u{e000}',
    ] {
        assert!(is_hidden(c), "U+{:04X}", u32::from(c));
    }
    // Letters of other scripts and accents that are written after them can be seen.
    for c in ['a', 'ä', 'ß', '中', 'א', '€', '→', '😀', '\u{301}'] {
        assert!(!is_hidden(c), "{c}");
    }
}

/// Returns whether the second reader's tree equals ours in structure, types and text.
fn same(ours: &Node, theirs: &serde_yaml::Value) -> bool {
    match (&ours.value, theirs) {
        (Value::Sequence(ours), serde_yaml::Value::Sequence(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Mapping(ours), serde_yaml::Value::Mapping(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|((key, ours), (name, theirs))| {
                        name.as_str() == Some(key.text.as_str()) && same(ours, theirs)
                    })
        }
        (Value::Scalar(ours), theirs) => match ours.kind {
            // The second reader takes a date for text.
            ScalarKind::Quoted | ScalarKind::Plain(Plain::Text | Plain::Date) => {
                theirs.as_str() == Some(ours.text.as_str())
            }
            ScalarKind::Plain(Plain::Integer(number)) => theirs.as_i64() == Some(number),
            ScalarKind::Plain(Plain::Decimal) => {
                !theirs.is_i64() && theirs.as_f64() == ours.text.parse().ok()
            }
            ScalarKind::Plain(Plain::Bool(truth)) => theirs.as_bool() == Some(truth),
            ScalarKind::Plain(Plain::Null) => theirs.is_null(),
        },
        (Value::Sequence(_) | Value::Mapping(_) | Value::Broken, _) => false,
    }
}

/// Returns whether `text` is accepted; an error if serde_yaml then reads something else.
fn agrees(text: &str) -> Result<bool, String> {
    // Whatever we refuse needs no second opinion.
    let Ok(ours) = read(text.as_bytes()) else {
        return Ok(false);
    };
    match serde_yaml::from_str::<serde_yaml::Value>(text) {
        Ok(theirs) if same(&ours, &theirs) => Ok(true),
        Ok(theirs) => Err(format!("{text:?}\nours: {ours:?}\ntheirs: {theirs:?}")),
        Err(error) => Err(format!(
            "{text:?} is refused by the second reader: {error}\n{ours:?}"
        )),
    }
}

#[test]
fn t6_the_second_reader_reads_the_corpus_alike() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("tests"), root.join("../../policies")];
    let mut read = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(path)
                    .expect("a directory")
                    .map(|entry| entry.expect("an entry").path()),
            );
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            // Fixtures that are not UTF-8 are read as nothing, which is refused.
            let text = std::fs::read_to_string(path).unwrap_or_default();
            read += usize::from(agrees(&text).unwrap_or_else(|why| panic!("{why}")));
        }
    }
    assert!(read > 50, "only {read} documents were accepted");
}

mod generated {
    use super::*;
    use proptest::prelude::*;

    /// Makes pieces that stress where two readers could part: indicators, spaces, quotes, line breaks, odd scalars.
    fn piece() -> impl Strategy<Value = String> {
        let fixed = prop::sample::select(vec![
            "a",
            "b",
            "key",
            "é",
            "1",
            "-1",
            "1.5",
            "true",
            "null",
            "no",
            "0x1",
            "2026-01-01",
            "a b",
            "x:y",
            "x#y",
            "- ",
            "-",
            "--",
            "? ",
            ": ",
            ":",
            ", ",
            ",",
            "[",
            "]",
            "{",
            "}",
            "\n",
            "\n",
            "\n  ",
            "\n    ",
            "\n\n",
            "\r\n",
            " ",
            "  ",
            "#",
            " # c",
            "\"",
            "'",
            "''",
            "\\n",
            "\\\"",
            "\\x41",
            "\\",
            "|",
            "|-",
            "|+",
            ">",
            ">-",
            "|2",
            "|\n  x\n",
            ">-\n  x\n  y\n",
            "%",
            "@",
            "`",
            "!",
            "&",
            "*",
            "<<",
            "---",
            "...",
            "~",
            "=",
            "\"a\"",
            "'b'",
            "\"a: b\"",
            "[a, b]",
            "{a: b}",
            "a: b",
            "a: ",
            "b: ",
            "- a",
            "\n- ",
            "\na: ",
            "\n  b: ",
            "\n  - ",
            "$",
            "/",
            "(",
            ")",
            "<",
            "|x",
            ">x",
        ]);
        // Some noise, so that what nobody thought of is tried too.
        prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => "[ -~]{1,6}"]
    }

    /// Makes documents that are mostly right, with values of every style.
    fn document() -> impl Strategy<Value = String> {
        // Without it nearly every text would be refused, and agree for that reason.
        let scalar = prop_oneof![
            "[a-zA-Z0-9_./$(<>=&|!?*-][a-zA-Z0-9_./$(<>=&|!?*#: -]{0,12}",
            "\"([a-z :#,\\[\\]{}']|\\\\n|\\\\\"|\\\\\\\\|\\\\t|\\\\u00e9){0,8}\"",
            "'([a-z :#,\\[\\]{}\"\\\\]|''){0,8}'",
            "-?[0-9]{1,4}(\\.[0-9]{1,3})?",
            "\\|[-+]?\n      [a-z!:#\" ]{1,8}[a-z](\n      [ a-z]{1,6}[a-z]){0,2}",
            ">[-+]?\n      [a-z!:#\" ]{1,8}[a-z](\n      [a-z]{1,6}){0,2}",
            "[a-z]{1,4}\n      [a-z]{1,4}",
            "\"[a-z]{1,4}\n      [a-z]{1,4}\"",
        ];
        let flow = scalar.clone().prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|all| format!("[{}]", all.join(", "))),
                prop::collection::vec(("[a-f]{1,3}", inner), 0..4).prop_map(|all| {
                    let entries: Vec<String> = all
                        .into_iter()
                        .map(|(key, value)| format!("{key}: {value}"))
                        .collect();
                    format!("{{{}}}", entries.join(", "))
                }),
            ]
        });
        let line = (
            0_usize..3,
            "[a-z]{1,3}",
            prop::bool::ANY,
            flow,
            "( # [a-z]{0,4})?",
        )
            .prop_map(|(depth, key, item, value, comment)| {
                let indentation = "  ".repeat(depth);
                if item {
                    format!("{indentation}- {value}{comment}\n")
                } else {
                    format!("{indentation}{key}: {value}{comment}\n")
                }
            });
        prop::collection::vec(line, 1..6).prop_map(|lines| lines.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn t6_pieces_in_any_order_are_read_alike_or_refused(pieces in prop::collection::vec(piece(), 1..14)) {
            agrees(&pieces.concat()).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn t6_documents_are_read_alike_or_refused(text in document()) {
            agrees(&text).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn a_place_in_a_value_is_the_same_text_in_the_file(text in document()) {
            if let Ok(root) = read(text.as_bytes()) {
                places(&root, &text)?;
            }
        }
    }

    /// Checks that every character of every scalar whose place is known stands at that place.
    fn places(node: &Node, text: &str) -> Result<(), TestCaseError> {
        match &node.value {
            Value::Scalar(scalar) => {
                for (at, c) in scalar
                    .text
                    .char_indices()
                    // White space is folded and cut, so it has no place of its own.
                    .filter(|(_, c)| !c.is_whitespace())
                {
                    let span = scalar.origin.place(&(at..at + c.len_utf8()), node.span);
                    let written = text.get(span.range()).unwrap_or_default();
                    // An escape stands for its character, and a doubled quote for one.
                    let escaped = written.len() < c.len_utf8() || written == "\\" || written == "'";
                    prop_assert!(
                        span == node.span || written.starts_with(c) || escaped,
                        "{:?} of {:?}: {:?}",
                        c,
                        scalar,
                        written
                    );
                }
            }
            Value::Sequence(entries) => {
                for entry in entries {
                    places(entry, text)?;
                }
            }
            Value::Mapping(entries) => {
                for (_, value) in entries {
                    places(value, text)?;
                }
            }
            Value::Broken => {}
        }
        Ok(())
    }
}
