//! Parts that no compiler of ours makes. What authors change is tried where documents are compiled, in
//! `tests/tests/properties/loosening.rs`.

use std::io::Cursor;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::dsse::{self, Envelope, Signature};
use super::super::parts::{BundleParts, SourcesPart};
use super::super::{TrustRoot, Unsigned, Verified};
use super::*;

/// The parts of a bundle as JSON and text, free to be spoilt.
#[derive(Clone)]
struct Spoilt {
    catalog: Value,
    policy: Value,
    schema: String,
    slices: BTreeMap<String, String>,
}

fn policy_text(rule: &str, profile: &str, condition: &str) -> String {
    format!(
        "@rule(\"{rule}\")\npermit(principal in Stopgate::Profile::\"{profile}\", \
         action == Stopgate::Action::\"pay/refund\", resource) when {{ {condition} }};\n\n"
    )
}

/// A grant for two profiles, a raise, and a never for everywhere.
fn good() -> Spoilt {
    let surface = |approval: &str| json!({"risk": "low", "approval": approval, "require": [], "mask": [], "max_rows": {}});
    let zero = format!("sha256:{}", "0".repeat(64));
    let member = json!({"name": "amount", "required": true, "nullable": false, "opaque": null,
        "shape": {"integer": {"one_of": null, "min": 0, "max": 9}}});
    let operation = json!({"function": "refund", "select": null, "definition": zero, "effect": "write",
        "input": [member], "facts": {}, "summary": "Refund {amount}", "money": {}, "reads_now": false});
    let profile = json!({"inherits": [], "groups": ["g"]});
    let rule = |id: &str, kind: &str| json!({"id": id, "kind": kind, "reason": "", "at": {}, "everywhere": null});
    let mut grant = rule("pay/small", "grant");
    grant["at"] = json!({"pay/refund": 0});
    let mut raise = rule("pay/late", "raise");
    raise["everywhere"] = json!(1);
    let mut never = rule("guardrails/currency", "never");
    never["reason"] = json!("not this");
    let both = policy_text("pay/small", "lead", "context.input.amount < 5")
        + &policy_text("pay/small", "support", "context.input.amount < 5");
    let anywhere = "@rule(\"guardrails/currency\")\npermit(principal, action, resource);\n\n";
    Spoilt {
        catalog: json!({"stopgate_catalog": 2, "tools": {"pay": {"owner": "team", "contract": "1.0.0",
            "operations": {"refund": operation}}}}),
        policy: json!({"stopgate_policy": 1, "organisation": "acme", "issuers": {},
            "channels": {"dev": {"ceiling": "high", "tools": {}}}, "input_bytes": 100,
            "calendar": {"zone": "UTC", "days": [], "from": "09:00:00", "to": "18:00:00", "holidays": []},
            "routes": [], "deadlines": {"confirm": "30m", "decide": "4bh", "use": "15m"},
            "profiles": {"lead": profile, "support": profile},
            "surfaces": [surface("automatic"), surface("supervisor")], "rules": [never, raise, grant]}),
        schema: "namespace Stopgate {}\n".to_owned(),
        slices: BTreeMap::from([
            ("@any".to_owned(), anywhere.to_owned()),
            (
                "pay/refund".to_owned(),
                both + &policy_text("pay/late", "lead", "!context.time.business"),
            ),
        ]),
    }
}

impl Spoilt {
    fn signed(&self) -> Verified {
        let parts = BundleParts {
            catalog: serde_json::from_value(self.catalog.clone()).expect("a catalog"),
            policy: serde_json::from_value(self.policy.clone()).expect("a policy"),
            schema: self.schema.clone(),
            sources: SourcesPart {
                stopgate_sources: SourcesPart::VERSION,
                rules: BTreeMap::new(),
            },
            slices: self.slices.clone(),
        };
        let pair = Ed25519KeyPair::generate().expect("a key");
        let sign = |message: &[u8]| Signature {
            key: "k1".to_owned(),
            bytes: pair.sign(message).as_ref().to_vec(),
        };
        let role = json!({"keys": ["k1"], "threshold": 1});
        let public = STANDARD.encode(pair.public_key().as_ref());
        let statement = json!({
            "stopgate_root": 1, "version": 1, "expires": "2999-01-01T00:00:00Z",
            "keys": {"k1": {"type": "ed25519", "public": public, "owner": "tests"}},
            "roles": {"root": role, "publisher": role},
        });
        let payload = statement.to_string().into_bytes();
        let root = Envelope {
            payload_type: dsse::ROOT.to_owned(),
            signatures: vec![sign(&dsse::signed_bytes(dsse::ROOT, &payload))],
            payload,
        };
        let root = TrustRoot::open(&root.to_bytes(), Timestamp::UNIX_EPOCH).expect("a root");
        let unsigned = Unsigned::new(&parts).expect("parts");
        let signature = sign(&unsigned.signed_bytes());
        let bytes = unsigned.finish(vec![signature]).expect("a file");
        verified(bytes, &root)
    }

