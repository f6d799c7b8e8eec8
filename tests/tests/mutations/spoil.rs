//! Ways to spoil a text that know its lines, its indentation and its words.

use stopgate_tests::random::Random;

/// Words that some reader takes for something else than another does, or for too much.
const TRAPS: [&str; 84] = [
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "9007199254740993",
    "1e999",
    "-0",
    "-0.0",
    "0x10",
    "0o17",
    "010",
    "1_000",
    "1.0",
    ".5",
    "5.",
    "NaN",
    ".inf",
    "~",
    "null",
    "no",
    "yes",
    "on",
    "True",
    "true",
    "\"\"",
    "''",
    "'",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\x41",
    "&a",
    "*a",
    "!!binary",
    "!",
    "<<",
    "? ",
    "|-",
    "|",
    ">",
    ">+1",
    "%YAML 1.1",
    "---",
    "...",
    "#",
    " #",
    ":",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "{}",
    "[]",
    ",",
    ";",
    "@",
    "@id(\"x\")",
    "//",
    "/*",
    "&&",
    "||",
    "like",
    "has",
    "in",
    "is",
    "if",
    "then",
    "else",
    "unless",
    "when",
    "principal",
    "context",
    "context.input",
    "resource",
    "?principal",
    "Stopgate::Profile::\"finance\"",
    "Stopgate::User::\"x\"",
    "ip(\"127.0.0.1\")",
    "decimal(\"1.0\")",
    "datetime(\"2026-11-24\")",
];

/// Characters and bytes that are not what they look like, or are not text at all.
const BYTES: [&[u8]; 20] = [
    b"\0",
    b"\t",
    b"\r",
    b"\x0b",
    b"\x1b",
    b"\x7f",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\xe2\x80",
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{430}".as_bytes(),
    "e\u{301}".as_bytes(),
    "\u{10ffff}".as_bytes(),
];

/// What nests.
const OPENINGS: [&str; 12] = [
    "[",
    "{",
    "(",
    "- ",
    "{a: ",
    "!",
    "-",
    "\"",
    "[{",
    "if true then (",
    "a.",
    "{\"a\":",
];

/// How often something is repeated: around the limits, and far beyond.
const DEPTHS: [usize; 8] = [2, 16, 31, 32, 33, 40, 200, 20_000];

/// Most bytes that a text grows by: enough to be more than any reader takes.
const GROWTH: usize = 2 << 20;

/// Spoils `text` once, or a few times, with pieces of `others`.
pub(crate) fn spoil(random: &mut Random, text: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    // Once, or a few times: several small mistakes reach code that one mistake ends before.
    let mut text = text.to_vec();
    loop {
        text = match random.below(8) {
            // Lines and words mostly: bytes and depths are refused early, and test the same few lines.
            0..3 => lines(random, &text, others),
            3..6 => words(random, &text, others),
            6 => bytes(random, &text),
            _ => growth(random, &text),
        };
        if !random.one_in(3) {
            return text;
        }
    }
}

/// A place in something of `length`.
fn below(random: &mut Random, length: usize) -> usize {
    let bound = u64::try_from(length.max(1)).expect("small");
    usize::try_from(random.below(bound)).expect("small")
}

/// One of `all`.
fn one<'a, T>(random: &mut Random, all: &'a [T]) -> &'a T {
    &all[below(random, all.len())]
}

fn lines(random: &mut Random, text: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        return text.to_vec();
    }
    let (at, to) = (below(random, lines.len()), below(random, lines.len()));
    match random.below(7) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        3 => {
            let spaces = below(random, 5);
            lines[at].splice(0..0, std::iter::repeat_n(b' ', spaces));
        }
        4 => {
            // Less or no indentation makes another structure of the same words.
            let indent = lines[at].iter().take_while(|byte| **byte == b' ').count();
            let less = below(random, indent + 1);
            lines[at].drain(..less);
        }
        5 => {
            // A block of somebody else's lines.
            let other: Vec<&[u8]> = one::<Vec<u8>>(random, others)
                .split_inclusive(|byte| *byte == b'\n')
                .collect();
            let from = below(random, other.len());
            let block = other.iter().skip(from).take(1 + below(random, 6));
            let block: Vec<Vec<u8>> = block.map(|line| line.to_vec()).collect();
            lines.splice(to..to, block);
        }
        _ => lines.truncate(at),
    }
    lines.concat()
}

/// Words, runs of spaces, and every other character by itself.
fn tokens(text: &[u8]) -> Vec<&[u8]> {
    let kind = |byte: u8| match byte {
        // Bytes above ASCII go with words, so that characters stay whole unless bytes are spoilt.
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'/' | 0x80.. => 1,
        b' ' => 2,
        _ => 0,
    };
    text.chunk_by(|a, b| kind(*a) == kind(*b) && kind(*a) != 0)
        .collect()
}

fn words(random: &mut Random, text: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut words = tokens(text);
    if words.is_empty() {
        return text.to_vec();
    }
    let (at, to) = (below(random, words.len()), below(random, words.len()));
    let other;
    match random.below(6) {
        0 => {
            words.remove(at);
        }
        1 => words.insert(to, words[at]),
        2 => words.swap(at, to),
        3 => words[at] = one(random, &TRAPS).as_bytes(),
        4 => words.insert(at, one(random, &TRAPS).as_bytes()),
        _ => {
            other = tokens(one::<Vec<u8>>(random, others));
            if !other.is_empty() {
                words[at] = *one::<&[u8]>(random, &other);
            }
        }
    }
    words.concat()
}

fn bytes(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let at = below(random, text.len() + 1);
    match random.below(4) {
        0 => {
            text.splice(at..at, one(random, &BYTES).iter().copied());
        }
        1 => text.truncate(at),
        2 => {
            // A flip of one bit is what a bad disk makes.
            let end = text.len().min(at + 1 + below(random, 8));
            text.drain(at..end);
        }
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
    text
}

/// Depth and length.
fn growth(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let times = *one(random, &DEPTHS);
    let words = tokens(text);
    let at: usize = words
        .iter()
        .take(below(random, words.len()))
        .map(|word| word.len())
        .sum();
    let piece: &[u8] = match random.below(4) {
        0 if !words.is_empty() => one::<&[u8]>(random, &words),
        1 => one(random, &TRAPS).as_bytes(),
        _ => one(random, &OPENINGS).as_bytes(),
    };
    // Deep enough to break a parser, and not so long that the test itself is slow.
    let times = times.min(GROWTH / piece.len().max(1));
    let mut grown = text[..at].to_vec();
    grown.extend(piece.repeat(times));
    grown.extend(&text[at..]);
    grown
}
