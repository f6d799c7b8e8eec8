//! Texts meant to break the front end: whatever comes, it answers.

use crate::fixture::{Files, base, compiled, over_base};

/// A small generator of pseudo-random numbers, so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }
}

/// Pieces that mean something to YAML, Cedar or JSON.
const PIECES: [&str; 32] = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "#",
    " #",
    "\"",
    "'",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "|-\n",
    ">\n",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "~",
    "no",
    "0x1F",
    "\t",
    "\u{202e}",
    "\u{feff}",
    "ä",
    "null",
    "\\",
    "@",
];

fn mutated(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        // The end included: what is put behind the last byte spoils too.
        let piece = PIECES[numbers.below(PIECES.len())].as_bytes();
        match numbers.below(4) {
            0 => drop(bytes.splice(at..at, piece.iter().copied())),
            1 => {
                let end = (at + 1 + numbers.below(8)).min(bytes.len());
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            2 => bytes.truncate(at),
            _ => bytes[at] = u8::try_from(numbers.below(256)).expect("a byte"),
        }
        // An empty file has nothing that could be spoilt again.
        if bytes.is_empty() {
            bytes.push(b'x');
        }
    }
    bytes
}

#[test]
fn thousands_of_spoilt_repositories_are_answered() {
    spoil(20_261_124);
}

#[test]
fn thousands_of_others_are_answered_too() {
    spoil(7);
}

fn spoil(seed: u64) {
    let base = base();
    let paths: Vec<&String> = base.keys().collect();
    let mut numbers = Numbers(seed);
    let mut refused = 0;
    for _ in 0..2_500 {
        let path = paths[numbers.below(paths.len())];
        let spoilt = mutated(&base[path], &mut numbers);
        let compiled = compiled(over_base_quickly(&base, path, spoilt));
        // A policy comes out exactly if there is no error.
        assert_eq!(compiled.policy.is_none(), compiled.diagnostics.has_errors());
        refused += usize::from(compiled.policy.is_none());
        for diagnostic in compiled.diagnostics.iter() {
            // Every diagnostic has a place and a help, whatever was found.
            assert!(
                !diagnostic.labels.is_empty() && diagnostic.help.is_some(),
                "{diagnostic:?}"
            );
        }
        // Rendering must hold for whatever was found.
        let _ = compiled.diagnostics.render(&compiled.sources, false);
        let _ = compiled.diagnostics.to_json(&compiled.sources);
    }
    // If most mutations were harmless, the test would show little.
    assert!(refused > 1_250, "most mutations are mistakes: {refused}");
}

fn over_base_quickly(base: &Files, path: &str, bytes: Vec<u8>) -> Files {
    let mut files = base.clone();
    files.insert(path.to_owned(), bytes);
    files
}

#[test]
fn t4_bombs_are_refused_before_they_go_off() {
    let deep = |open: &str, close: &str| {
        format!(
            "stopgate: 1\nprofiles: {}{}\n",
            open.repeat(100_000),
            close.repeat(100_000)
        )
    };
    // Each alias would double what the one before stands for.
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n".repeat(10_000);
    // Many keys in one line: looking for duplicates must not cost their square.
    let wide = format!(
        "stopgate: 1\nprofiles: {{{}}}\n",
        (0..100_000)
            .map(|at| format!("p{at}: 1,"))
            .collect::<String>()
    );
    // Blocks nest without a bracket.
    let block: String = (0..2_000)
        .map(|at| format!("{}k:\n", " ".repeat(at)))
        .collect();
    let dashes = format!("{}x\n", "- ".repeat(400_000));
    for text in [
        deep("[", "]"),
        deep("{a: ", "}"),
        deep("[", ""),
        laughs,
        wide,
        block,
        dashes,
        "? ".repeat(400_000),
    ] {
        let compiled = compiled(over_base(Files::from([(
            "profiles.yaml".to_owned(),
            text.into_bytes(),
        )])));
        assert!(compiled.policy.is_none());
        // A report of a huge file stays short.
        assert!(compiled.diagnostics.render(&compiled.sources, false).len() < 4 * 1024 * 1024);
    }
}
