//! Who may connect, and what each of them may do. Nobody else can, and what is not said is not allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stopgate_decide::name::ToolName;
use stopgate_decide::surface::Enforces;

use super::mistake::{Mistake, Mistakes, nearest};
use super::table::{Entry, Fields, Table, TableKey};
use super::value::label;

/// Callers by the uid their connections come from. Never empty.
#[derive(Debug, Clone)]
pub struct Callers(BTreeMap<u32, Arc<Caller>>);

/// A local user that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its uid, as the kernel reports it.
    pub uid: u32,
    /// Id of the agent when an attempt names none.
    pub agent: String,
    /// Tools it may ask about.
    pub tools: BTreeSet<ToolName>,
    /// What it may do.
    pub may: May,
    /// What it does with results.
    pub enforces: Enforces,
    /// Bytes of record that it may cause in a second; `None` for its part of what all may.
    pub record_bytes_per_second: Option<u64>,
}

/// Bytes of record that all callers together may cause in a second, where a caller's table says nothing else: more than
/// two processors can decide. Each has an equal part.
const RECORD_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;

/// Least part of a caller, however many there are.
const LEAST_BYTES_PER_SECOND: u64 = 1024 * 1024;

/// What a caller may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct May {
    /// Ask for decisions.
    pub decide: bool,
    /// Name the subject on its own word.
    pub assert_subject: bool,
    /// Name another agent than its own.
    pub assert_agent: bool,
}

/// Every key of a `[[callers]]` table. They can be set in the file only.
pub const CALLER_KEYS: [TableKey; 6] = [
    TableKey {
        name: "uid",
        required: true,
        form: "a number",
        about: "The user that connections of this caller come from, as the kernel reports it. Unique.",
    },
    TableKey {
        name: "agent",
        required: true,
        form: "1 to 64 printable characters",
        about: "The agent's id when an attempt names none.",
    },
    TableKey {
        name: "tools",
        required: true,
        form: "a list of names",
        about: "Tools it may ask about; any other is an unknown tool to it.",
    },
    TableKey {
        name: "may",
        required: true,
        form: "a list of `decide`, `assert_subject`, `assert_agent`",
        about: "What it may do: ask for decisions, name the subject on its own word, name another agent than its own. \
                An empty list leaves status and health.",
    },
    TableKey {
        name: "enforces",
        required: false,
        form: "a list of `mask`, `max_rows`",
        about: "What it does with results. A decision that obliges to more is a rejection here.",
    },
    TableKey {
        name: "record_bytes_per_second",
        required: false,
        form: "a number from 1024 on",
        about: "Bytes of record that it may cause in a second; what is beyond is rejected as `overloaded` and counted. A \
                record has about 1.5 KiB and the arguments. Left out: its part of 64 MiB, at least 1 MiB.",
    },
];

impl Callers {
    /// Returns the caller behind a connection from `uid`, or `None` if that user is no caller.
    #[must_use]
    pub fn get(&self, uid: u32) -> Option<&Arc<Caller>> {
        self.0.get(&uid)
    }

