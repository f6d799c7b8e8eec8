//! The input that requests are made from.

use stopgate_lang::json::Json;
use stopgate_lang::policy::Operation;
use stopgate_lang::testing::TestSuite;

use super::{Context, Named};
use crate::test::merged;

/// A valid input of the operation, from head's tests, else the base's, else a plain one; and the tests' instants.
pub(super) fn sample(
    context: &Context<'_>,
    (tool, name): &Named,
    head: &Operation,
) -> (Json, Vec<jiff::Timestamp>) {
    let versions = [Some(context.head), context.base].into_iter().flatten();
    let suites: Vec<&TestSuite> = versions
        .flat_map(|version| version.suites)
        .filter(|suite| suite.tool == *tool)
        .collect();
    let samples = suites.iter().filter_map(|suite| suite.samples.get(name));
    let samples = samples.map(|sample| merged(Some(sample), None));
    let fits = |sample: &Json| head.input.check(sample).is_ok();
    let sample = samples
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| head.input.plain());
    (sample, suites.iter().map(|suite| suite.now).collect())
}
