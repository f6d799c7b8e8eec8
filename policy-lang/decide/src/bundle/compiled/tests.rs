//! Types come back as they were written, and what is not one type is refused.

use std::collections::BTreeSet;

use super::*;
use crate::attempt::INPUT_LIMITS;
use crate::pointer::Pointer;

const EVERY_SHAPE: &str = r##"{"type":"object","required":["s"],"$defs":{"P":{"enum":["a","b"]}},"properties":{
    "s":{"type":"string","minLength":1,"maxLength":9},"e":{"$ref":"#/$defs/P"},
    "i":{"type":"integer","exclusiveMinimum":0,"maximum":9007199254740991},"c":{"const":7},
    "n":{"type":"number","minimum":0.1,"exclusiveMaximum":1e300},"m":{"type":"number","exclusiveMinimum":0},
    "b":{"type":"boolean"},"a":{"type":"array","items":{"type":"string"},"maxItems":3},
    "o":{"type":"object","additionalProperties":false,"properties":{"x":{"type":["boolean","null"]}}},
    "w":{"type":"object","additionalProperties":{"type":"number"},"properties":{"y":{"type":"integer"}},"required":["z"]},
    "t":{"type":["string","integer","null"]},"l":{"enum":[1.10,"x",true,null]},"any":true,
    "r":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"}}}},"odd name":{"type":"string"}}}"##;

fn of(schema: &str, masked: &[&str]) -> InputType {
    let schema = Json::parse(schema.as_bytes(), INPUT_LIMITS).expect("JSON");
    let masked = masked
        .iter()
        .map(|text| Pointer::new(text).expect("a pointer"));
    InputType::from_schema(&schema, &masked.collect::<BTreeSet<_>>()).expect("a type")
}

#[test]
fn what_is_written_is_what_is_read() {
    for masked in [&[][..], &["/s", "/o/x"]] {
        let written = of(EVERY_SHAPE, masked);
        let text = serde_json::to_string(&members(&written)).expect("JSON");
        for kind in [
            "string", "integer", "number", "boolean", "array", "object", "open", "either",
            "listed", "anything",
        ] {
            assert!(text.contains(&format!("\"{kind}\":{{")), "{kind}: {text}");
        }
        let parts = serde_json::from_str(&text).expect("parts");
        assert_eq!(input(parts), Some(written));
    }
}

#[test]
fn parts_that_are_no_type_are_refused() {
    let member = |name: &str, shape: &str| {
        format!(
            r#"{{"name":"{name}","required":true,"nullable":false,"shape":{shape},"opaque":null}}"#
        )
    };
    let read = |text: String| {
        serde_json::from_str::<Vec<MemberPart>>(&text)
            .ok()
            .and_then(input)
    };
    let boolean = member("x", r#"{"boolean":{}}"#);
    assert!(read(format!("[{boolean}]")).is_some());
    // Counted twice, it would hide an argument that nobody declared.
    assert!(read(format!("[{boolean},{boolean}]")).is_none());
    for shape in [
        r#"{"truth":{}}"#,
        r#"{"boolean":{"most":1}}"#,
        r#"{"number":{"min":"nan","max":null}}"#,
        r#"{"number":{"min":"inf","max":null}}"#,
        r#"{"number":{"min":1,"max":null}}"#,
        r#"{"listed":{"values":["x"]}}"#,
    ] {
        assert!(
            read(format!("[{}]", member("x", shape))).is_none(),
            "{shape}"
        );
    }
}
