//! What a catalog takes from a function's arguments: selectors, facts, summaries. Each has to fit the input's type.

use std::collections::BTreeMap;

use stopgate_decide::fact::Fact;
use stopgate_decide::selector::{BadSelector, Selector};
use stopgate_decide::summary::Summary;
use stopgate_decide::tool_schema::{InputType, Member, Opaque, Shape};

use crate::diagnostic::{Diagnostics, catalog as facts};
use crate::document::catalog::{FactDoc, SelectDoc};
use crate::source::Spanned;

/// The arguments of one function, as the lock and the catalog's masks describe them.
pub(super) struct Arguments<'a> {
    pub(super) function: &'a str,
    pub(super) input: &'a InputType,
}

impl Arguments<'_> {
    pub(super) fn select(&self, doc: &SelectDoc, dx: &mut Diagnostics) -> Option<Selector> {
        match doc.selector.check(self.input) {
            Ok(()) => Some(doc.selector.clone()),
            Err(why) => {
                // The place that the mistake is about: the value, or where it would stand.
                let span = match why {
                    BadSelector::NotListed => doc.equals,
                    BadSelector::Unknown
                    | BadSelector::Optional
                    | BadSelector::NotText
                    | BadSelector::Masked => doc.pointer,
                };
                dx.push(facts::selector_target(span, self.function, why));
                None
            }
        }
    }

    pub(super) fn fact(&self, doc: &FactDoc, dx: &mut Diagnostics) -> Option<Fact> {
        let FactDoc { name, projection } = doc;
        match projection.value.check(self.input) {
            Ok(optional) => Some(Fact {
                name: name.clone(),
                projection: projection.value.clone(),
                optional,
            }),
            Err(why) => {
                dx.push(facts::fact_target(projection.span, self.function, &why));
                None
            }
        }
    }

    pub(super) fn summary(
        &self,
        doc: Option<&Spanned<Summary>>,
        dx: &mut Diagnostics,
    ) -> Option<Summary> {
        let doc = doc?;
        for name in doc.value.arguments() {
            if let Err(why) = self.shown(name) {
                dx.push(facts::invalid_summary(doc.span, &why));
            }
        }
        Some(doc.value.clone())
    }

    pub(super) fn money(
        &self,
        doc: &[(Spanned<String>, Spanned<String>)],
        dx: &mut Diagnostics,
    ) -> BTreeMap<String, String> {
        let mut money = BTreeMap::new();
        for (amount, currency) in doc {
            let is_integer = |shape: &Shape| matches!(shape, Shape::Integer { .. });
            let is_text = |shape: &Shape| matches!(shape, Shape::String { .. });
            for (name, fits, wanted) in [
                (amount, is_integer as fn(&Shape) -> bool, "a whole number"),
                (currency, is_text, "a text"),
            ] {
                let checked = self.shown(&name.value).and_then(|member| {
                    let wrong = || format!("`{}` is not {wanted}", name.value);
                    fits(&member.shape).then_some(()).ok_or_else(wrong)
                });
                if let Err(why) = checked {
                    dx.push(facts::invalid_money(name.span, &why));
                }
            }
            money.insert(amount.value.clone(), currency.value.clone());
        }
        money
    }

    /// Returns the argument `name` if people may see it, or why they may not.
    fn shown(&self, name: &str) -> Result<&Member, String> {
        let member = self.input.member(name);
        let member = member.ok_or_else(|| format!("there is no argument `{name}`"))?;
        if hides(member) {
            return Err(format!("`{name}` is masked, or something in it is"));
        }
        Ok(member)
    }
}

/// Returns whether the catalog masks an argument or a part of it.
fn hides(member: &Member) -> bool {
    let inside = match &member.shape {
        Shape::Object(members) => members.members().iter().any(hides),
        Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => false,
    };
    inside || member.opaque == Some(Opaque::Masked)
}
