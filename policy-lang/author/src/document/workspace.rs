//! `stopgate.yaml`: whose policy it is, who may name subjects, how high each channel goes, what every grant asks for
//! at least, how old the policy may be, and what a change needs.

use stopgate_decide::attempt::INPUT_LIMITS;
use stopgate_decide::freshness::Freshness;
use stopgate_decide::name::{ChannelName, OwnerName, ToolName};
use stopgate_decide::organisation::Issuer;
use stopgate_decide::surface::{Approval, Limit, Requirement, Risk};

use crate::diagnostic::{Diagnostics, shape as say};
use crate::policy::{Floor, Floors, Gate};
use crate::source::node::Node;
use crate::source::{Span, Spanned};

use super::read::{Named, Record, STOPGATE, list, named};
use super::scalar::{form, integer, name, raw, word};
use super::shape::{Absent, Entries, Field, Form, List, Loosens, Shape, Spelling, Weight};
use super::{freshness, gate};

/// Longest input accepted, in bytes, where `limits.input_bytes` says nothing: a quarter of the hard limit
/// [`INPUT_LIMITS`].
const INPUT_BYTES: usize = 64 * 1024;

/// Approvals that one person can give a day where `limits.approvals_per_approver_per_day` says nothing.
const APPROVALS_PER_APPROVER_PER_DAY: u32 = 20;

/// The claim with the user's id where `subject` says nothing.
const SUBJECT_CLAIM: &str = "sub";

/// The claim with the user's groups where `groups` says nothing.
const GROUPS_CLAIM: &str = "groups";

/// Claims that a token has for itself.
const OWN_CLAIMS: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// `stopgate.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "stopgate.yaml",
    fields: &[
        STOPGATE,
        Field::required(
            "organisation",
            Loosens::Any,
            form::NAME,
            "Whose policy this is; bundles and records carry it.",
        ),
        Field::required(
            "identity",
            Loosens::Added,
            Form::List(List {
                of: &Form::Record(&IDENTITY),
                empty: false,
                unique: false,
                entries: Entries::Keyed("issuer"),
            }),
            "Who may name the user that an agent acts for.",
        )
        .weighs(Weight::Grave),
        Field::required(
            "channels",
            Loosens::Added,
            Form::Named {
                key: form::NAMES,
                value: &Form::Record(&CHANNEL),
                empty: false,
            },
            "Phases of a rollout, by their names. A sidecar is configured for one of them.",
        )
        .weighs(Weight::Word(Limit::High.as_str())),
        Field::optional(
            "floors",
            Loosens::Within,
            Form::Record(&FLOORS),
            "What every grant asks for at least, by its risk and by the effect of its operations. A floor that is \
             stated replaces the default one; the others stay.",
        ),
        Field::optional(
            "freshness",
            Loosens::Removed,
            Form::Record(&freshness::SHAPE),
            "How old the policy may be, counted from the newest timestamp of its channel: an older one lets less \
             through. Left out: its age takes nothing away.",
        )
        .weighs(Weight::Grave),
        Field::optional(
            "limits",
            Loosens::Within,
            Form::Record(&LIMITS),
            "Limits of what sidecars accept and of what people are asked.",
        ),
        Field::optional(
            "gate",
            Loosens::Within,
            Form::Record(&gate::SHAPE),
            "What a change of the policy needs. A change is judged by what the revision before it says here.",
        )
        .weighs(Weight::Grave),
    ],
    bonds: &[],
};

const IDENTITY: Shape = Shape {
    what: "an identity",
    fields: &[
        Field::required(
            "issuer",
            Loosens::Outside,
            Form::Spelt(Spelling {
                pattern: "^https://[^\\s\"]*$",
                examples: &["https://sso.example.com/"],
                help: "write the issuer's URL exactly as its tokens name it, such as https://sso.example.com/",
                order: None,
            }),
            "The identity provider's URL, exactly as the claim `iss` of its tokens names it.",
        ),
        Field::required(
            "audience",
            Loosens::Any,
            Form::Raw,
            "The claim `aud` that tokens have to carry; others are refused.",
        ),
        Field::optional(
            "subject",
            Loosens::Any,
            Form::Raw,
            "The claim with the user's id. Left out: `sub`.",
        ).absent(Absent::Same(SUBJECT_CLAIM)),
        Field::optional(
            "groups",
            Loosens::Any,
            Form::Raw,
            "The claim with the user's groups, which profiles.yaml maps to profiles. Left out: `groups`.",
        ).absent(Absent::Same(GROUPS_CLAIM)),
        Field::optional(
            "agent",
            Loosens::Any,
            Form::Raw,
            "The claim with the agent's id, such as `azp`. Left out: tokens of this issuer name no agent.",
        ),
    ],
    bonds: &[],
};