    fn slice(&mut self, name: &str) -> &mut String {
        self.slices.get_mut(name).expect("a slice")
    }
}

fn verified(bytes: Vec<u8>, root: &TrustRoot) -> Verified {
    let verified = Verified::read(Cursor::new(bytes), root, 1 << 20, None);
    verified.expect("a bundle").expect("it is not known")
}

/// Compares the good bundle with what `spoil` makes of it.
fn after(spoil: impl FnOnce(&mut Spoilt)) -> Result<(), MayBeLooser> {
    let mut head = good();
    spoil(&mut head);
    not_looser(good().signed().named(), head.signed().named())
}

fn changed(rule: &str) -> Result<(), MayBeLooser> {
    Err(MayBeLooser::RuleChanged(rule.to_owned()))
}

/// Adds a never to the policy, without its text.
fn add_never(head: &mut Spoilt) {
    let rule =
        json!({"id": "pay/new", "kind": "never", "reason": "no", "at": {}, "everywhere": null});
    head.policy["rules"]
        .as_array_mut()
        .expect("rules")
        .push(rule);
}

#[test]
fn equal_bundles_and_more_nevers_pass() {
    assert_eq!(after(|_| {}), Ok(()));
    let anywhere = after(|head| {
        add_never(head);
        head.slice("@any")
            .push_str("@rule(\"pay/new\")\npermit(principal, action, resource);\n\n");
    });
    assert_eq!(anywhere, Ok(()));
    let first_of_its_slice = after(|head| {
        add_never(head);
        let text = policy_text("pay/new", "lead", "true");
        head.slices.insert("pay/other".to_owned(), text);
    });
    assert_eq!(first_of_its_slice, Ok(()));
}

#[test]
fn each_policy_of_a_rule_counts_where_it_stands() {
    let lead = policy_text("pay/small", "lead", "context.input.amount < 5");
    let fewer =
        after(|head| *head.slice("pay/refund") = head.slice("pay/refund").replace(&lead, ""));
    assert_eq!(fewer, changed("pay/small"));
    let more = after(|head| {
        let text = policy_text("pay/small", "chief", "context.input.amount < 5");
        head.slice("pay/refund").push_str(&text);
    });
    assert_eq!(more, changed("pay/small"));
    let elsewhere = after(|head| {
        head.slices.insert("pay/other".to_owned(), lead.clone());
    });
    assert_eq!(elsewhere, changed("pay/small"));
    let nowhere = after(|head| {
        head.slices.remove("@any");
    });
    assert_eq!(nowhere, changed("guardrails/currency"));
    // The same policies in another order are the same.
    let moved = after(|head| {
        let text = head.slice("pay/refund").replace(&lead, "") + &lead;
        *head.slice("pay/refund") = text;
    });
    assert_eq!(moved, Ok(()));
}

#[test]
fn a_policy_that_is_not_as_printed_is_of_no_rule() {
    let open = "permit(principal, action, resource);";
    let strange = [
        // A comment ends for Cedar where it does not end for us, so a grant is hidden in the never.
        format!("@rule(\"pay/new\") // \r{open}\r@rule(\"pay/small\")\n{open}\n\n"),
        format!("// nothing\n@rule(\"pay/new\")\n{open}\n\n"),
        format!("@rule(\"pay/new\")\t{open}\n\n"),
        format!("@rule(\"pay/new\")\n@id(\"a\")\n{open}\n\n"),
        format!("@id(\"pay/new\")\n{open}\n\n"),
        format!("@rule(\"pay/ne\\u{{77}}\")\n{open}\n\n"),
        "@rule(\"pay/new\")\nforbid(principal, action, resource);\n\n".to_owned(),
        open.to_owned(),
        "\"".to_owned(),
        ";".to_owned(),
    ];
    for text in strange {
        let found = after(|head| {
            add_never(head);
            head.slice("@any").push_str(&text);
        });
        assert_eq!(
            found,
            Err(MayBeLooser::Slice("@any".to_owned())),
            "{text:?}"
        );
    }
    // Of a rule that is in neither bundle.
    let unknown = after(|head| {
        let text = policy_text("pay/unknown", "lead", "true");
        head.slice("pay/refund").push_str(&text);
    });
    assert_eq!(unknown, changed("pay/unknown"));
}

#[test]
fn a_policy_part_that_does_not_hold_together_is_not_vouched_for() {
    let policy = Err(MayBeLooser::Unreadable(POLICY.to_owned()));
    let twice = after(|head| {
        add_never(head);
        add_never(head);
    });
    assert_eq!(twice, policy);
    // A place beyond the list in both is no surface in both, not the same surface.
    let mut nowhere = good();
    nowhere.policy["rules"][2]["at"]["pay/refund"] = json!(7);
    let mut other = nowhere.clone();
    other.slices.remove("@any");
    assert_eq!(
        not_looser(nowhere.signed().named(), other.signed().named()),
        policy
    );
}