    /// Returns how many callers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the uids of all callers.
    pub fn uids(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// Returns the bytes of record that each caller may cause in a second, by the caller's uid.
    #[must_use]
    pub fn record_rates(&self) -> BTreeMap<u32, u64> {
        let callers = u64::try_from(self.count()).unwrap_or(u64::MAX);
        let part = RECORD_BYTES_PER_SECOND.checked_div(callers).unwrap_or(0);
        let part = part.max(LEAST_BYTES_PER_SECOND);
        let rate = |caller: &Caller| caller.record_bytes_per_second.unwrap_or(part);
        self.0
            .iter()
            .map(|(uid, caller)| (*uid, rate(caller)))
            .collect()
    }

    pub(super) fn read(file: &str, tables: Vec<Table>, mistakes: &mut Mistakes) -> Option<Self> {
        if tables.is_empty() {
            let problem =
                "`callers` is required: at least one [[callers]] table, or nobody can connect";
            mistakes.push(Mistake::new(file, problem));
            return None;
        }
        let mut callers = BTreeMap::new();
        let mut whole = true;
        for table in tables {
            let place = table.place.clone();
            let Some(caller) = Caller::read(table, mistakes) else {
                whole = false;
                continue;
            };
            if callers.contains_key(&caller.uid) {
                mistakes.push(Mistake::new(
                    place,
                    format!("uid {} is in another [[callers]] table too", caller.uid),
                ));
            }
            callers.insert(caller.uid, Arc::new(caller));
        }
        whole.then_some(Self(callers))
    }
}

impl Caller {
    fn read(mut table: Table, mistakes: &mut Mistakes) -> Option<Self> {
        let [uid, agent, tools, may, enforces, rate] =
            table.take("a caller", &CALLER_KEYS, mistakes);
        let mut field = Fields::new(&table.place, mistakes);
        let uid = field
            .value(uid, Entry::integer)
            .and_then(|(place, number)| {
                // The kernel reports 2^32-1 for a peer it does not know.
                let uid = u32::try_from(number).ok().filter(|uid| *uid != u32::MAX);
                field.checked(&place, uid.ok_or_else(|| format!("{number} is no uid")))
            });
        let agent = field.value(agent, Entry::text).and_then(|(place, text)| {
            field.checked(&place, label(&text).map_err(|why| format!("`agent` {why}")))
        });
        let tools = field.value(tools, Entry::texts).and_then(|(_, texts)| {
            let read = |text: &str| {
                ToolName::new(text).map_err(|why| format!("`{text}` is no name of a tool: {why}"))
            };
            field.each(texts, read)
        });
        let may = field
            .value(may, Entry::texts)
            .and_then(|(_, texts)| field.each(texts, May::word));
        let enforces = match enforces {
            (_, None) => Some(BTreeSet::new()),
            given @ (_, Some(_)) => field
                .value(given, Entry::texts)
                .and_then(|(_, texts)| field.each(texts, enforced)),
        };
        let rate = match rate {
            (_, None) => Some(None),
            given @ (_, Some(_)) => {
                field
                    .value(given, Entry::integer)
                    .and_then(|(place, number)| {
                        let rate = u64::try_from(number).ok().filter(|rate| *rate >= 1024);
                        let rate = rate.ok_or_else(|| {
                            format!("`record_bytes_per_second` is {number}, and not 1024 or more")
                        });
                        field.checked(&place, rate).map(Some)
                    })
            }
        };
        Some(Self {
            uid: uid?,
            agent: agent?,
            tools: tools?,
            may: May::from_words(&may?),
            enforces: {
                let words = enforces?;
                Enforces {
                    mask: words.contains("mask"),
                    max_rows: words.contains("max_rows"),
                }
            },
            record_bytes_per_second: rate?,
        })
    }
}

impl May {
    const WORDS: [&'static str; 3] = ["decide", "assert_subject", "assert_agent"];

    fn word(text: &str) -> Result<&'static str, String> {
        one_of("may", text, &Self::WORDS)
    }

    fn from_words(words: &BTreeSet<&'static str>) -> Self {
        let [decide, assert_subject, assert_agent] = Self::WORDS.map(|word| words.contains(word));
        Self {
            decide,
            assert_subject,
            assert_agent,
        }
    }
}

fn enforced(text: &str) -> Result<&'static str, String> {
    one_of("enforces", text, &["mask", "max_rows"])
}

fn one_of(key: &str, text: &str, words: &[&'static str]) -> Result<&'static str, String> {
    words
        .iter()
        .copied()
        .find(|word| *word == text)
        .ok_or_else(|| {
            let near = nearest(text, words.iter().copied());
            format!(
                "`{key}` cannot hold `{text}`{near}: it lists {}",
                words.join(", ")
            )
        })
}
