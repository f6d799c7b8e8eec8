//! Bodies as one line of text, whatever their depth: each node after its children, which are its numbers.
//!
//! JSON itself would do, but its readers recurse and stop at a depth that rules may have.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A node whose children come before it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WrittenNode {
    /// Members with the numbers of their nodes.
    Object(Vec<(String, usize)>),
    /// Numbers of elements.
    Array(Vec<usize>),
    /// What has no children.
    Leaf(Value),
}

/// Writes `tree` as one line of text.
pub(super) fn write(tree: &Value) -> String {
    let mut nodes = Vec::new();
    add(tree, &mut nodes);
    serde_json::to_string(&nodes).unwrap_or_default()
}

/// Adds `node` behind its children and returns the number of `node`. The depth of `node` is that of a rule, which is
/// bounded.
fn add(node: &Value, nodes: &mut Vec<WrittenNode>) -> usize {
    let node = match node {
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, child)| (name.clone(), add(child, nodes)));
            WrittenNode::Object(members.collect())
        }
        Value::Array(elements) => {
            WrittenNode::Array(elements.iter().map(|child| add(child, nodes)).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            WrittenNode::Leaf(node.clone())
        }
    };
    // Children are pushed first, so a node's number is that of the last one pushed.
    nodes.push(node);
    nodes.len().saturating_sub(1)
}

/// Reads the tree of a text that [`write`] wrote; returns `None` if the text is malformed.
pub(super) fn read(text: &str) -> Option<Value> {
    let nodes: Vec<WrittenNode> = serde_json::from_str(text).ok()?;
    let mut trees: Vec<Option<Value>> = Vec::new();
    for node in nodes {
        // Each node has one parent, which takes it.
        let mut take = |at: usize| trees.get_mut(at).and_then(Option::take);
        let tree = match node {
            WrittenNode::Object(members) => {
                let members = members.into_iter();
                let members = members.map(|(name, at)| Some((name, take(at)?)));
                Value::Object(members.collect::<Option<Map<_, _>>>()?)
            }
            WrittenNode::Array(elements) => {
                Value::Array(elements.into_iter().map(take).collect::<Option<_>>()?)
            }
            WrittenNode::Leaf(leaf) => leaf,
        };
        trees.push(Some(tree));
    }
    trees.pop().flatten()
}

#[cfg(test)]
mod tests;