const CHANNEL: Shape = Shape {
    what: "a channel",
    fields: &[
        Field::required(
            "ceiling",
            Loosens::Higher,
            form::word::<Limit>(),
            "The highest class of action that this channel lets through; whatever is above it is rejected.",
        ).weighs(Weight::Word(Limit::High.as_str())),
        Field::optional(
            "tools",
            Loosens::Higher,
            Form::Named {
                key: form::NAMES,
                value: &form::word::<Limit>(),
                empty: true,
            },
            "Ceilings of single tools, instead of the channel's.",
        ).absent(Absent::Beside("ceiling")).weighs(Weight::Word(Limit::High.as_str())),
    ],
    bonds: &[],
};

const FLOORS: Shape = Shape {
    what: "floors",
    fields: &[
        Field::optional(
            "low",
            Loosens::Within,
            FLOOR,
            "For grants of low risk. Left out: nothing.",
        )
        .absent(Absent::Same("{}")),
        Field::optional(
            "medium",
            Loosens::Within,
            FLOOR,
            "For grants of medium risk. Left out: a supervisor and the user's confirmation.",
        )
        .absent(Absent::Same(
            "{approval: supervisor, require: [user_confirmation]}",
        )),
        Field::optional(
            "high",
            Loosens::Within,
            FLOOR,
            "For grants of high risk. Left out: a committee and the user's confirmation.",
        )
        .absent(Absent::Same(
            "{approval: committee, require: [user_confirmation]}",
        )),
        Field::optional(
            "read",
            Loosens::Within,
            EFFECT_FLOOR,
            "For grants of operations with effect `read`. Left out: nothing.",
        )
        .absent(Absent::Same("{}")),
        Field::optional(
            "write",
            Loosens::Within,
            EFFECT_FLOOR,
            "For grants of operations with effect `write`. Left out: nothing.",
        )
        .absent(Absent::Same("{}")),
        Field::optional(
            "irreversible",
            Loosens::Within,
            EFFECT_FLOOR,
            "For grants of operations with effect `irreversible`. Left out: medium risk.",
        )
        .absent(Absent::Same("{risk: medium}")),
        Field::optional(
            "critical",
            Loosens::Within,
            FLOOR,
            "For grants of high risk on irreversible operations. Left out: a dry run.",
        )
        .absent(Absent::Same("{require: [dry_run]}")),
    ],
    bonds: &[],
};

const FLOOR: Form = Form::Record(&PLAIN_FLOOR);
const EFFECT_FLOOR: Form = Form::Record(&FLOOR_WITH_RISK);

const PLAIN_FLOOR: Shape = Shape {
    what: "a floor",
    fields: &[FLOOR_APPROVAL, FLOOR_REQUIRE],
    bonds: &[],
};

const FLOOR_WITH_RISK: Shape = Shape {
    what: "a floor",
    fields: &[
        Field::optional(
            "risk",
            Loosens::Lower,
            form::word::<Risk>(),
            "The lowest risk that such a grant can have. Left out: low.",
        )
        .absent(Absent::Same("low")),
        FLOOR_APPROVAL,
        FLOOR_REQUIRE,
    ],
    bonds: &[],
};

const FLOOR_APPROVAL: Field = Field::optional(
    "approval",
    Loosens::Lower,
    form::word::<Approval>(),
    "Who has to approve at least. Left out: nobody.",
)
.absent(Absent::Same("automatic"));

const FLOOR_REQUIRE: Field = Field::optional(
    "require",
    Loosens::Removed,
    Form::set(&form::word::<Requirement>()),
    "What has to be collected at least, beside people's approval. Left out: nothing.",
)
.absent(Absent::Same("[]"));

const LIMITS: Shape = Shape {
    what: "limits",
    fields: &[
        Field::optional(
            "input_bytes",
            Loosens::Higher,
            Form::Integer {
                least: 1,
                most: MAX_INPUT_BYTES,
            },
            "Longest input of a call, in bytes. Left out: 65536.",
        )
        .absent(Absent::Same("65536")),
        Field::optional(
            "approvals_per_approver_per_day",
            Loosens::Higher,
            Form::Integer {
                least: 1,
                most: MAX_APPROVALS,
            },
            "Most approvals that one person is asked for in a day; a forecast of `stopgate replay` above it fails. \
             Left out: 20.",
        )
        .absent(Absent::Same("20")),
    ],
    bonds: &[],
};

