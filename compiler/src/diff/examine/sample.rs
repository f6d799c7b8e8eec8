//! The input that requests are made from.

use stopgate_author::policy::Operation;
use stopgate_author::testing::TestSuite;
use stopgate_decide::json::Json;

use crate::test::merged;

use super::super::context::{Context, OperationKey};

/// Returns a valid input of the operation and the instants of the tests of its tool. The input is the first sample that
/// head's types accept, from head's tests, then the base's; without one it is made up.
pub(super) fn sample(
    context: &Context<'_>,
    (tool, name): &OperationKey,
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
