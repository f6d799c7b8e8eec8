//! What only the wider of two types accepts is shown by a value of it.

use super::*;
use crate::pointer::Pointer;

fn of(properties: &str, required: &str, masked: &[&str]) -> InputType {
    let schema = format!(
        r#"{{"type":"object","additionalProperties":false,"properties":{{{properties}}},"required":[{required}]}}"#
    );
    let schema = Json::parse(schema.as_bytes(), INPUT_LIMITS).expect("JSON");
    let masked = masked
        .iter()
        .map(|pointer| Pointer::new(pointer).expect("a pointer"));
    InputType::from_schema(&schema, &masked.collect::<BTreeSet<_>>()).expect("a type")
}

fn shown(wide: &InputType, narrow: &InputType) -> Vec<String> {
    let show = |one: Widening| {
        let value = one.value.map_or("–".to_owned(), |value| value.canonical());
        format!("{} = {value}", one.path.join("/"))
    };
    wide.widenings(narrow, INPUT_LIMITS.bytes)
        .into_iter()
        .map(show)
        .collect()
}

#[test]
fn what_rules_see_is_left_to_them() {
    let narrow = of(
        r#""n":{"type":"integer","maximum":5},"e":{"type":"string","enum":["a"]}"#,
        "",
        &[],
    );
    let wide = of(
        r#""n":{"type":"integer","maximum":9},"e":{"type":"string","enum":["a","b"]},"new":{"type":"boolean"}"#,
        "",
        &[],
    );
    assert_eq!(shown(&wide, &narrow), [""; 0]);
}

#[test]
fn lengths_nulls_and_opaque_arguments_are_shown() {
    let narrow = of(
        r#""t":{"type":"string","maxLength":2},"l":{"type":"array","items":{"type":"integer"},"maxItems":1},
           "x":{"type":"number","maximum":1},"m":{"type":"string","enum":["a"]},"q":{"type":"integer"}"#,
        r#""m""#,
        &["/m"],
    );
    let wide = of(
        r#""t":{"type":"string","maxLength":3},"l":{"type":"array","items":{"type":"integer"},"maxItems":2},
           "x":{"type":"number","maximum":2},"m":{"type":"string","enum":["a","b"]},
           "q":{"type":["integer","null"]},"o":{"type":"number"}"#,
        "",
        &["/m"],
    );
    assert_eq!(
        shown(&wide, &narrow),
        [
            "t = \"xxx\"",
            "l = [1,1]",
            "x = 2.0",
            "m = –",
            "m = \"b\"",
            "q = null",
            "o = 0.5",
        ]
    );
    assert_eq!(shown(&narrow, &narrow), [""; 0]);
}

