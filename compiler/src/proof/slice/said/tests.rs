//! Fixed digests, one meaning under one and every other under another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stopgate_author::cedar::{Condition, file};
use stopgate_author::policy::{Policy, Rule};
use stopgate_decide::fact::FactName;
use stopgate_decide::name::{OperationName, ProfileName, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Approval, Risk};

use super::super::Reach;
use super::*;

/// Returns the folder of what releases of Stopgate have signed digests of: never changed, only added to.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/formats")
}

fn policy() -> Policy {
    let compiled = crate::check::check(&home().join("policies")).expect("the repository");
    compiled.policy.expect("a good repository")
}

/// Returns the digest of a change from nothing, or from `before`, to `after`.
fn digest_of(before: Option<&Policy>, after: &Policy) -> Digest {
    let named = (
        ToolName::new("erp").expect("a name"),
        OperationName::new("create_refund").expect("a name"),
    );
    let flat = |policy: &Policy| Flat::new(policy, Holding::Profiles);
    let operation = |policy: &Policy| {
        let found = policy.operation(&named.0, &named.1);
        found.expect("the operation").clone()
    };
    let none = BTreeSet::new();
    let (after_flat, head) = (flat(after), operation(after));
    let reach = Reach::new(after);
    let slice = Slice::new(&reach, (&named, &head), &after_flat, &head, &none, 0);
    let is = Decides {
        slice: &slice,
        operation: &head,
        flat: &after_flat,
    };
    let Some(before) = before else {
        return digest(Holding::Profiles, None, is).expect("known");
    };
    let (before_flat, base) = (flat(before), operation(before));
    let reach = Reach::new(before);
    let slice = Slice::new(&reach, (&named, &base), &before_flat, &head, &none, 0);
    let was = Decides {
        slice: &slice,
        operation: &base,
        flat: &before_flat,
    };
    digest(Holding::Profiles, Some(was), is).expect("known")
}

fn at(pointer: &str) -> Pointer {
    Pointer::new(pointer).expect("a pointer")
}

/// Returns the type of an input with the argument `amount_cents`, as `schema` has it.
fn input(schema: &str) -> InputType {
    let schema = format!(r#"{{"type": "object", "properties": {{"amount_cents": {schema}}}}}"#);
    let schema = Json::parse(schema.as_bytes(), stopgate_decide::attempt::INPUT_LIMITS);
    InputType::from_schema(&schema.expect("JSON"), &BTreeSet::new()).expect("a type")
}

fn amount(projection: &str, optional: bool) -> Fact {
    Fact {
        name: FactName::new("amount").expect("a name"),
        projection: projection.parse().expect("a projection"),
        optional,
    }
}

fn rule_of<'p>(policy: &'p mut Policy, id: &str) -> &'p mut Rule {
    let mut rules = policy.rules.iter_mut();
    let found = rules.find(|rule| rule.id.to_string() == id);
    found.expect("the rule")
}

/// One meaning, in as many texts as people write it in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    means: String,
    /// Values of `when:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    when: Vec<String>,
    /// Rules of `.cedar` files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cedar: Vec<String>,
    /// What the rule says, in our own form: canonical JSON.
    says: Option<String>,
    /// The digest of its operation, which was not there before.
    slice: Option<Digest>,
}

impl Vector {
    fn conditions(&self) -> Vec<(String, Condition)> {
        let when = self.when.iter().map(|text| {
            let read = Condition::parse(text);
            let read = read.unwrap_or_else(|why| panic!("{text}: {why:?}"));
            (text.clone(), read)
        });
        let cedar = self.cedar.iter().map(|text| {
            let mut rules = file::parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
            assert_eq!(rules.len(), 1, "{text}");
            (text.clone(), rules.remove(0).condition)
        });
        when.chain(cedar).collect()
    }
}

