//! The pieces of a Cedar text, found before Cedar's parser sees it: that parser recurses and would abort the process, not
//! fail. Authors' texts and those that a bundle holds are counted by the same tokens.

use std::ops::Range;

/// Most brackets inside each other, against texts that nest until a parser dies (T4 in docs/reference/threats.md): the
/// depth that inputs and policy documents may have too.
pub const DEPTH: usize = 32;
/// Most operators, accesses, `if`s and clauses of one policy: each may cost the parser or the evaluator a stack frame.
/// Tests evaluate the largest rule that is accepted on a stack of 2 MiB, that of a runtime's thread.
pub const OPERATORS: usize = 400;
/// Longest single policy or condition, in bytes.
pub const LENGTH: usize = 16 * 1024;

/// Brackets inside each other in a text that we print: each operator may get brackets of its own, and so may the few
/// that a scope adds.
const PRINTED_DEPTH: usize = DEPTH + OPERATORS + 16;
/// Longest single policy that we print, in bytes: an escape is up to ten bytes for one, and lists of agents are added.
const PRINTED_LENGTH: usize = 16 * LENGTH;

/// A piece of Cedar text that is not a comment or white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// The piece itself; a text with its quotes.
    pub text: &'a str,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

impl Token<'_> {
    /// Returns how many brackets are open after this token, if `depth` were open before.
    #[must_use]
    pub fn depth_after(&self, depth: usize) -> usize {
        match self.text {
            "(" | "[" | "{" => depth.saturating_add(1),
            ")" | "]" | "}" => depth.saturating_sub(1),
            _ => depth,
        }
    }

    /// Counts the escapes of a text in quotes that Cedar does not know, and the line ends that Cedar wants escaped.
    /// Only the pattern of a `like` knows `\*`. A token that is no text in quotes has none.
    fn strange_escapes(&self, is_pattern: bool) -> usize {
        if !self.text.starts_with('"') {
            return 0;
        }
        let mut strange = 0_usize;
        let mut rest = self.text.chars();
        while let Some(c) = rest.next() {
            let known = match c {
                '\\' => match rest.next() {
                    Some('n' | 'r' | 't' | '0' | '\\' | '\'' | '"') => true,
                    Some('*') => is_pattern,
                    // Cedar takes bytes up to 127 only: above that, one `\x` would not be one character.
                    Some('x') => number(rest.clone().take(2)).is_some_and(|byte| byte < 128),
                    Some('u') => {
                        let mut braced = rest.clone();
                        let opened = braced.next() == Some('{');
                        // Six digits and the brace.
                        let digits = braced.take(7).take_while(|c| *c != '}');
                        opened && number(digits).and_then(char::from_u32).is_some()
                    }
                    Some(_) | None => false,
                },
                c => c != '\r',
            };
            strange = strange.saturating_add(usize::from(!known));
        }
        strange
    }
}

/// A text in quotes that has no end: the bytes from its first quote on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotClosed(pub Range<usize>);

/// Counts for each of `tokens` the escapes that Cedar does not know, and returns each count with its token.
pub fn strange<'t>(tokens: &'t [Token<'_>]) -> impl Iterator<Item = (usize, &'t Token<'t>)> {
    // Which escapes are known depends on the word before: only behind `like` is a text a pattern.
    let before = std::iter::once("").chain(tokens.iter().map(|token| token.text));
    let counted = tokens.iter().zip(before);
    counted.map(|(token, before)| (token.strange_escapes(before == "like"), token))
}

/// Reads hexadecimal digits as a number. Returns `None` if there are none, more than six, or other characters.
fn number(digits: impl Iterator<Item = char>) -> Option<u32> {
    let digits: String = digits.collect();
    let only = digits.len() <= 6 && digits.chars().all(|c| c.is_ascii_hexdigit());
    u32::from_str_radix(&digits, 16).ok().filter(|_| only)
}

/// Splits `text` into tokens: words, strings, and single punctuation characters. Comments are left out.
///
/// # Errors
/// [`NotClosed`] when a text in quotes has no end.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, NotClosed> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let mut end = start.saturating_add(c.len_utf8());
        if c.is_whitespace() {
            continue;
        }
        if c == '/' && rest.peek().is_some_and(|(_, next)| *next == '/') {
            // A comment ends with its line. What stands in it is no token and counts for nothing.
            while rest.next_if(|(_, next)| *next != '\n').is_some() {}
            continue;
        }
        if c == '"' {
            let mut closed = false;
            while let Some((at, next)) = rest.next() {
                end = at.saturating_add(next.len_utf8());
                if next == '\\' {
                    // The escaped character is skipped unseen, so that `\"` ends no text.
                    rest.next();
                } else if next == '"' {
                    closed = true;
                    break;
                }
            }
            if !closed {
                return Err(NotClosed(start..text.len()));
            }
        } else if is_word(c) {
            while let Some((at, next)) = rest.next_if(|(_, next)| is_word(*next)) {
                end = at.saturating_add(next.len_utf8());
            }
        }
        tokens.push(Token {
            text: text.get(start..end).unwrap_or_default(),
            range: start..end,
        });
    }
    Ok(tokens)
}

/// Splits the tokens of a file into those of each policy: a policy ends with a `;` outside brackets.
pub fn split<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    let mut depth = 0_usize;
    // Brackets first: a `;` inside them belongs to what they hold.
    tokens.split_inclusive(move |token| {
        depth = token.depth_after(depth);
        depth == 0 && token.text == ";"
    })
}

/// Splits a text that we printed into its policies, so that Cedar's parser never looks for the next policy behind what
/// is none: that takes it minutes. Returns `None` if the text cannot be one that we printed, because a policy is too
/// long, nests too deep or has an escape that Cedar does not know.
#[must_use]
pub fn printed(text: &str) -> Option<Vec<&str>> {
    let tokens = tokens(text).ok()?;
    let policy = |tokens: &[Token<'_>]| {
        let (first, last) = (tokens.first()?, tokens.last()?);
        let policy = text.get(first.range.start..last.range.end)?;
        (policy.len() <= PRINTED_LENGTH && is_printed(tokens)).then_some(policy)
    };
    split(&tokens).map(policy).collect()
}

/// Returns whether no bracket of a text is deeper than in the texts that we print, and no escape is one that Cedar does
/// not know.
#[must_use]
pub fn is_shallow(text: &str) -> bool {
    tokens(text).is_ok_and(|tokens| is_printed(&tokens))
}

fn is_printed(tokens: &[Token<'_>]) -> bool {
    if strange(tokens).any(|(number, _)| number > 0) {
        return false;
    }
    let depths = tokens.iter().scan(0, |depth, token| {
        *depth = token.depth_after(*depth);
        Some(*depth)
    });
    depths.max().unwrap_or(0) <= PRINTED_DEPTH
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
