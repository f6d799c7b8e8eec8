//! Facts about names: unknown ones, with the nearest that exist, and ones that stand twice.

use stopgate_decide::attempt::MAX_PROFILES;

use crate::source::Span;

use super::{Code, Diagnostic, Diagnostics};

/// Returns the candidate that is closest to `text`, if one is close enough to be a slip of the hand: at most a third of
/// the characters may differ, and four at most.
pub(crate) fn nearest<S: AsRef<str>>(
    text: &str,
    candidates: impl IntoIterator<Item = S>,
) -> Option<S> {
    let enough = text.chars().count().div_ceil(3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(text, candidate.as_ref()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= enough)
        // Of equally near ones the first by name, so that reports do not depend on the order of maps.
        .min_by(|(a, near), (b, other)| (a, near.as_ref()).cmp(&(b, other.as_ref())))
        .map(|(_, candidate)| candidate)
}

/// What a name names, and where such things are declared.
#[derive(Debug, Clone)]
pub(crate) struct NameKind {
    pub(crate) code: Code,
    pub(crate) noun: &'static str,
    /// Such as `profiles.yaml`.
    pub(crate) home: String,
}

impl NameKind {
    pub(crate) fn tool() -> Self {
        Self {
            code: Code::UnknownTool,
            noun: "tool",
            home: "catalog/".to_owned(),
        }
    }

    pub(crate) fn operation(tool: &str) -> Self {
        Self {
            code: Code::UnknownOperation,
            noun: "operation",
            home: format!("catalog/{tool}.yaml"),
        }
    }

    pub(crate) fn profile() -> Self {
        Self {
            code: Code::UnknownProfile,
            noun: "profile",
            home: "profiles.yaml".to_owned(),
        }
    }

    pub(crate) fn channel() -> Self {
        Self {
            code: Code::UnknownChannel,
            noun: "channel",
            home: "stopgate.yaml".to_owned(),
        }
    }

    pub(crate) fn rule() -> Self {
        Self {
            code: Code::UnknownRule,
            noun: "rule",
            home: "rules/".to_owned(),
        }
    }

    pub(crate) fn function(tool: &str) -> Self {
        Self {
            code: Code::UnknownFunction,
            noun: "function",
            home: format!("catalog/{tool}.lock.json"),
        }
    }
}

/// Reports that nothing is called `name`, with the nearest of `candidates` in the help. The nearest is only looked for
/// if the report will be shown.
pub(crate) fn unknown<S: AsRef<str>>(
    dx: &mut Diagnostics,
    span: Span,
    kind: &NameKind,
    name: &str,
    candidates: impl IntoIterator<Item = S>,
) {
    let NameKind { code, noun, home } = kind;
    // Nothing that is not shown is worth a distance to every name.
    let near = if dx.is_full() {
        None
    } else {
        nearest(name, candidates)
    };
    let help = match near {
        Some(near) => format!("did you mean `{}`? It is declared in {home}", near.as_ref()),
        None => format!("every {noun} is declared in {home}"),
    };
    let message = format!("there is no {noun} `{name}`");
    dx.push(Diagnostic::new(*code, span, message, format!("no such {noun}")).help(help));
}

pub(crate) fn duplicate_entry(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateEntry,
        span,
        format!("`{name}` stands twice in this list"),
        "again here",
    )
    .also(first, "first here")
    .help("delete the repetition")
}

pub(crate) fn duplicate_rule(span: Span, id: &str, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateRule,
        span,
        format!("two rules have the id `{id}`"),
        "again here",
    )
    .also(first, format!("`{id}` is this rule already"))
    .help("give one of them another id; records name rules by their ids")
}

pub(crate) fn profile_cycle(span: Span, circle: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ProfileCycle,
        span,
        format!("profiles inherit each other in a circle: {circle}"),
        "part of it",
    )
    .help("take out one of the edges; what is common goes into a profile that both inherit")
}

pub(crate) fn profile_crowded(span: Span, profile: &str) -> Diagnostic {
    let message =
        format!("`{profile}` brings more profiles than the {MAX_PROFILES} that a subject may hold");
    Diagnostic::new(
        Code::TooManyProfiles,
        span,
        message,
        "everybody who holds it would be rejected",
    )
    .help("inherit fewer profiles; join those that always come together")
}

pub(crate) fn profile_unreachable(span: Span, profile: &str) -> Diagnostic {
    let message =
        format!("nobody can hold `{profile}`: it has no groups, and no profile inherits it");
    Diagnostic::new(Code::ProfileUnreachable, span, message, "")
        .help("add `groups: [GROUP]`, or delete the profile")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_slip_of_the_hand_is_near() {
        let names = ["create_refund", "cancel_order", "get_order"];
        assert_eq!(nearest("create_refnud", names), Some("create_refund"));
        assert_eq!(nearest("getorder", names), Some("get_order"));
        assert_eq!(nearest("delete_everything", names), None);
        assert_eq!(nearest("", names), None);
    }
}
