//! `rules/TOOL.yaml`: grants, raises and nevers for the operations of one tool.

use std::collections::BTreeMap;

use jiff::civil::Date;
use stopgate_decide::name::{OperationName, OwnerName, ProfileName, RuleName, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Approval, Requirement, Risk};

use crate::diagnostic::{Diagnostics, rules as facts, shape as say};
use crate::source::node::{Key, Node};
use crate::source::{Span, Spanned};

use super::condition::{self, ConditionDoc, Texts};
use super::read::{Record, STOPGATE, list, max_rows, set};
use super::scalar::{date, form, name, pointer, text, word};
use super::shape::{Absent, Bond, Entries, Field, Form, Loosens, Shape};

pub(crate) struct RulesDoc {
    pub(crate) tool: Spanned<ToolName>,
    pub(crate) rules: Vec<RuleDoc>,
    /// Ids of all rules, broken ones included; `None` for one that is no name.
    pub(crate) ids: Vec<Option<Spanned<RuleName>>>,
}

pub(crate) struct RuleDoc {
    pub(crate) id: Spanned<RuleName>,
    pub(crate) operations: Vec<Spanned<OperationName>>,
    pub(crate) profiles: Vec<Spanned<ProfileName>>,
    pub(crate) except: Vec<Spanned<ProfileName>>,
    pub(crate) agents: Option<Vec<Spanned<String>>>,
    pub(crate) kind: KindDoc,
    pub(crate) condition: Option<ConditionDoc>,
    pub(crate) description: Option<String>,
    pub(crate) owner: OwnerName,
    pub(crate) review_by: Date,
}

pub(crate) enum KindDoc {
    Grant {
        risk: Spanned<Risk>,
        approval: Spanned<Approval>,
        asks: Asks,
    },
    Raise {
        approval: Approval,
        asks: Asks,
    },
    Never(String),
}

/// What a rule adds beside risk and approval.
#[derive(Default)]
pub(crate) struct Asks {
    pub(crate) require: Vec<Spanned<Requirement>>,
    pub(crate) mask: Vec<Spanned<Pointer>>,
    pub(crate) max_rows: BTreeMap<Pointer, u32>,
}

impl Asks {
    const KEYS: [&'static str; 3] = ["require", "mask", "max_rows"];

    fn read(record: &Record<'_>, dx: &mut Diagnostics) -> Self {
        Self {
            require: record
                .get("require")
                .map(|node| set(node, dx, word))
                .unwrap_or_default(),
            mask: record
                .get("mask")
                .map(|node| set(node, dx, pointer))
                .unwrap_or_default(),
            max_rows: record
                .get("max_rows")
                .map(|node| max_rows(node, dx))
                .unwrap_or_default(),
        }
    }

    /// Returns where a dry run is asked for, if it is.
    pub(crate) fn dry_run(&self) -> Option<Span> {
        self.require
            .iter()
            .find(|asked| asked.value == Requirement::DryRun)
            .map(|asked| asked.span)
    }
}

/// `rules/TOOL.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "a rules document",
    fields: &[
        STOPGATE,
        Field::required(
            "tool",
            Loosens::Nothing,
            form::NAME,
            "The tool that the rules are for; the file has the same name.",
        ),
        Field::optional(
            "owner",
            Loosens::Any,
            form::NAME,
            "Who answers for every rule below that names no owner of its own.",
        ).absent(Absent::Below).guards(),
        Field::optional(
            "review_by",
            Loosens::Higher,
            form::DATE,
            "The day by which every rule below that names none of its own has to be looked at again.",
        ).absent(Absent::Below).guards(),
        Field::required(
            "rules",
            Loosens::Proved,
            Form::list(&Form::Record(&RULE), Entries::Keyed("id")),
            "What is granted, raised or forbidden. The order means nothing: of all rules that match, the strictest \
             answer counts.",
        ),
    ],
    bonds: &[
        Bond::HereOrInEach {
            key: "owner",
            list: "rules",
            help: "each rule needs an `owner`: its own, or the one at the top of the file",
        },
        Bond::HereOrInEach {
            key: "review_by",
            list: "rules",
            help: "each rule needs a `review_by`: its own, or the one at the top of the file",
        },
    ],
};

