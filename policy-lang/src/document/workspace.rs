//! `stopgate.yaml`: whose policy it is, who may name subjects, how high each channel goes, what every grant asks for
//! at least.

use super::read::{Named, Record, list, named};
use super::scalar::{integer, name, raw, word};
use crate::attempt::INPUT_LIMITS;
use crate::diagnostic::{Diagnostics, shape as say};
use crate::name::{ChannelName, OwnerName, ToolName};
use crate::policy::{Floor, Floors, Issuer};
use crate::source::node::Node;
use crate::source::{Span, Spanned};
use crate::surface::{Approval, Limit, Requirement, Risk};

/// Longest input accepted where `limits.input_bytes` says nothing.
const INPUT_BYTES: usize = 64 * 1024;

/// The claim with the user's id where `subject` says nothing.
const SUBJECT_CLAIM: &str = "sub";

/// The claim with the user's groups where `groups` says nothing.
const GROUPS_CLAIM: &str = "groups";

/// Claims that a token has for itself.
const OWN_CLAIMS: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

pub(crate) struct Workspace {
    pub(crate) organisation: Option<OwnerName>,
    pub(crate) identity: Vec<Issuer>,
    pub(crate) channels: Named<ChannelName, Channel>,
    pub(crate) floors: Floors,
    pub(crate) input_bytes: usize,
}

pub(crate) struct Channel {
    pub(crate) ceiling: Limit,
    pub(crate) tools: Vec<(Spanned<ToolName>, Option<Limit>)>,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<Workspace> {
    let keys = ["organisation", "identity", "channels", "floors", "limits"];
    let record = Record::document(root, "stopgate.yaml", &keys, dx)?;
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
    let input_bytes = record
        .get("limits")
        .and_then(|node| input_bytes(node, dx))
        .unwrap_or(INPUT_BYTES);
    Some(Workspace {
        organisation: organisation.map(|name| name.value),
        identity,
        channels,
        floors,
        input_bytes,
    })
}

fn issuers(node: &Node, dx: &mut Diagnostics) -> Vec<Issuer> {
    let mut made: Vec<(Issuer, Span)> = Vec::new();
    let found = list(node, dx, |entry, dx| {
        let keys = ["issuer", "audience", "subject", "groups", "agent"];
        let record = Record::open(entry, "an identity", &keys, dx)?;
        let issuer = record
            .need("issuer", dx)
            .and_then(|node| issuer_url(node, dx));
        let audience = record.need("audience", dx).and_then(|node| raw(node, dx));
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
    if found.is_empty() {
        empty(node, dx);
    }
    for (issuer, span) in found {
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

/// The name of a claim. What every token says of itself cannot also say who somebody is.
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
        let record = Record::open(entry, "a channel", &["ceiling", "tools"], dx)?;
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

/// A floor that is stated replaces the default one of its key; the others stay.
fn floors(node: &Node, dx: &mut Diagnostics) -> Floors {
    const KEYS: [&str; 7] = [
        "low",
        "medium",
        "high",
        "read",
        "write",
        "irreversible",
        "critical",
    ];
    let mut floors = Floors::DEFAULT;
    let Some(record) = Record::open(node, "floors", &KEYS, dx) else {
        return floors;
    };
    let slots = [
        (&mut floors.low, false),
        (&mut floors.medium, false),
        (&mut floors.high, false),
        (&mut floors.read, true),
        (&mut floors.write, true),
        (&mut floors.irreversible, true),
        (&mut floors.critical, false),
    ];
    for (key, (slot, by_effect)) in KEYS.into_iter().zip(slots) {
        if let Some(made) = record.get(key).and_then(|node| floor(node, by_effect, dx)) {
            *slot = made;
        }
    }
    floors
}

/// Only the floors of effects set a risk: the others hold for a risk already.
fn floor(node: &Node, by_effect: bool, dx: &mut Diagnostics) -> Option<Floor> {
    let keys: &[&str] = if by_effect {
        &["risk", "approval", "require"]
    } else {
        &["approval", "require"]
    };
    let record = Record::open(node, "a floor", keys, dx)?;
    let risk = record
        .get("risk")
        .filter(|_| by_effect)
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

fn input_bytes(node: &Node, dx: &mut Diagnostics) -> Option<usize> {
    let record = Record::open(node, "limits", &["input_bytes"], dx)?;
    let most = i64::try_from(INPUT_LIMITS.bytes).unwrap_or(i64::MAX);
    let bytes = record
        .get("input_bytes")
        .and_then(|node| integer(node, 1, most, dx))?;
    usize::try_from(bytes).ok()
}
