//! T40: what the catalog masks, and what nobody could check, never stands in a record.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use proptest::prelude::*;

use crate::attempt::Input;
use crate::digest::Digest;
use crate::json::{InvalidJson, Problem};
use crate::pointer::Pointer;
use crate::record::{KeyedDigest, LONG_REFUSED_BYTES, MaskKey, RecordedInput, Sent};

fn key() -> MaskKey {
    MaskKey::new(&[7; 32])
}

fn pointers(masks: &[&str]) -> BTreeSet<Pointer> {
    let pointer = |mask: &&str| Pointer::new(mask).expect("a pointer");
    masks.iter().map(pointer).collect()
}

/// Returns what a record keeps of `text`, an input of `erp`/`set_account`. `None` stands for masks that nobody knows.
fn kept(text: &[u8], masks: Option<&[&str]>, rejected: bool) -> RecordedInput {
    let masks = masks.map(pointers);
    let sent = Sent {
        input: &Input::parse(text),
        text,
        tool: "erp",
        operation: Some("set_account"),
        masks: masks.as_ref(),
        rejected,
    };
    RecordedInput::new(&sent, &key())
}

fn recorded(text: &str, masks: &[&str]) -> RecordedInput {
    kept(text.as_bytes(), Some(masks), false)
}

/// Returns the keyed digest of the value that `mask` hides in `text`, an input of `tool` and `operation`.
fn hidden(
    key: &MaskKey,
    (tool, operation): (&str, Option<&str>),
    text: &str,
    mask: &str,
) -> KeyedDigest {
    let sent = Sent {
        input: &Input::parse(text.as_bytes()),
        text: text.as_bytes(),
        tool,
        operation,
        masks: Some(&pointers(&[mask])),
        rejected: false,
    };
    let RecordedInput::Masked { json, .. } = RecordedInput::new(&sent, key) else {
        panic!("nothing of {text} is masked by {mask}")
    };
    let json = json.canonical();
    let (_, digest) = json.split_once("{\"$masked\":\"").expect("a mask");
    let (digest, _) = digest.split_once('"').expect("its end");
    digest.parse().expect("a keyed digest")
}

/// Writes the arguments as they are recorded, with `*` for each masked value; the digests are compared elsewhere.
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