#[test]
fn surfaces_are_compared_by_what_they_ask_and_not_by_their_places() {
    let swapped = after(|head| {
        head.policy["surfaces"]
            .as_array_mut()
            .expect("surfaces")
            .swap(0, 1);
        head.policy["rules"][1]["everywhere"] = json!(0);
        head.policy["rules"][2]["at"]["pay/refund"] = json!(1);
    });
    assert_eq!(swapped, Ok(()));
    let same_places = after(|head| {
        head.policy["surfaces"]
            .as_array_mut()
            .expect("surfaces")
            .swap(0, 1);
    });
    assert_eq!(same_places, changed("pay/late"));
}

#[test]
fn another_schema_or_type_is_not_the_same() {
    assert_eq!(
        after(|head| head.schema.push(' ')),
        Err(MayBeLooser::Schema)
    );
    let operation = Err(MayBeLooser::Operation {
        tool: "pay".parse().expect("a name"),
        operation: "refund".parse().expect("a name"),
    });
    let at = "/tools/pay/operations/refund";
    for (member, value) in [
        ("function", json!("pay")),
        ("select", json!({"pointer": "/amount", "equals": "1"})),
        ("definition", json!(format!("sha256:{}", "1".repeat(64)))),
        ("effect", json!("read")),
        ("input", json!([])),
        (
            "facts",
            json!({"n": {"projection": "count(/a)", "optional": false}}),
        ),
        ("summary", json!("Refund")),
        ("money", json!({"amount": "currency"})),
        ("reads_now", json!(true)),
    ] {
        let found = after(|head| {
            head.catalog.pointer_mut(at).expect("an operation")[member] = value;
        });
        assert_eq!(found, operation, "{member}");
    }
    for (member, value) in [
        ("required", json!(false)),
        ("nullable", json!(true)),
        ("opaque", json!("masked")),
        (
            "shape",
            json!({"integer": {"one_of": null, "min": 0, "max": 10}}),
        ),
    ] {
        let found = after(|head| {
            let operation = head.catalog.pointer_mut(at).expect("an operation");
            operation["input"][0][member] = value;
        });
        assert_eq!(found, operation, "{member}");
    }
    let owned = after(|head| {
        head.catalog["tools"]["pay"]["owner"] = json!("another");
        head.catalog["tools"]["pay"]["contract"] = json!("1.0.1");
    });
    assert_eq!(owned, Ok(()));
}

#[test]
fn a_policy_may_get_no_older_than_before() {
    let limit = |soft: i64, hard: i64| json!({"soft": soft, "hard": hard});
    let with = |freshness: Option<Value>| {
        let mut spoilt = good();
        if let Some(freshness) = freshness {
            spoilt.policy["freshness"] = freshness;
        }
        spoilt.signed()
    };
    let fine = Ok(());
    let older = Err(MayBeLooser::Freshness);
    for (before, after, said) in [
        (None, Some(limit(900, 86_400)), &fine),
        (None, Some(limit(1, i64::MAX)), &fine),
        (Some(limit(900, 86_400)), Some(limit(900, 86_400)), &fine),
        (Some(limit(900, 86_400)), Some(limit(899, 86_400)), &fine),
        (Some(limit(900, 86_400)), Some(limit(900, 86_399)), &fine),
        (Some(limit(900, 86_400)), None, &older),
        (Some(limit(900, 86_400)), Some(limit(901, 86_400)), &older),
        (Some(limit(900, 86_400)), Some(limit(900, 86_401)), &older),
        // One of the two is enough, whatever the other one gives back.
        (Some(limit(900, 86_400)), Some(limit(901, 901)), &older),
        (Some(limit(900, 86_400)), Some(limit(1, 86_401)), &older),
    ] {
        let about = format!("{before:?} {after:?}");
        // With a never more, so that two equal limits do not make one bundle, of which nothing is compared.
        let mut head = good();
        add_never(&mut head);
        head.slice("@any")
            .push_str("@rule(\"pay/new\")\npermit(principal, action, resource);\n\n");
        if let Some(after) = after {
            head.policy["freshness"] = after;
        }
        assert_eq!(
            not_looser(with(before).named(), head.signed().named()),
            *said,
            "{about}"
        );
    }
}

#[test]
fn bundles_of_the_first_table_are_compared_with_themselves_only() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/compat/0.1.0");
    let root = std::fs::read(format!("{folder}/root.dsse.json")).expect("a root");
    let root = TrustRoot::open(&root, Timestamp::UNIX_EPOCH).expect("a root");
    let bytes = std::fs::read(format!("{folder}/policy.stopgate")).expect("a bundle");
    let first = verified(bytes, &root);
    assert_eq!(not_looser(first.named(), first.named()), Ok(()));
    let version = Err(MayBeLooser::Version);
    assert_eq!(not_looser(first.named(), good().signed().named()), version);
    assert_eq!(not_looser(good().signed().named(), first.named()), version);
    // Its slices were printed by our compiler.
    let slices = first
        .content()
        .iter()
        .filter(|(name, _)| name.starts_with(SLICES));
    let rules: usize = slices
        .map(|(name, text)| policies(text).unwrap_or_else(|| panic!("{name}")).len())
        .sum();
    assert!(rules > 6, "{rules}");
}