const RULE: Shape = Shape {
    what: "a rule",
    fields: &[
        Field::required(
            "id",
            Loosens::Outside,
            form::NAME,
            "Name of the rule, unique in the tool. Records and messages print it as `TOOL/ID`.",
        ),
        Field::required(
            "operations",
            Loosens::Proved,
            Form::set(&form::NAME),
            "The operations of the tool that the rule is about. Each is named: there are no wildcards.",
        ),
        Field::required(
            "profiles",
            Loosens::Proved,
            Form::set(&form::NAME),
            "Users of these profiles, and of profiles that inherit them.",
        ),
        Field::optional(
            "risk",
            Loosens::Proved,
            form::word::<Risk>(),
            "How much harm a wrong call could do. A channel's ceiling and the floors of stopgate.yaml are stated in it.",
        ),
        Field::optional(
            "approval",
            Loosens::Proved,
            form::word::<Approval>(),
            "Who has to approve each call before it runs. A grant has `risk` and `approval`.",
        ),
        REQUIRE,
        Field::optional(
            "raise",
            Loosens::Within,
            Form::Record(&RAISE),
            "Makes the rule a raise: it grants nothing, and what another rule grants needs this too.",
        ),
        Field::optional(
            "never",
            Loosens::Nothing,
            form::TEXT,
            "Makes the rule a never: no approval helps. The text is the reason that is shown.",
        ),
        Field::optional(
            "except",
            Loosens::Proved,
            Form::set(&form::NAME),
            "Profiles that the rule does not reach although they inherit one of `profiles`.",
        ).absent(Absent::Same("[]")),
        Field::optional(
            "agents",
            Loosens::Proved,
            Form::set(&form::TEXT),
            "The rule holds for these agents only, by their ids. Left out: for every agent.",
        ),
        Field::optional(
            "when",
            Loosens::Proved,
            Form::Raw,
            "A Cedar expression over `context.input`, `context.facts`, `context.agent` and `context.time`: the rule \
             holds only where it is true. Left out: always. Where it begins with `!`, a quote or a bracket, write it \
             as a `|-` block.",
        ),
        Field::optional(
            "description",
            Loosens::Nothing,
            form::TEXT,
            "Why the rule is there, for people.",
        ),
        Field::optional(
            "owner",
            Loosens::Any,
            form::NAME,
            "Who answers for the rule. Left out: the owner at the top of the file, which has to be there then.",
        ).absent(Absent::Above).guards(),
        Field::optional(
            "review_by",
            Loosens::Higher,
            form::DATE,
            "The day by which the rule has to be looked at again. Left out: the one at the top of the file, which has \
             to be there then.",
        ).absent(Absent::Above).guards(),
        MASK,
        MAX_ROWS,
    ],
    bonds: &[
        Bond::OneOf {
            keys: &["risk", "raise", "never"],
            help: "a rule is a grant with `risk` and `approval`, or a `raise`, or a `never`",
        },
        Bond::Beside {
            key: "risk",
            other: "approval",
        },
        Bond::Beside {
            key: "approval",
            other: "risk",
        },
        Bond::Beside {
            key: "require",
            other: "risk",
        },
        Bond::Beside {
            key: "mask",
            other: "risk",
        },
        Bond::Beside {
            key: "max_rows",
            other: "risk",
        },
    ],
};

const RAISE: Shape = Shape {
    what: "a raise",
    fields: &[
        Field::optional(
            "approval",
            Loosens::Proved,
            form::word::<Approval>(),
            "Who has to approve each call at least. Left out: nobody more than another rule asks for.",
        ),
        REQUIRE,
        MASK,
        MAX_ROWS,
    ],
    bonds: &[Bond::Something],
};

const REQUIRE: Field = Field::optional(
    "require",
    Loosens::Proved,
    Form::set(&form::word::<Requirement>()),
    "What has to be collected before a call runs, beside people's approval. Left out: what the floors ask for.",
).absent(Absent::Same("[]"));

const MASK: Field = Field::optional(
    "mask",
    Loosens::Proved,
    form::POINTERS,
    "Places in the result that are masked before the agent sees it, in addition to the catalog's.",
)
.absent(Absent::Same("[]"));

const MAX_ROWS: Field = Field::optional(
    "max_rows",
    Loosens::Proved,
    form::MAX_ROWS,
    "Lists in the result that are shortened before the agent sees them. Of several limits the lowest counts.",
);

pub(crate) fn read(root: &Node, source: &str, dx: &mut Diagnostics) -> Option<RulesDoc> {
    let record = Record::document(root, &SHAPE, dx)?;
    let tool = record.need("tool", dx).and_then(|node| name(node, dx));
    let stated = Stated {
        owner: record
            .get("owner")
            .map(|node| name(node, dx).map(|owner| owner.value)),
        review_by: record.get("review_by").map(|node| date(node, dx)),
    };
    let mut ids = Vec::new();
    let rules = record.need("rules", dx).map(|node| {
        let texts = Texts::new(node, source);
        list(node, dx, |node, dx| {
            rule(node, &texts, &stated, &mut ids, dx)
        })
    });
    Some(RulesDoc {
        tool: tool?,
        rules: rules.unwrap_or_default(),
        ids,
    })
}

/// What the file says for all its rules; `Some(None)` is stated and broken.
struct Stated {
    owner: Option<Option<OwnerName>>,
    review_by: Option<Option<Date>>,
}

