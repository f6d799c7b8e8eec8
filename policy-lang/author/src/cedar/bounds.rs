//! Bounds on a Cedar text before Cedar's parser sees it: that parser recurses and would abort the process, not fail.

mod prepared;

use stopgate_decide::cedar::token::{DEPTH, LENGTH, NotClosed, OPERATORS, Token, strange, tokens};

use super::CedarMistake;

pub(super) use prepared::too_large;

/// Most escapes in one policy that Cedar does not know. Each costs Cedar's parser a copy of the whole text that the
/// escape stands in.
const STRANGE: usize = 16;

impl From<NotClosed> for CedarMistake {
    fn from(NotClosed(range): NotClosed) -> Self {
        Self::new("cedar-syntax", "this text is not closed", range).help("end the text with `\"`")
    }
}

/// Refuses a policy or condition that Cedar's parser might not survive.
pub(super) fn check(text: &str) -> Result<(), CedarMistake> {
    check_tokens(&tokens(text)?)
}

/// Refuses the tokens of one policy or condition that Cedar's parser might not survive: too long a text, too many
/// escapes that Cedar does not know, brackets nested too deep, or too many operators.
pub(super) fn check_tokens(tokens: &[Token<'_>]) -> Result<(), CedarMistake> {
    // 1. The length.
    let start = tokens.first().map_or(0, |token| token.range.start);
    let end = tokens.last().map_or(0, |token| token.range.end);
    let length = end.saturating_sub(start);
    if length > LENGTH {
        let message =
            format!("this is {length} bytes long, more than the {LENGTH} that are accepted");
        return Err(CedarMistake::new("cedar-too-large", message, start..end)
            .help("split it into several rules"));
    }
    // 2. Escapes that Cedar does not know. A few are left to its parser, which says what is wrong with them.
    let mut found = 0_usize;
    for (number, token) in strange(tokens) {
        found = found.saturating_add(number);
        if found > STRANGE {
            let message = format!("there are more than {STRANGE} escapes that Cedar does not know");
            let mistake = CedarMistake::new("cedar-syntax", message, token.range.clone());
            return Err(mistake.help("write a backslash in a text as `\\\\`"));
        }
    }
    // 3. Depth and operators, counted to the first token that is too much.
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for token in tokens {
        depth = token.depth_after(depth);
        // `a["b"]` is an access, and clauses are joined like operands: what parses deep is evaluated deep.
        match token.text {
            // Nothing is parsed here: a word counts wherever it may cost a frame, even where it is the name of a
            // member.
            "[" | "when" | "unless" => operators = operators.saturating_add(1),
            "&" | "|" | "." | "!" | "-" | "+" | "*" | "<" | ">" | "=" | "if" | "has" | "like"
            | "in" | "is" | "," => {
                operators = operators.saturating_add(1);
            }
            _ => {}
        }
        let too_deep = depth > DEPTH;
        if too_deep || operators > OPERATORS {
            let message = if too_deep {
                format!("brackets are nested more than {DEPTH} deep")
            } else {
                format!("there are more than {OPERATORS} operators in one rule")
            };
            let mistake = CedarMistake::new("cedar-too-large", message, token.range.clone());
            return Err(mistake.help("split it into several rules"));
        }
    }
    Ok(())
}
