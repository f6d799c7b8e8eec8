//! The tables that stand in the file only: who may connect, and whose tokens may be verified. Which tokens count is the
//! policy's business: an issuer that the policy does not name is nobody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use stopgate_decide::name::ToolName;
use stopgate_decide::surface::Enforces;
use toml::de::DeTable;

use crate::caller::{Caller, Callers, May};

use super::key::{CALLER_KEYS, IDENTITY_KEYS};
use super::reader::{ConfigFile, Mistakes, Parsed, Reader, nearest};
use super::value::{ClockSkew, label, path};

/// The words of `may` and of `enforces`, in the order of the fields that they set.
const MAY: [&str; 3] = ["decide", "assert_subject", "assert_agent"];
const ENFORCES: [&str; 2] = ["mask", "max_rows"];

/// One `[identity."https://…"]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The issuer's keys: a JSON Web Key Set in a file that is looked at again and again.
    pub jwks: PathBuf,
    /// How far the issuer's clock may be from ours.
    pub clock_skew: ClockSkew,
}

/// Reads each of `tables`, which has its place before it. Returns the callers, or `None` if one of the tables cannot be
/// read or there is none.
pub(super) fn callers(
    file: ConfigFile<'_>,
    tables: Vec<(String, DeTable<'_>)>,
    mistakes: &mut Mistakes,
) -> Option<Callers> {
    if tables.is_empty() {
        let problem =
            "`callers` is required: at least one [[callers]] table, or nobody can connect";
        mistakes.push(file.name, problem);
        return None;
    }
    let (mut callers, mut whole) = (BTreeMap::new(), true);
    for (place, table) in tables {
        let Some(caller) = caller(file.reader(&place, table, mistakes)) else {
            whole = false;
            continue;
        };
        let uid = caller.uid;
        // Which of the two would hold is nobody's to guess.
        if callers.insert(uid, Arc::new(caller)).is_some() {
            let problem = format!("uid {uid} is in another [[callers]] table too");
            mistakes.push(&place, problem);
        }
    }
    whole.then_some(Callers::new(callers))
}

fn caller(mut read: Reader<'_, '_>) -> Option<Caller> {
    read.only(&CALLER_KEYS, "is no key of a caller");
    let [uid, agent, tools, may, enforces, rate] = &CALLER_KEYS;
    let uid = read.number(uid, |number| {
        // The kernel reports 2^32-1 for a peer it does not know.
        let uid = u32::try_from(number).ok().filter(|uid| *uid != u32::MAX);
        uid.ok_or_else(|| format!("{number} is no uid"))
    });
    let agent = read.text(agent, label);
    let tools = read.set(tools, |text| {
        ToolName::new(text).map_err(|why| format!("`{text}` is no name of a tool: {why}"))
    });
    let may = read.set(may, |text| one_of("may", text, &MAY));
    let enforces = read.set(enforces, |text| one_of("enforces", text, &ENFORCES));
    let rate = read.number(rate, |number| {
        // Less than one record in a second would be a caller that is turned off, and `may` says that better.
        let rate = u64::try_from(number).ok().filter(|rate| *rate >= 1024);
        let wrong = || format!("`record_bytes_per_second` is {number}, and not 1024 or more");
        rate.ok_or_else(wrong)
    });
    // All were read by now: what is missing ends it here and hides no other mistake.
    let (may, enforces) = (may.flatten()?, enforces?.unwrap_or_default());
    let [decide, assert_subject, assert_agent] = MAY.map(|word| may.contains(word));
    let [mask, max_rows] = ENFORCES.map(|word| enforces.contains(word));
    Some(Caller {
        uid: uid.flatten()?,
        agent: agent.flatten()?,
        tools: tools.flatten()?,
        may: May {
            decide,
            assert_subject,
            assert_agent,
        },
        enforces: Enforces { mask, max_rows },
        record_bytes_per_second: rate?,
    })
}

fn one_of(key: &str, text: &str, words: &[&'static str]) -> Parsed<&'static str> {
    let found = words.iter().copied().find(|word| *word == text);
    found.ok_or_else(|| {
        let near = nearest(text, words.iter().copied());
        let listed = words.join(", ");
        format!("`{key}` cannot hold `{text}`{near}: it lists {listed}")
    })
}

/// Reads each of `tables`, which has its issuer's URL and its place before it. Returns the issuers by URL, or `None` if
/// one of the tables cannot be read.
pub(super) fn issuers(
    file: ConfigFile<'_>,
    tables: Vec<(String, String, DeTable<'_>)>,
    mistakes: &mut Mistakes,
) -> Option<BTreeMap<String, IssuerConfig>> {
    let (mut issuers, mut whole) = (BTreeMap::new(), true);
    for (issuer, place, table) in tables {
        if !issuer.starts_with("https://") {
            let problem = format!("`{issuer}` is no https URL, as stopgate.yaml names issuers");
            mistakes.push(&place, problem);
        }
        let config = issuer_config(file.reader(&place, table, mistakes));
        whole &= config.is_some();
        issuers.extend(config.map(|config| (issuer, config)));
    }
    whole.then_some(issuers)
}

fn issuer_config(mut read: Reader<'_, '_>) -> Option<IssuerConfig> {
    read.only(&IDENTITY_KEYS, "is no key of an identity");
    let [jwks, clock_skew] = &IDENTITY_KEYS;
    let jwks = read.text(jwks, path);
    let clock_skew = read.text(clock_skew, ClockSkew::parse);
    Some(IssuerConfig {
        jwks: jwks.flatten()?,
        clock_skew: clock_skew?.unwrap_or(ClockSkew::DEFAULT),
    })
}