fn rule(
    node: &Node,
    texts: &Texts<'_>,
    stated: &Stated,
    ids: &mut Vec<Option<Spanned<RuleName>>>,
    dx: &mut Diagnostics,
) -> Option<RuleDoc> {
    // The id first, and noted even if it is broken: rules are counted by their ids, and tests name them.
    let record = Record::open(node, &RULE, dx);
    let id = record
        .as_ref()
        .and_then(|record| record.need("id", dx))
        .and_then(|node| name(node, dx));
    ids.push(id.clone());
    let record = record?;
    let operations = record
        .need("operations", dx)
        .map(|node| set(node, dx, name));
    let profiles = record.need("profiles", dx).map(|node| set(node, dx, name));
    let except = record.get("except").map(|node| set(node, dx, name));
    let agents = record.get("agents").map(|node| set(node, dx, text));
    let kind = kind(&record, dx);
    let condition = record
        .get("when")
        // Read even where the rule's scope is broken, for the mistakes in the condition.
        .map(|node| condition::read(node, texts, dx));
    let description = record.get("description").map(|node| text(node, dx));
    let owner = match record.get("owner") {
        Some(node) => name(node, dx).map(|owner| owner.value),
        None => stated
            .owner
            .clone()
            // Stated for the whole file and broken is no second mistake here.
            .unwrap_or_else(|| in_neither(&record, "owner", dx)),
    };
    let review_by = match record.get("review_by") {
        Some(node) => date(node, dx),
        None => stated
            .review_by
            .unwrap_or_else(|| in_neither(&record, "review_by", dx)),
    };
    Some(RuleDoc {
        id: id?,
        operations: operations?,
        profiles: profiles?,
        except: except.unwrap_or_default(),
        // None of them readable is not the same as none named.
        agents: match agents {
            Some(agents) if agents.is_empty() => return None,
            agents => agents,
        },
        kind: kind?,
        condition: match condition {
            Some(condition) => Some(condition?),
            None => None,
        },
        description: description.flatten().map(|text| text.value),
        owner: owner?,
        review_by: review_by?,
    })
}

fn in_neither<T>(record: &Record<'_>, key: &str, dx: &mut Diagnostics) -> Option<T> {
    let help = format!("add `{key}:` to the rule, or to the top of the file for all its rules");
    dx.push(say::missing_key(record.place(), key, "a rule", Some(&help)));
    None
}

/// Reads which of the three kinds the rule is, with what that kind says. A rule that is none of them, or several, is
/// reported.
fn kind(record: &Record<'_>, dx: &mut Diagnostics) -> Option<KindDoc> {
    // Either of the two makes it a grant, so that the missing one is told as missing.
    let grant = record.entry("risk").or_else(|| record.entry("approval"));
    let stated: Vec<(&Key, &Node)> = [grant, record.entry("raise"), record.entry("never")]
        .into_iter()
        .flatten()
        .collect();
    let [(key, node)] = stated.as_slice() else {
        let places: Vec<(Span, &str)> = stated
            .iter()
            .map(|(key, _)| (key.span, key.text.as_str()))
            .collect();
        dx.push(facts::rule_kind(record.place(), &places));
        return None;
    };
    match key.text.as_str() {
        "raise" => {
            // In a raise, what is asked for stands inside `raise:`; beside it the same keys would be a grant's.
            misplaced(
                record,
                "this rule is a raise",
                "write it inside `raise:`",
                dx,
            );
            raise(key, node, dx)
        }
        "never" => {
            misplaced(
                record,
                "nothing is granted, so nothing is asked for",
                "delete it",
                dx,
            );
            text(node, dx).map(|reason| KindDoc::Never(reason.value))
        }
        _ => {
            let risk = record.need("risk", dx).and_then(|node| word(node, dx));
            let approval = record.need("approval", dx).and_then(|node| word(node, dx));
            let asks = Asks::read(record, dx);
            Some(KindDoc::Grant {
                risk: risk?,
                approval: approval?,
                asks,
            })
        }
    }
}

fn misplaced(record: &Record<'_>, why: &str, help: &str, dx: &mut Diagnostics) {
    for (key, _) in Asks::KEYS.iter().filter_map(|key| record.entry(key)) {
        dx.push(say::misplaced_key(key.span, &key.text, why, help));
    }
}

fn raise(key: &Key, node: &Node, dx: &mut Diagnostics) -> Option<KindDoc> {
    let record = Record::open(node, &RAISE, dx)?;
    let approval = record
        .get("approval")
        .map(|node| word::<Approval>(node, dx));
    let asks = Asks::read(&record, dx);
    // A raise may ask for something else than people.
    let approval = match approval {
        Some(level) => level?.value,
        None => Approval::Automatic,
    };
    let asked = Asks::KEYS.iter().any(|key| record.get(key).is_some());
    if approval == Approval::Automatic && !asked {
        dx.push(facts::raise_nothing(key.span));
        return None;
    }
    Some(KindDoc::Raise { approval, asks })
}
