//! Who may connect, and what each of them may do. Nobody else can, and what is not said is not allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stopgate_lang::name::ToolName;
use stopgate_lang::surface::Enforces;

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
}

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
pub const CALLER_KEYS: [TableKey; 5] = [
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
];

impl Callers {
    /// The caller behind a connection from `uid`.
    #[must_use]
    pub fn get(&self, uid: u32) -> Option<&Arc<Caller>> {
        self.0.get(&uid)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
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
        let [uid, agent, tools, may, enforces] = table.take("a caller", &CALLER_KEYS, mistakes);
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
        Some(Self {
            uid: uid?,
            agent: agent?,
            tools: tools?,
            may: May::of(&may?),
            enforces: {
                let words = enforces?;
                Enforces {
                    mask: words.contains("mask"),
                    max_rows: words.contains("max_rows"),
                }
            },
        })
    }
}

impl May {
    const WORDS: [&'static str; 3] = ["decide", "assert_subject", "assert_agent"];

    fn word(text: &str) -> Result<&'static str, String> {
        one_of("may", text, &Self::WORDS)
    }

    fn of(words: &BTreeSet<&'static str>) -> Self {
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
