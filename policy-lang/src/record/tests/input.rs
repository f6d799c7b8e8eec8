//! T40: what the catalog masks, and what nobody could check, never stands in a record.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::attempt::Input;
use crate::json::{InvalidJson, Json, Problem};
use crate::pointer::Pointer;
use crate::record::{MaskKey, RecordedInput};

fn key() -> MaskKey {
    MaskKey::new(&[7; 32])
}

fn recorded(text: &str, masks: &[&str]) -> RecordedInput {
    let masks: BTreeSet<_> = masks
        .iter()
        .map(|mask| Pointer::new(mask).expect("a pointer"))
        .collect();
    RecordedInput::of(
        &Input::parse(text.as_bytes()),
        text.as_bytes(),
        Some(&masks),
        &key(),
    )
}

/// The arguments as recorded, masks as `*`; values that were masked are compared elsewhere.
fn shown(text: &str, masks: &[&str]) -> String {
    let (RecordedInput::Clear { json, .. } | RecordedInput::Masked { json, .. }) =
        recorded(text, masks)
    else {
        panic!("{text} is neither clear nor masked");
    };
    let text = json.canonical();
    let mut parts = text.split("{\"$masked\":\"hmac:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once('}').expect("the end of a mask");
        shown.push('*');
        shown.push_str(rest);
    }
    shown
}

#[test]
fn t40_masks_hide_what_they_name() {
    let input = r#"{"a": {"iban": "x", "b": [{"iban": 1, "c": 2}, {"iban": 1.5}]}, "n": null}"#;
    for (masks, expected) in [
        (
            &["/a/iban"][..],
            r#"{"a":{"b":[{"c":2,"iban":1},{"iban":1.5}],"iban":*},"n":null}"#,
        ),
        (
            &["/a/b/*/iban"],
            r#"{"a":{"b":[{"c":2,"iban":*},{"iban":*}],"iban":"x"},"n":null}"#,
        ),
        (
            &["/a/b/1/iban"],
            r#"{"a":{"b":[{"c":2,"iban":1},{"iban":*}],"iban":"x"},"n":null}"#,
        ),
        (&["/a"], r#"{"a":*,"n":null}"#),
        (&["/a", "/a/*", "/a/iban"], r#"{"a":*,"n":null}"#),
        (&["/*"], r#"{"a":*,"n":*}"#),
        (
            &["/absent", "/a/absent/deep"],
            r#"{"a":{"b":[{"c":2,"iban":1},{"iban":1.5}],"iban":"x"},"n":null}"#,
        ),
    ] {
        assert_eq!(shown(input, masks), expected, "{masks:?}");
    }
}

#[test]
fn t40_what_a_mask_cannot_pass_through_is_masked_whole() {
    assert_eq!(
        shown(r#"{"bank": "PT50"}"#, &["/bank/iban"]),
        r#"{"bank":*}"#
    );
    assert_eq!(
        shown(r#"{"bank": ["PT50"]}"#, &["/bank/iban"]),
        r#"{"bank":*}"#
    );
    assert_eq!(shown(r#"{"bank": 7}"#, &["/bank/*"]), r#"{"bank":*}"#);
    assert_eq!(shown(r#""PT50""#, &["/bank/iban"]), "*");
    assert_eq!(
        shown(r#"{"bank": null}"#, &["/bank/iban"]),
        r#"{"bank":null}"#
    );
}

#[test]
fn nobody_can_forge_a_mask() {
    let forged = r#"{"a": {"$masked": "hmac:0000"}, "b": [{"$masked": 1, "more": "PT50"}]}"#;
    assert_eq!(shown(forged, &[]), r#"{"a":*,"b":[*]}"#);
    assert!(matches!(
        recorded(forged, &[]),
        RecordedInput::Masked { .. }
    ));
}

#[test]
fn equal_values_compare_equal_under_one_key_only() {
    let value = |text| key().of_value(&Json::String(text));
    assert_eq!(value("PT50".to_owned()), value("PT50".to_owned()));
    assert_ne!(value("PT50".to_owned()), value("PT51".to_owned()));
    let other = MaskKey::new(&[8; 32]);
    assert_ne!(
        value("PT50".to_owned()),
        other.of_value(&Json::String("PT50".to_owned()))
    );
    assert_ne!(key().id(), other.id());
    assert_eq!(format!("{:?}", key()), "MaskKey(***)");
}

#[test]
fn a_digest_of_something_hidden_is_keyed() {
    // The plain digest of a known whole with one short unknown member can be undone by trying.
    let text = r#"{"employee_id": "e-1", "new_salary_cents": 300000}"#;
    let plain = Input::parse(text.as_bytes()).expect("JSON").digest();
    let RecordedInput::Clear { digest, .. } = recorded(text, &[]) else {
        panic!("nothing is masked")
    };
    assert_eq!(digest, plain);
    let RecordedInput::Masked { digest, .. } = recorded(text, &["/new_salary_cents"]) else {
        panic!("masked")
    };
    assert_eq!(digest, key().of_digest(&plain));
}

#[test]
fn t40_an_unknown_operation_or_a_refused_input_leaves_no_argument() {
    let text = br#"{"iban": "CANARY"}"#;
    let unknown = RecordedInput::of(&Input::parse(text), text, None, &key());
    assert!(matches!(unknown, RecordedInput::Withheld { .. }));
    let text = br#"{"iban": "CANARY", "iban": "CANARY"}"#;
    let refused = RecordedInput::of(&Input::parse(text), text, Some(&BTreeSet::new()), &key());
    let problem = InvalidJson {
        problem: Problem::Duplicate,
        offset: 19,
    };
    let RecordedInput::Refused {
        bytes,
        digest,
        problem: said,
    } = &refused
    else {
        panic!("refused")
    };
    assert_eq!((*bytes, *said), (36, problem));
    assert_eq!(*digest, key().of_digest(&crate::digest::Digest::of(text)));
    for kept in [unknown, refused] {
        assert!(!format!("{:?}", kept.members()).contains("CANARY"));
    }
}

proptest! {
    /// Wherever a canary stands under a mask, the record does not hold it.
    #[test]
    fn t40_i38_canaries_stay_behind_their_masks(
        depth in 1_usize..4,
        steps in prop::collection::vec(prop_oneof![Just("*"), Just("a"), Just("0")], 4),
        arrays in prop::collection::vec(any::<bool>(), 4),
    ) {
        let mask = format!("/{}", steps[..depth].join("/"));
        let mut text = "\"CANARY\"".to_owned();
        for at in (0..depth).rev() {
            let name = if steps[at] == "*" { "any" } else { steps[at] };
            text = if arrays[at] && at > 0 { format!("[{text}]") } else { format!("{{\"{name}\": {text}}}") };
        }
        let kept = recorded(&text, &[&mask]);
        prop_assert!(!format!("{:?}", kept.members()).contains("CANARY"), "{mask} of {text}");
    }
}
