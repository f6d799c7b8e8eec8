//! How an attempt is printed: without the user's token, which `debug_redact` in the `.proto` file asks for, and without
//! the arguments, which may be anything. The generated code prints every other message.

use std::fmt;

use crate::v1::Attempt;
use crate::v1::attempt::{Subject, Target};

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agent,
            tool,
            input,
            tool_definition_digest,
            subject,
            target,
        } = self;
        f.debug_struct("Attempt")
            .field("agent", agent)
            .field("tool", tool)
            .field("input", &format_args!("{} bytes", input.len()))
            .field("tool_definition_digest", tool_definition_digest)
            .field("subject", subject)
            .field("target", target)
            .finish()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubjectToken(_) => f.write_str("SubjectToken(***)"),
            Self::AssertedSubject(asserted) => {
                f.debug_tuple("AssertedSubject").field(asserted).finish()
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (case, name) = match self {
            Self::Operation(name) => ("Operation", name),
            Self::McpTool(name) => ("McpTool", name),
        };
        f.debug_tuple(case).field(name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t40_a_token_and_arguments_are_not_printed() {
        let attempt = Attempt {
            input: b"canary-input".to_vec(),
            subject: Some(Subject::SubjectToken("canary-token".to_owned())),
            ..Attempt::default()
        };
        let printed = format!("{attempt:?} {attempt:#?}");
        assert!(!printed.contains("canary"), "{printed}");
        assert!(printed.contains("***") && printed.contains("12 bytes"));
    }
}