/// Writes the members of a record that tell of an input.
fn rendered(kept: &RecordedInput) -> String {
    let mut out = String::new();
    kept.write(&mut crate::record::value::Object::bare(&mut out));
    out
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

/// Checks that whoever may send inputs of one operation and read the log finds out nothing there about what is hidden
/// at another operation.
#[test]
fn t40_equal_values_compare_equal_at_one_place_of_one_operation_only() {
    const ACCOUNT: (&str, Option<&str>) = ("erp", Some("set_account"));
    const TEXT: &str = r#"{"iban": "PT50"}"#;
    let first = hidden(&key(), ACCOUNT, TEXT, "/iban");
    // Another input of the same operation: what stands beside the value does not matter.
    let again = r#"{"note": "other", "iban": "PT50"}"#;
    assert_eq!(hidden(&key(), ACCOUNT, again, "/iban"), first);
    assert_eq!(hidden(&key(), ACCOUNT, TEXT, "/*"), first, "however named");

    let other_key = MaskKey::new(&[8; 32]);
    assert_ne!(key().id(), other_key.id());
    assert_eq!(format!("{:?}", key()), "MaskKey(***)");
    for (key, meant, text, mask) in [
        (&other_key, ACCOUNT, TEXT, "/iban"),
        (&key(), ACCOUNT, r#"{"iban": "PT51"}"#, "/iban"),
        (&key(), ("hr", Some("set_account")), TEXT, "/iban"),
        (&key(), ("erp", Some("get_account")), TEXT, "/iban"),
        (&key(), ("erp", None), TEXT, "/iban"),
        // Glued together these are the same text as `erp` and `set_account`.
        (&key(), ("erpset", Some("_account")), TEXT, "/iban"),
        // Another place in the input.
        (&key(), ACCOUNT, r#"{"to": "PT50"}"#, "/to"),
        (&key(), ACCOUNT, r#"{"a": {"iban": "PT50"}}"#, "/a/iban"),
        (&key(), ACCOUNT, r#"{"iban": ["PT50"]}"#, "/iban/*"),
        (&key(), ACCOUNT, r#"{"iban": ["PT50"]}"#, "/iban"),
    ] {
        assert_ne!(
            hidden(key, meant, text, mask),
            first,
            "{meant:?} {text} {mask}"
        );
    }
    // An element and a member of the same name are two places.
    let element = hidden(&key(), ACCOUNT, r#"{"a": ["x"]}"#, "/a/0");
    let member = hidden(&key(), ACCOUNT, r#"{"a": {"0": "x"}}"#, "/a/0");
    assert_ne!(element, member);
}

/// Compares digests with those that `hmac.new(bytes([7]) * 32, text, "sha256")` makes in Python. Logs are kept for
/// years, so the digests never change.
#[test]
fn keyed_digests_are_the_hmac_of_a_list_in_canonical_json() {
    for (made, expected) in [
        (
            key().id(),
            "hmac:22ccbbf504374f15388f0ac3387032d833f593a885cfe985c5413aa45b35d8db",
        ),
        (
            // ["stopgate-mask-value-v2","erp","set_bank_account",["accounts",1,"iban"],"PT50"]
            hidden(
                &key(),
                ("erp", Some("set_bank_account")),
                r#"{"accounts": [{"iban": null}, {"iban": "PT50"}]}"#,
                "/accounts/1/iban",
            ),
            "hmac:5660627959c16bd4e5cb2813efaabe29b1a226385e0d92a5d1682f106bb5b1ff",
        ),
        (
            // ["stopgate-mask-value-v2","erp",null,[],"PT50"]
            hidden(&key(), ("erp", None), r#""PT50""#, "/iban"),
            "hmac:980068f515708bac658ff7b29a6f7cbbcabe9ce0865ec306147ed50a1812e8e4",
        ),
    ] {
        assert_eq!(made.to_string(), expected);
    }
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
    assert_eq!(digest.to_string(), of_whole(&plain));
}

/// Computes the keyed digest of an input of `erp`/`set_account`, from the text that is signed, written out.
fn of_whole(digest: &Digest) -> String {
    let text = format!(r#"["stopgate-mask-digest-v2","erp","set_account","{digest}"]"#);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let tag = hmac::sign(&key, text.as_bytes());
    let hex = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("hmac:{}", hex.collect::<String>())
}

#[test]
fn a_long_input_of_a_refused_attempt_is_kept_as_digest_and_length() {
    // The quotes, the braces, the name and the colon are eight bytes.
    let text = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let most = text(LONG_REFUSED_BYTES);
    assert_eq!(most.len(), LONG_REFUSED_BYTES);
    let clear = |kept| matches!(kept, RecordedInput::Clear { .. });
    assert!(clear(kept(most.as_bytes(), Some(&[]), true)));
    let more = text(LONG_REFUSED_BYTES + 1);
    assert!(clear(kept(more.as_bytes(), Some(&[]), false)), "it may run");
    let digest = Input::parse(more.as_bytes()).expect("JSON").digest();
    let long = kept(more.as_bytes(), Some(&[]), true);
    let RecordedInput::Long {
        bytes,
        digest: said,
    } = long
    else {
        panic!("{long:?}")
    };
    assert_eq!(bytes, 8 * 1024 + 1);
    assert_eq!(said.to_string(), of_whole(&digest));
}

#[test]
fn t40_an_unknown_operation_or_a_refused_input_leaves_no_argument() {
    let text = br#"{"iban": "CANARY"}"#;
    let unknown = kept(text, None, true);
    assert!(matches!(unknown, RecordedInput::Withheld { .. }));
    let text = br#"{"iban": "CANARY", "iban": "CANARY"}"#;
    let refused = kept(text, Some(&[]), true);
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
    assert_eq!(digest.to_string(), of_whole(&Digest::compute(text)));
    for kept in [unknown, refused] {
        assert!(!rendered(&kept).contains("CANARY"));
    }
}

proptest! {
    /// Checks that the record does not hold a canary, wherever under a mask it stands.
    #[test]
    fn t40_i38_canaries_stay_behind_their_masks(
        depth in 1_usize..4,
        steps in prop::collection::vec(prop_oneof![Just("*"), Just("a"), Just("0")], 4),
        arrays in prop::collection::vec(any::<bool>(), 4),
    ) {
        let mask = format!("/{}", steps[..depth].join("/"));
        let mut text = "\"CANARY\"".to_owned();
        // From the inside out. An array at the top would be no list of arguments.
        for at in (0..depth).rev() {
            let name = if steps[at] == "*" { "any" } else { steps[at] };
            text = if arrays[at] && at > 0 { format!("[{text}]") } else { format!("{{\"{name}\": {text}}}") };
        }
        let kept = recorded(&text, &[&mask]);
        prop_assert!(!rendered(&kept).contains("CANARY"), "{mask} of {text}");
    }
}