#[test]
fn what_is_opaque_and_checked_is_shown_where_it_gets_wider() {
    let of = |schema: &str| of(&format!(r#""x":{schema}"#), "", &[]);
    let list = |items: &str| of(&format!(r#"{{"type":"array","items":{items}}}"#));
    let model = |n: &str, more: &str| {
        format!(
            r#"{{"type":"object","properties":{{"n":{{"type":"string","maxLength":{n}}}}}{more}}}"#
        )
    };
    let closed = r#","additionalProperties":false"#;
    for (narrow, wide, shows) in [
        (
            list(&model("2", "")),
            list(&model("3", "")),
            r#"[{"n":"xxx"}]"#,
        ),
        (
            list(&model("2", closed)),
            list(&model("2", "")),
            r#"[{"x0":{}}]"#,
        ),
        (
            list(&model("2", closed)),
            list(&model("3", closed)),
            r#"[{"n":"xxx"}]"#,
        ),
        (of(&model("2", "")), of("{}"), "true"),
        (
            of(&model("2", r#","required":["n"]"#)),
            of(&model("2", "")),
            "{}",
        ),
        (
            of(r#"{"type":"object","additionalProperties":{"type":"integer"}}"#),
            of(r#"{"type":"object","additionalProperties":{"type":"number"}}"#),
            r#"{"x0":0.5}"#,
        ),
        (
            of(r#"{"anyOf":[{"type":"string","maxLength":2},{"type":"integer"}]}"#),
            of(r#"{"anyOf":[{"type":"string","maxLength":3},{"type":"integer"}]}"#),
            r#""xxx""#,
        ),
        (
            of(r#"{"type":["string","integer"]}"#),
            of(r#"{"type":["string","integer","boolean"]}"#),
            "true",
        ),
        (
            of(r#"{"enum":[1,"x"]}"#),
            of(r#"{"enum":[1,"x","y"]}"#),
            r#""y""#,
        ),
        (
            of(r#"{"enum":[1,"x"]}"#),
            of(r#"{"type":["integer","string"]}"#),
            "-9007199254740991",
        ),
    ] {
        let found = shown(&wide, &narrow);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("x = "), "{found:?}");
        let value = found[0].trim_start_matches("x = ");
        let given = |text: &str| {
            let text = format!(r#"{{"x":{text}}}"#);
            Json::parse(text.as_bytes(), INPUT_LIMITS).expect("JSON")
        };
        for value in [value, shows] {
            assert!(wide.check(&given(value)).is_ok(), "{value}");
            assert!(narrow.check(&given(value)).is_err(), "{value}");
        }
        assert_eq!(shown(&wide, &wide), [""; 0]);
    }
    // What a mask hides as a whole is not left to rules.
    let masked = |most: &str| {
        self::of(
            &format!(
                r#""x":{{"type":"object","properties":{{"k":{{"type":"string","enum":[{most}]}}}},"additionalProperties":false}}"#
            ),
            "",
            &["/x"],
        )
    };
    assert_eq!(
        shown(&masked(r#""a","b""#), &masked(r#""a""#)),
        [r#"x = {"k":"b"}"#]
    );
}

#[test]
fn the_ends_that_inputs_can_have_are_reached_and_no_others() {
    let text = |most: usize| {
        of(
            &format!(r#""t":{{"type":"string","maxLength":{most}}}"#),
            "",
            &[],
        )
    };
    let (wide, narrow) = (text(200_000), text(70_000));
    let length = |bytes| -> Vec<Option<usize>> {
        let found = wide.widenings(&narrow, bytes).into_iter();
        let value = found.map(|one| one.value.expect("a text"));
        value.map(|value| value.as_str().map(str::len)).collect()
    };
    assert_eq!(length(INPUT_LIMITS.bytes), [Some(200_000)]);
    assert_eq!(length(100_000), [Some(70_001)]);
    assert_eq!(length(64 * 1024), [None; 0]);
    // One more than 1e20 is no other double.
    let number = |most: &str| of(&format!(r#""x":{{"type":"number"{most}}}"#), "", &[]);
    let (wide, narrow) = (number(""), number(r#","maximum":1e20"#));
    assert_eq!(shown(&wide, &narrow), ["x = 1.0000000000000002e20"]);
    assert_eq!(shown(&narrow, &wide), [""; 0]);
    let narrow = number(r#","minimum":-1e20"#);
    assert_eq!(shown(&wide, &narrow), ["x = -1.0000000000000002e20"]);
}

#[test]
fn plain_inputs_are_inputs() {
    let of = of(
        r#""t":{"type":"string","minLength":3},"n":{"type":"integer","minimum":7},
           "x":{"type":"number","minimum":0.25,"maximum":0.75},"o":{"type":"object","additionalProperties":false,
           "properties":{"l":{"type":"array","items":{"type":"string"},"minItems":2}},"required":["l"]}"#,
        r#""t","n","x","o""#,
        &[],
    );
    assert_eq!(of.check(&of.plain()), Ok(()));
}

/// Checks that nothing is made that no input has room for: a schema of a few bytes may ask for more than there is memory.
#[test]
fn t4_values_are_never_larger_than_an_input_whatever_a_schema_asks_for() {
    let huge = 1_000_000_000_000_000_u64;
    let inside = |inner: &str, least: u64| {
        format!(r#"{{"type":"array","minItems":{least},"items":{inner}}}"#)
    };
    let text = format!(r#"{{"type":"string","minLength":{huge}}}"#);
    let deep = inside(&inside(&inside(r#"{"type":"boolean"}"#, 4096), 4096), 4096);
    for shape in [
        text.as_str(),
        &inside(r#"{"type":"string"}"#, huge),
        &inside(&text, huge),
        &deep,
    ] {
        let wide = of(&format!(r#""a":{shape}"#), r#""a""#, &["/a"]);
        assert!(size(&wide.plain()) < 2 * INPUT_LIMITS.bytes, "{shape}");
        let narrow = of(
            r#""a":{"type":"array","items":{"type":"null"}}"#,
            "",
            &["/a"],
        );
        for one in wide.widenings(&narrow, INPUT_LIMITS.bytes) {
            let bytes = one.value.as_ref().map_or(0, size);
            assert!(bytes < 4 * INPUT_LIMITS.bytes, "{shape}: {bytes} bytes");
        }
    }
}

#[test]
fn a_list_of_many_values_is_left_by_the_shortest_text_that_is_none_of_them() {
    let values: Vec<String> = (0..200)
        .filter(|length| *length != 7)
        .map(|length| format!("{:?}", "x".repeat(length)))
        .collect();
    let listed = format!(r#"{{"enum":[1,{}]}}"#, values.join(","));
    let narrow = of(&format!(r#""a":{listed}"#), "", &["/a"]);
    let wide = of(r#""a":{}"#, "", &["/a"]);
    let Some(Shape::Listed(all)) = narrow.member("a").map(|member| &member.shape) else {
        panic!("not listed");
    };
    let listed = Shape::Listed(all.clone());
    let other: Vec<Json> = others(&Shape::Anything, &listed).collect();
    let texts: Vec<usize> = other
        .iter()
        .filter_map(Json::as_str)
        .map(str::len)
        .collect();
    assert_eq!(texts, [7, 200, 7]);
    assert_eq!(shown(&wide, &narrow).len(), 1);
}

/// Checks that large plain elements hide nothing that smaller ones show.
#[test]
fn lists_are_lengthened_by_elements_that_an_input_has_room_for() {
    let listed = |most: u64, least: u64, inner: &str| {
        let list = format!(
            r#""l":{{"type":"array","minItems":{least},"maxItems":{most},"items":{{"anyOf":[{inner}]}}}}"#
        );
        of(&list, r#""l""#, &["/l"])
    };
    let either = |most: u64| {
        format!(r#"{{"type":"string","minLength":100}},{{"type":"integer","maximum":{most}}}"#)
    };
    let length = |wide: &InputType, narrow: &InputType| {
        let found = wide.widenings(narrow, INPUT_LIMITS.bytes).into_iter();
        let list = found.filter_map(|one| one.value?.as_array().map(<[Json]>::len));
        list.collect::<Vec<_>>()
    };
    let (short, long) = (listed(3000, 0, &either(9)), listed(4000, 0, &either(9)));
    assert_eq!(length(&long, &short), [4000]);
    assert_eq!(length(&short, &long), [0; 0]);
    let (low, high) = (
        listed(4000, 3000, &either(9)),
        listed(4000, 3000, &either(10)),
    );
    assert_eq!(length(&high, &low), [3000]);
    let object = |most: u64| {
        let half = r#"{"anyOf":[{"type":"string","minLength":200000},{"type":"integer"}]}"#;
        of(
            &format!(
                r#""o":{{"type":"object","additionalProperties":false,"required":["a","b","n"],"properties":{{"a":{half},
                   "b":{half},"n":{{"type":"integer","maximum":{most}}}}}}}"#
            ),
            r#""o""#,
            &["/o"],
        )
    };
    assert_eq!(
        object(10).widenings(&object(9), INPUT_LIMITS.bytes).len(),
        1
    );
}

#[test]
fn t4_many_large_arguments_take_no_more_room_than_a_few_inputs() {
    let rows = r#"{"type":"array","minItems":4000,"items":{"type":"array","minItems":60,"items":{"type":"boolean"}}}"#;
    let names: Vec<String> = (0..60).map(|at| format!("\"a{at}\"")).collect();
    let all = |rows: &str| {
        let members: Vec<String> = names.iter().map(|name| format!("{name}:{rows}")).collect();
        let masked: Vec<String> = (0..60).map(|at| format!("/a{at}")).collect();
        let masked: Vec<&str> = masked.iter().map(String::as_str).collect();
        of(&members.join(","), &names.join(","), &masked)
    };
    let (wide, narrow) = (all(rows), all(r#"{"type":"null"}"#));
    assert_eq!(wide.plain(), Json::Object(Vec::new()));
    let found = wide.widenings(&narrow, INPUT_LIMITS.bytes);
    assert_eq!(found.len(), 60);
    let bytes = found.iter().filter_map(|one| one.value.as_ref()).map(size);
    assert!(bytes.sum::<usize>() <= MOST_KEPT + 60);
}