/// A newer Cedar, Rust or gate gives every digest that was signed: fixed texts, fixed digests.
#[test]
fn t1_digests_that_were_signed_stay_what_they_are() {
    let path = home().join("slice-v3.json");
    let text = fs::read_to_string(&path).expect("the vectors");
    let mut vectors: Vec<Vector> = serde_json::from_str(&text).expect("vectors");
    let fill = std::env::var_os("STOPGATE_BLESS").is_some();
    let plain = policy();
    let flat = Flat::new(&plain, Holding::Profiles);
    let mut seen = BTreeMap::new();
    for vector in &mut vectors {
        for (text, condition) in vector.conditions() {
            let mut policy = plain.clone();
            let rule = rule_of(&mut policy, "erp/refund-small");
            rule.condition = Some(condition);
            let says = proof::said(rule, &flat).expect("known").canonical();
            let slice = digest_of(None, &policy);
            // What is there is never written over.
            if fill && vector.slice.is_none() {
                (vector.says, vector.slice) = (Some(says.clone()), Some(slice));
            }
            assert_eq!(vector.says.as_ref(), Some(&says), "{text}");
            assert_eq!(vector.slice, Some(slice), "{text}");
        }
        let other = seen.insert(vector.slice, vector.means.clone());
        assert_eq!(other, None, "{} has the same digest", vector.means);
    }
    if fill {
        let text = serde_json::to_string_pretty(&vectors).expect("JSON");
        fs::write(&path, text + "\n").expect("written");
    }
}

/// An annotation without a value is refused as an empty one is, in both of Cedar's spellings, so nothing of it is signed.
#[test]
fn an_annotation_without_a_value_is_no_rule() {
    let rule = |annotation: &str| {
        let text = format!(
            "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") {annotation}\nforbid (principal, action, resource);"
        );
        let read = file::parse(&text);
        read.map(|rules| rules.len()).map_err(|mistakes| {
            let told = mistakes.into_iter().map(|one| (one.code, one.message));
            told.collect::<Vec<_>>()
        })
    };
    assert_eq!(rule(""), Ok(1));
    for name in ["description", "risk", "approval", "require"] {
        let refused = rule(&format!("@{name}"));
        assert_eq!(refused, rule(&format!("@{name}(\"\")")), "{name}");
        let Err(told) = refused else {
            panic!("@{name} without a value is a rule");
        };
        assert_eq!(
            told.first().map(|(code, _)| *code),
            Some("cedar-annotation")
        );
    }
}

