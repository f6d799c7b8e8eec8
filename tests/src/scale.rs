//! How much the tests do: small by default, more in `ci/long`, and from which seed.

use anyhow::Context as _;

/// Attempts of a property test: `STOPGATE_ATTEMPTS`.
///
/// # Errors
/// The variable is set and not a number.
pub fn attempts() -> anyhow::Result<u64> {
    number("STOPGATE_ATTEMPTS", 100_000)
}

/// How often a loaded sidecar is killed: `STOPGATE_KILLS`.
///
/// # Errors
/// The variable is set and not a number.
pub fn kills() -> anyhow::Result<u64> {
    number("STOPGATE_KILLS", 10)
}

/// Spoilt documents, bundles and inputs: `STOPGATE_MUTATIONS`.
///
/// # Errors
/// The variable is set and not a number.
pub fn mutations() -> anyhow::Result<u64> {
    number("STOPGATE_MUTATIONS", 5_000)
}

/// Rounds of a load benchmark: `STOPGATE_ROUNDS`.
///
/// # Errors
/// The variable is set and not a number.
pub fn rounds() -> anyhow::Result<u64> {
    number("STOPGATE_ROUNDS", 7)
}

/// Seconds of each measurement of a load benchmark: `STOPGATE_SECONDS`.
///
/// # Errors
/// The variable is set and not a number.
pub fn seconds() -> anyhow::Result<u64> {
    number("STOPGATE_SECONDS", 2)
}

/// Seed of every generator: `STOPGATE_SEED`. Fixed by default, so that a red test is red again.
///
/// # Errors
/// The variable is set and not a number.
pub fn seed() -> anyhow::Result<u64> {
    number("STOPGATE_SEED", 20_261_124)
}

fn number(variable: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var_os(variable) {
        None => Ok(default),
        Some(text) => text
            // A number that cannot be read is an error: a long run that quietly was a short one proves nothing.
            .to_str()
            .and_then(|text| text.parse().ok())
            .with_context(|| format!("{variable} is not a number")),
    }
}