/// Longest input that can be allowed, in bytes: the hard limit [`INPUT_LIMITS`].
const MAX_INPUT_BYTES: i64 = INPUT_LIMITS.bytes as i64;

/// Most approvals a day that can be said of one person: who gives more reads none of them.
const MAX_APPROVALS: i64 = 1000;

pub(crate) struct Workspace {
    pub(crate) organisation: Option<OwnerName>,
    pub(crate) identity: Vec<Issuer>,
    pub(crate) channels: Named<ChannelName, Channel>,
    pub(crate) floors: Floors,
    pub(crate) freshness: Option<Freshness>,
    pub(crate) limits: WorkspaceLimits,
    pub(crate) gate: Gate,
}

pub(crate) struct WorkspaceLimits {
    pub(crate) input_bytes: usize,
    pub(crate) approvals_per_approver_per_day: u32,
}

pub(crate) struct Channel {
    pub(crate) ceiling: Limit,
    pub(crate) tools: Vec<(Spanned<ToolName>, Option<Limit>)>,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<Workspace> {
    let record = Record::document(root, &SHAPE, dx)?;
    let organisation = record
        .need("organisation", dx)
        .and_then(|node| name(node, dx));
    let identity = record
        .need("identity", dx)
        .map(|node| issuers(node, dx))
        .unwrap_or_default();
    let channels = record
        .need("channels", dx)
        .map(|node| channels(node, dx))
        .unwrap_or_default();
    let floors = record
        .get("floors")
        .map_or(Floors::DEFAULT, |node| floors(node, dx));
    // A limit that cannot be read is not taken for none: the mistake leaves no policy.
    let freshness = record
        .get("freshness")
        .and_then(|node| freshness::read(node, dx));
    let limits = limits(record.get("limits"), dx);
    let gate = record
        .get("gate")
        .map_or(Gate::DEFAULT, |node| gate::read(node, dx));
    Some(Workspace {
        organisation: organisation.map(|name| name.value),
        identity,
        channels,
        floors,
        freshness,
        limits,
        gate,
    })
}

fn issuers(node: &Node, dx: &mut Diagnostics) -> Vec<Issuer> {
    let mut made: Vec<(Issuer, Span)> = Vec::new();
    let found = list(node, dx, |entry, dx| {
        let record = Record::open(entry, &IDENTITY, dx)?;
        let issuer = record
            .need("issuer", dx)
            .and_then(|node| issuer_url(node, dx));
        let audience = record.need("audience", dx).and_then(|node| raw(node, dx));
        // A claim that is left out has its usual name; the agent's has none, and then no token names an agent.
        let mut stated = |key, default: Option<&str>| match record.get(key) {
            Some(node) => claim(node, dx).map(Some),
            None => Some(default.map(str::to_owned)),
        };
        let subject = stated("subject", Some(SUBJECT_CLAIM));
        let groups = stated("groups", Some(GROUPS_CLAIM));
        let agent = stated("agent", None);
        let issuer = issuer?;
        Some((
            Issuer {
                issuer: issuer.value,
                audience: audience?.text.clone(),
                subject: subject??,
                groups: groups??,
                agent: agent?,
            },
            issuer.span,
        ))
    });
    // Without an issuer no token could say who anybody is.
    if found.is_empty() {
        empty(node, dx);
    }
    for (issuer, span) in found {
        // One issuer with two audiences would be trusted for both.
        match made.iter().find(|(known, _)| known.issuer == issuer.issuer) {
            Some((_, first)) => dx.push(crate::diagnostic::names::duplicate_entry(
                span,
                &issuer.issuer,
                *first,
            )),
            None => made.push((issuer, span)),
        }
    }
    made.into_iter().map(|(issuer, _)| issuer).collect()
}

fn issuer_url(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    let text = &raw(node, dx)?.text;
    // As tokens write it: an issuer is compared letter for letter.
    if !text.starts_with("https://") || text.chars().any(|c| c.is_whitespace() || c == '"') {
        let help = "write the issuer's URL exactly as its tokens name it, such as https://sso.example.com/";
        dx.push(say::invalid_text(
            node.span,
            "an issuer is an https URL",
            help,
        ));
        return None;
    }
    Some(Spanned::new(text.clone(), node.span))
}

/// Reads the name of a claim. A claim that every token makes about itself, such as `iss`, is refused: it cannot also
/// say who somebody is.
fn claim(node: &Node, dx: &mut Diagnostics) -> Option<String> {
    let text = &raw(node, dx)?.text;
    if OWN_CLAIMS.contains(&text.as_str()) {
        let why =
            format!("`{text}` says something about the token, not about a person or an agent");
        let help =
            "name the claim of the issuer's tokens that says it, such as `sub`, `groups` or `azp`";
        dx.push(say::invalid_text(node.span, &why, help));
        return None;
    }
    Some(text.clone())
}

fn empty(node: &Node, dx: &mut Diagnostics) {
    use crate::source::node::Value;
    let nothing = match &node.value {
        Value::Sequence(entries) => entries.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        Value::Scalar(_) | Value::Broken => false,
    };
    if nothing {
        dx.push(say::empty_list(node.span));
    }
}

fn channels(node: &Node, dx: &mut Diagnostics) -> Named<ChannelName, Channel> {
    empty(node, dx);
    named(node, dx, |entry, dx| {
        let record = Record::open(entry, &CHANNEL, dx)?;
        let ceiling = record.need("ceiling", dx).and_then(|node| word(node, dx));
        let limit =
            |node: &_, dx: &mut Diagnostics| word::<Limit>(node, dx).map(|limit| limit.value);
        let tools = record
            .get("tools")
            .map(|node| named(node, dx, limit).entries)
            .unwrap_or_default();
        Some(Channel {
            ceiling: ceiling?.value,
            tools,
        })
    })
}

/// Reads the floors. A floor that is stated replaces the default one of its key; the others stay.
fn floors(node: &Node, dx: &mut Diagnostics) -> Floors {
    let mut floors = Floors::DEFAULT;
    let Some(record) = Record::open(node, &FLOORS, dx) else {
        return floors;
    };
    let slots = [
        ("low", &mut floors.low, false),
        ("medium", &mut floors.medium, false),
        ("high", &mut floors.high, false),
        ("read", &mut floors.read, true),
        ("write", &mut floors.write, true),
        ("irreversible", &mut floors.irreversible, true),
        ("critical", &mut floors.critical, false),
    ];
    for (key, slot, by_effect) in slots {
        if let Some(made) = record.get(key).and_then(|node| floor(node, by_effect, dx)) {
            *slot = made;
        }
    }
    floors
}

/// Reads a floor. Only the floors of effects can set a risk (`by_effect`), because the others hold for a risk already.
fn floor(node: &Node, by_effect: bool, dx: &mut Diagnostics) -> Option<Floor> {
    let (shape, risk) = if by_effect {
        (&FLOOR_WITH_RISK, Some("risk"))
    } else {
        (&PLAIN_FLOOR, None)
    };
    let record = Record::open(node, shape, dx)?;
    let risk = risk
        .and_then(|key| record.get(key))
        .map(|node| word::<Risk>(node, dx));
    let approval = record
        .get("approval")
        .map(|node| word::<Approval>(node, dx));
    let require = record
        .get("require")
        .map(|node| super::read::set(node, dx, word::<Requirement>))
        .unwrap_or_default();
    let asks = |what| require.iter().any(|asked| asked.value == what);
    Some(Floor {
        risk: risk.map_or(Some(Floor::NOTHING.risk), |risk| {
            risk.map(|risk| risk.value)
        })?,
        approval: approval.map_or(Some(Floor::NOTHING.approval), |level| {
            level.map(|level| level.value)
        })?,
        user_confirmation: asks(Requirement::UserConfirmation),
        dry_run: asks(Requirement::DryRun),
    })
}

fn limits(node: Option<&Node>, dx: &mut Diagnostics) -> WorkspaceLimits {
    let record = node.and_then(|node| Record::open(node, &LIMITS, dx));
    // Whatever cannot be read keeps its default here, and the mistake leaves no policy.
    let mut stated = |key, most| {
        let node = record.as_ref().and_then(|record| record.get(key))?;
        integer(node, 1, most, dx)
    };
    let input_bytes = stated("input_bytes", MAX_INPUT_BYTES);
    let approvals = stated("approvals_per_approver_per_day", MAX_APPROVALS);
    WorkspaceLimits {
        input_bytes: input_bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(INPUT_BYTES),
        approvals_per_approver_per_day: approvals
            .and_then(|approvals| u32::try_from(approvals).ok())
            .unwrap_or(APPROVALS_PER_APPROVER_PER_DAY),
    }
}
