//! What raised ceilings let through: no rule says anything else, and more of what rules grant runs.

use std::collections::BTreeSet;

use stopgate_author::policy::{Policy, RuleKind};
use stopgate_decide::name::{ChannelName, OperationName, ToolName};
use stopgate_decide::surface::Limit;

use crate::proof::slice::Reach;

/// Operations of a tool that a ceiling stopped, or no ceiling let through, and that it lets through now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Where.
    pub channel: ChannelName,
    /// The tool.
    pub tool: ToolName,
    /// Those with a grant that asks for no more than the new ceiling, and for more than the old one.
    pub operations: BTreeSet<OperationName>,
}

/// Returns the operations that head's ceilings let through and the base's did not, by channel and tool. An operation
/// counts if one grant that reaches it is above the old ceiling and not above the new one; the grant's condition and
/// other rules are not considered.
pub(super) fn opened(base: &Policy, head: &Policy) -> Vec<Opened> {
    let mut raised = Vec::new();
    for (channel, ceiling) in &head.channels {
        for tool in head.tools.keys() {
            let before = base.channels.get(channel);
            let before = before.map_or(Limit::None, |before| before.limit_for(tool.as_str()));
            let after = ceiling.limit_for(tool.as_str());
            if after > before {
                raised.push((channel, tool, before, after));
            }
        }
    }
    if raised.is_empty() {
        return Vec::new();
    }
    let reach = Reach::new(head);
    let all = raised.into_iter().map(|(channel, tool, before, after)| {
        let operations = head.tools.get(tool).into_iter();
        let operations = operations.flat_map(|tool| &tool.operations);
        let opened = operations.filter(|(name, operation)| {
            let named = (tool.clone(), OperationName::clone(name));
            reach.rules(&named).into_iter().any(|rule| {
                let grants = matches!(rule.kind, RuleKind::Grant(_));
                let surface = head.surface(rule, operation).filter(|_| grants);
                let class = surface.map(|surface| surface.class(operation.effect));
                class.is_some_and(|class| class > before && class <= after)
            })
        });
        Opened {
            channel: channel.clone(),
            tool: tool.clone(),
            operations: opened.map(|(name, _)| name.clone()).collect(),
        }
    });
    all.filter(|one| !one.operations.is_empty()).collect()
}
