//! Conditions of six forms, read and evaluated without Cedar: a bound on `size` (or on a multiple of it), a test of
//! `word`, business time, a bound on a fact, not, and.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "test support: a condition the model cannot read has to stop the run"
)]

/// The one product there is: for numbers above 1 it does not fit.
const PRODUCT: &str = "context.input.size * 4611686018427387904";

/// What conditions read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) n: i64,
    pub(super) word: String,
    pub(super) business: bool,
    /// How many bags, if any were sent.
    pub(super) bags: Option<i64>,
}

/// Whether `text` holds; an empty one does. `None` when its evaluation fails.
pub(super) fn holds(text: &str, facts: &Facts) -> Option<bool> {
    // Cedar prints brackets around a product.
    let bare = text.replace(&format!("({PRODUCT})"), PRODUCT);
    // Brackets and signs as words of their own, so that splitting at spaces is all the parsing there is.
    let spaced = bare
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('!', " ! ");
    let mut words = spaced.split_whitespace().peekable();
    if words.peek().is_none() {
        return Some(true);
    }
    let truth = all(&mut words, facts);
    assert_eq!(
        // Whatever is left was not understood, and then the model has no opinion that could be compared.
        words.next(),
        None,
        "the model does not know this condition: {text}"
    );
    truth
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// Operands joined by `&&`: the first that is false or fails decides, the rest is only read.
fn all(words: &mut Words<'_>, facts: &Facts) -> Option<bool> {
    let mut truth = one(words, facts);
    while words.next_if_eq(&"&&").is_some() {
        let next = one(words, facts);
        // An operand behind a failure is read and not asked: that is how Cedar evaluates a row.
        if truth == Some(true) {
            truth = next;
        }
    }
    truth
}

fn one(words: &mut Words<'_>, facts: &Facts) -> Option<bool> {
    match words.next() {
        Some("!") => one(words, facts).map(|truth| !truth),
        Some("(") => {
            let truth = all(words, facts);
            assert_eq!(words.next(), Some(")"), "a bracket is not closed");
            truth
        }
        Some("context.time.business") => Some(facts.business),
        Some("context.input.word") => {
            assert_eq!(words.next(), Some("=="), "a word is only compared");
            words
                // Words have no spaces and no escapes.
                .next()
                .map(|word| word.trim_matches('"') == facts.word)
        }
        Some("context.input.size") => number(words, facts),
        Some("context.facts") => {
            let has = [words.next(), words.next()];
            assert_eq!(has, [Some("has"), Some("bags")], "facts are asked for");
            Some(facts.bags.is_some())
        }
        Some("context.facts.bags") => {
            // Guarded by a question for it in every generated condition, as the validator demands.
            assert_eq!(words.next(), Some("<"), "a fact is only compared with `<`");
            let bound = literal(words);
            facts.bags.map(|bags| bags < bound)
        }
        other => panic!("the model does not know {other:?}"),
    }
}

/// `n < 5`, or `n * 3 < 5`, which fails when the product does not fit.
fn number(words: &mut Words<'_>, facts: &Facts) -> Option<bool> {
    let mut left = Some(facts.n);
    if words.next_if_eq(&"*").is_some() {
        // The overflow is what makes a rule fail.
        left = literal(words).checked_mul(facts.n);
    }
    assert_eq!(
        words.next(),
        Some("<"),
        "numbers are only compared with `<`"
    );
    let right = literal(words);
    left.map(|left| left < right)
}

fn literal(words: &mut Words<'_>) -> i64 {
    words
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number")
}