#[test]
fn t1_whatever_decides_is_in_the_digest() {
    let base = policy();
    let refund = |policy: &mut Policy, change: &dyn Fn(&mut Operation)| {
        let tool = ToolName::new("erp").expect("a name");
        let tool = policy.tools.get_mut(&tool).expect("the tool");
        let name = OperationName::new("create_refund").expect("a name");
        change(tool.operations.get_mut(&name).expect("the operation"));
    };
    let surface = |policy: &mut Policy, change: &dyn Fn(&mut Surface)| {
        if let RuleKind::Grant(surface) = &mut rule_of(policy, "erp/refund-small").kind {
            change(surface);
        }
    };
    type Change<'a> = (&'a str, Box<dyn Fn(&mut Policy) + 'a>);
    let changes: Vec<Change<'_>> = vec![
        ("nothing", Box::new(|_| {})),
        (
            "the definition",
            Box::new(|policy| {
                refund(policy, &|one| one.definition = Digest::compute(b"other"));
            }),
        ),
        (
            "a bound of an argument",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.input = input(r#"{"type": "integer", "minimum": 2}"#);
                });
            }),
        ),
        (
            "another bound",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.input = input(r#"{"type": "integer", "minimum": 3}"#);
                });
            }),
        ),
        (
            "a bound with a fraction",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.input = input(r#"{"type": "number", "minimum": 2.5}"#);
                });
            }),
        ),
        (
            "a fact",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.facts.push(amount("number(/amount_cents)", false));
                });
            }),
        ),
        (
            "a fact that may be absent",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.facts.push(amount("number(/amount_cents)", true));
                });
            }),
        ),
        (
            "another fact",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.facts.push(amount("minor(/amount_cents, 2)", false));
                });
            }),
        ),
        (
            "a selector",
            Box::new(|policy| {
                refund(policy, &|one| {
                    one.select = Some(Selector {
                        pointer: at("/currency"),
                        equals: "EUR".to_owned(),
                    });
                });
            }),
        ),
        (
            "the risk",
            Box::new(|policy| surface(policy, &|one| one.risk = Risk::High)),
        ),
        (
            "the approval",
            Box::new(|policy| {
                surface(policy, &|one| one.approval = Approval::Committee);
            }),
        ),
        (
            "a mask",
            Box::new(|policy| {
                surface(policy, &|one| {
                    one.masks.insert(at("/total"));
                });
            }),
        ),
        (
            "rows",
            Box::new(|policy| {
                surface(policy, &|one| {
                    one.max_rows.insert(at("/rows"), 5);
                });
            }),
        ),
        (
            "more rows",
            Box::new(|policy| {
                surface(policy, &|one| {
                    one.max_rows.insert(at("/rows"), 6);
                });
            }),
        ),
        (
            "a kind",
            Box::new(|policy| {
                let rule = rule_of(policy, "erp/refund-too-large");
                rule.kind = RuleKind::Raise(Surface {
                    approval: Approval::Committee,
                    ..Surface::BOTTOM
                });
            }),
        ),
        (
            "no condition",
            Box::new(|policy| {
                rule_of(policy, "erp/refund-small").condition = None;
            }),
        ),
        (
            "a number in a condition",
            Box::new(|policy| {
                let read = Condition::parse("context.input.amount_cents <= 50001");
                rule_of(policy, "erp/refund-small").condition = read.ok();
            }),
        ),
        (
            "profiles",
            Box::new(|policy| {
                let finance = ProfileName::new("finance").expect("a name");
                rule_of(policy, "erp/refund-small").scope.profiles =
                    Some(BTreeSet::from([finance]));
            }),
        ),
        (
            "everybody",
            Box::new(|policy| {
                rule_of(policy, "erp/refund-small").scope.profiles = None;
            }),
        ),
        (
            "an exception",
            Box::new(|policy| {
                let finance = ProfileName::new("finance").expect("a name");
                rule_of(policy, "erp/refund-small").scope.except = BTreeSet::from([finance]);
            }),
        ),
        (
            "agents",
            Box::new(|policy| {
                let agents = BTreeSet::from(["orchestrator".to_owned()]);
                rule_of(policy, "erp/refund-small").scope.agents = Some(agents);
            }),
        ),
        (
            "no agents",
            Box::new(|policy| {
                rule_of(policy, "erp/refund-small").scope.agents = Some(BTreeSet::new());
            }),
        ),
        (
            "one rule fewer",
            Box::new(|policy| {
                policy
                    .rules
                    .retain(|rule| rule.id.to_string() != "erp/refunds-after-hours");
            }),
        ),
        (
            "who is known",
            Box::new(|policy| {
                let profile = policy
                    .profiles
                    .values_mut()
                    .find(|one| one.groups.is_empty());
                let groups = BTreeSet::from(["sg-new".to_owned()]);
                profile.expect("a profile without groups").groups = groups;
            }),
        ),
    ];
    let mut seen = BTreeMap::new();
    for (what, change) in &changes {
        let mut changed = base.clone();
        change(&mut changed);
        for (side, digest) in [
            ("after", digest_of(Some(&base), &changed)),
            ("before", digest_of(Some(&changed), &base)),
            ("alone", digest_of(None, &changed)),
        ] {
            // Both sides of no change are one.
            if *what == "nothing" && side == "before" {
                continue;
            }
            let other = seen.insert(digest, (*what, side));
            assert_eq!(
                other, None,
                "{what} ({side}) is not told from another change"
            );
        }
    }
    // The order of rules, what they are called and what they say to people decide nothing.
    let mut same = base.clone();
    same.rules.reverse();
    for rule in &mut same.rules {
        rule.description = Some("otherwise".to_owned());
    }
    assert_eq!(digest_of(None, &same), digest_of(None, &base));
}
